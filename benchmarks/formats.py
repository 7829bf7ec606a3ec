"""What looking into files costs: each format against the least that could tell as much.

python benchmarks/formats.py [--rounds 20] [--json]

Headers are read against `json.loads` of the same text, weights that are passed
over against reading them, a folder against opening its files.
"""

from __future__ import annotations

import hashlib
import json
import struct
import tempfile
from pathlib import Path

from measure import Row, options, race, show

from modelry.blobs.tree import LocalSources
from modelry.wiring import installed_formats

TENSORS = 1000
FILES = 2000
WEIGHTS = 256 * 1024 * 1024


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modelry-formats-") as folder:
        rows = [*_rows(Path(folder), given.rounds)]
    show(rows, as_json=given.json)


def _rows(folder: Path, rounds: int) -> list[Row]:
    header, weights, many = folder / "header", folder / "weights", folder / "many"
    text = _safetensors(header, TENSORS, 4)
    _safetensors(weights, 1, WEIGHTS)
    many.mkdir()
    for at in range(FILES):
        (many / f"{at}").write_bytes(b"some text that is no model" * 10)
    took = race(
        {
            "header": lambda: inspect(header),
            "json": lambda: json.loads(text),
            "weights": lambda: inspect(weights),
            "reading": lambda: hashlib.sha256(weights.read_bytes()),
            "folder": lambda: inspect(many),
            "opening": lambda: open_each(many),
        },
        rounds,
    )
    return [
        _ratio(took, f"a header of {TENSORS:,} tensors / json.loads of it", "header", "json"),
        _ratio(took, "256 MiB of weights / hashing them", "weights", "reading"),
        _ratio(took, f"a folder of {FILES:,} files / opening each", "folder", "opening"),
    ]


def open_each(folder: Path) -> None:
    """Open and close every file of a folder."""
    for path in folder.iterdir():
        with path.open("rb"):
            continue


def _ratio(took: dict[str, float], what: str, ours: str, bare: str) -> Row:
    return Row(what, took[ours] / took[bare], None, "x", f"{took[ours] * 1000:.1f} ms")


def inspect(path: Path) -> None:
    """Look into a file or folder as a registration does."""
    source = LocalSources().open(path)
    installed_formats().inspect(source.kind, source.files)


def _safetensors(path: Path, tensors: int, size: int) -> str:
    entries = {
        f"model.layers.{at}.weight": {
            "dtype": "U8", "shape": [size], "data_offsets": [at * size, (at + 1) * size]}
        for at in range(tensors)
    }  # fmt: skip
    text = json.dumps(entries)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text.encode())
        file.truncate(file.tell() + tensors * size)
    return text


if __name__ == "__main__":
    main()
