"""Draw `terminal.svg`: what the command line prints about the registry that the demo made.

python docs/pictures/draw.py

Every line is real output. Only the account's name is replaced, so that the
picture is nobody's in particular.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from modelry.surroundings import LocalSurroundings

HERE = Path(__file__).resolve().parent
DEMO = HERE.parents[1] / "examples" / "demo" / "run.py"
COMMANDS = (
    ("compare", "digits:1", "digits:2"),
    ("history", "digits", "--limit", "3"),
)
WIDTH = 84


def main() -> None:
    """Run the demo, then the commands, and draw what they print."""
    with tempfile.TemporaryDirectory(prefix="modelry-picture-") as folder:
        home = str(Path(folder) / "home")
        subprocess.run([sys.executable, str(DEMO), "--home", home], check=True, capture_output=True)  # noqa: S603 - ours
        console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
        for words in COMMANDS:
            console.print(Text.assemble(("$ ", "dim"), ("modelry " + " ".join(words), "bold cyan")))
            console.print(Text.from_ansi(_output(home, words)))
    svg = console.export_svg(title="modelry", code_format=_without_links(CONSOLE_SVG_FORMAT))
    (HERE / "terminal.svg").write_text(re.sub(r"[ \t]+\n", "\n", svg), encoding="utf-8")


def _output(home: str, words: tuple[str, ...]) -> str:
    settings = {"MODELRY_HOME": home, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    command = [str(Path(sys.executable).parent / "modelry"), *words]
    done = subprocess.run(  # noqa: S603 - ours
        command, check=True, capture_output=True, text=True, env=os.environ | settings
    )
    author = re.escape(LocalSurroundings().author())
    return re.sub(rf"(?<=\x1b\[1m){author}(?=\x1b)", "ada", done.stdout)


def _without_links(template: str) -> str:
    """Leave out the fonts that Rich would load from elsewhere."""
    return re.sub(r"@font-face \{\{.*?\}\}\s*", "", template, flags=re.DOTALL)


if __name__ == "__main__":
    main()
