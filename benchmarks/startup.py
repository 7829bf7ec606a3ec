"""What starting costs: `import modelry` over bare Python, `modelry --help`, and opening a registry.

python benchmarks/startup.py [--rounds 21] [--json]
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
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
    with tempfile.TemporaryDirectory(prefix="modelry-bench-") as folder:
        opened = race(_opening(Path(folder)), given.rounds)
    again, table = opened["registry"] * 1000, opened["table"] * 1000
    rows = [
        Row("import modelry, over bare Python", imported - bare, 60, "ms", note),
        Row("modelry --help", helped, 250, "ms", note),
        Row(
            "open an embedded registry again in a process",
            again,
            None,
            "ms",
            f"{table:.2f} ms for its database alone, and one row",
        ),
    ]
    show(rows, as_json=given.json)


def _opening(home: Path) -> dict[str, Callable[[], object]]:
    """Answer how a registry is opened, and how its database is by itself."""
    from modelry import wiring

    def registry() -> None:
        wiring.connect(home=home).close()

    def table() -> None:
        with closing(sqlite3.connect(home / "registry.db")) as connection:
            connection.execute("SELECT count(*) FROM registered_models").fetchone()

    registry()
    return {"registry": registry, "table": table}


def _started(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
