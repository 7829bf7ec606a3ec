"""The `modelry` command's way in."""

from __future__ import annotations

import sys
from io import TextIOWrapper


def run() -> None:
    """Run the command line. Imports happen inside, so that Ctrl-C is answered during them too."""
    if isinstance(sys.stdout, TextIOWrapper):
        # what the terminal's encoding lacks, or a path's odd bytes, must not fail what was done
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from modelry.cli.app import app

        app(prog_name="modelry")
    except KeyboardInterrupt:
        sys.stderr.write("modelry: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    run()
