"""What uploads cost: pieces into a local store against a plain loop, in one run.

    python benchmarks/objects.py [--size-mib 256] [--rounds 5] [--json]

The plain loop hashes with sha256, writes, and fsyncs once, in one thread; ours
also makes the names of upload, marker and blob durable. What an object store
costs is a question of its network, and is not measured here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row, options, race, show

from modelry.blobs.local import LocalBlobs

MIB = 1024 * 1024
SMALL_CALLS = 20


def main() -> None:
    """Measure everything and print it."""
    parser = options(__doc__)
    parser.add_argument("--size-mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in", dest="place", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="modelry-objects-", dir=given.place))
    try:
        rows = [*measure(work, given.size_mib, given.rounds)]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    show(rows, as_json=given.json)


def measure(work: Path, mib: int, rounds: int) -> Iterator[Row]:
    """Answer every row."""
    data = memoryview(os.urandom(mib * MIB))
    sha256 = hashlib.sha256(data).hexdigest()
    blobs = LocalBlobs(work / "blobs")
    for piece in (MIB, 8 * MIB):
        took = race(
            {
                "plain": lambda: plain(work / "plain", data, piece),  # noqa: B023 - run at once
                "ours": lambda: upload(blobs, data, sha256, piece),  # noqa: B023 - run at once
            },
            rounds,
        )
        what = f"upload in pieces of {piece // MIB} MiB / plain loop"
        yield Row(what, took["ours"] / took["plain"], 1.3, "x", f"plain {took['plain']:.2f} s")
    took = race(
        {
            "one process": lambda: upload(blobs, data, sha256, MIB),
            "two": lambda: upload(blobs, data, sha256, MIB, LocalBlobs(work / "blobs")),
        },
        rounds,
    )
    ratio = took["two"] / took["one process"]
    yield Row(
        "the same where the end is at another process", ratio, None, "x", "it reads all again"
    )
    yield small(work, blobs, rounds)


def small(work: Path, blobs: LocalBlobs, rounds: int) -> Row:
    """Compare an upload of 1 KiB in one piece with the plain loop."""

    def ours() -> None:
        data = memoryview(os.urandom(1024))
        upload(blobs, data, hashlib.sha256(data).hexdigest(), 1024)

    took = race(
        {"plain": lambda: plain(work / "plain", memoryview(os.urandom(1024)), 1024), "ours": ours},
        rounds,
        SMALL_CALLS,
    )
    note = f"plain {took['plain'] * 1000:.2f} ms"
    return Row("upload of 1 KiB / plain loop", took["ours"] / took["plain"], None, "x", note)


def plain(path: Path, data: memoryview, piece: int) -> None:
    """Hash, write and fsync in one plain loop."""
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as out:
        for at in range(0, len(data), piece):
            digest.update(data[at : at + piece])
            out.write(data[at : at + piece])
        os.fsync(out.fileno())
    path.unlink()


def upload(
    blobs: LocalBlobs, data: memoryview, sha256: str, piece: int, last: LocalBlobs | None = None
) -> None:
    """Send `data` in pieces, finish it (at `last`), and remove the blob."""
    name = os.urandom(16).hex()
    blobs.uploads.begin(name)
    for at in range(0, len(data), piece):
        blobs.uploads.append(name, at, data[at : at + piece])
    (last or blobs).uploads.finish(name, sha256, len(data))
    blobs.uploads.drop(name)
    blobs.remove(sha256)


if __name__ == "__main__":
    main()
