"""What starting costs: `import modelry` over bare Python, and `modelry --help`.

python benchmarks/startup.py [--rounds 21] [--json]
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from measure import Row, options, race, show


def main() -> None:
    """Start each of them in turn and print what it took."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    given = parser.parse_args()
    command = str(Path(sys.executable).parent / "modelry")
    took = race(
        {
            "bare": _started(sys.executable, "-c", "pass"),
            "import": _started(sys.executable, "-c", "import modelry"),
            "help": _started(command, "--help"),
        },
        given.rounds,
    )
    bare, imported, helped = (took[name] * 1000 for name in ("bare", "import", "help"))
    note = f"bare Python {bare:.1f} ms"
    rows = [
        Row("import modelry, over bare Python", imported - bare, 60, "ms", note),
        Row("modelry --help", helped, 250, "ms", note),
    ]
    show(rows, as_json=given.json)


def _started(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
