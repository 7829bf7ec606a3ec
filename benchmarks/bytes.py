"""What bytes cost: registering and placing files against plain loops, in one run.

    python benchmarks/bytes.py [--size-mib 1024] [--rounds 5] [--json]

Each row is a ratio of medians; the contestants take turns, so that a busy
machine slows all of them. The plain loop reads, hashes with sha256, writes and
fsyncs in one thread. Needs about four times `--size-mib` on the disk of `--in`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from measure import Row, options, show

import modelry
from modelry.blobs.local import LocalBlobs
from modelry.blobs.tree import LocalSources
from modelry.core.repository import RegistryRepository

MIB = 1024 * 1024
PARTS = 8
SMALL_ROUNDS = 200


def main() -> None:
    """Measure everything and print it."""
    parser = options(__doc__)
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in", dest="place", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        _tell_peak_of(given.peak)
        return
    work = Path(tempfile.mkdtemp(prefix="modelry-bytes-", dir=given.place))
    try:
        rows = [*measure(work, given.size_mib, given.rounds)]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    show(rows, as_json=given.json)


def measure(work: Path, mib: int, rounds: int) -> Iterator[Row]:
    """Answer every row."""
    big, folder = work / "big", work / "folder"
    write_random(big, mib)
    folder.mkdir()
    for part in range(PARTS):
        write_random(folder / f"part-{part}", mib // PARTS)
    yield from large(work, big, folder, rounds)
    yield from again(work, big)
    yield Row("peak memory over a bare interpreter", peak(work, big, folder), 120, "MiB")
    yield from used(work, big)
    yield from small(work, rounds)


def large(work: Path, big: Path, folder: Path, rounds: int) -> Iterator[Row]:
    """Compare a large file, and a folder of as many bytes, with the plain loop."""
    took = race(
        {
            "plain": lambda: plain(big, work / "copy"),
            "file": lambda: register(work / "home", big),
            "folder": lambda: register(work / "home", folder),
        },
        rounds,
        lambda: clear(work / "home", work / "copy"),
    )
    note = f"plain loop {took['plain']:.2f} s"
    yield Row("register one file / plain loop", took["file"] / took["plain"], 1.3, "x", note)
    ratio = took["folder"] / took["plain"]
    yield Row(f"register {PARTS} files / plain loop", ratio, 1.3, "x", note)


def again(work: Path, big: Path) -> Iterator[Row]:
    """Register bytes that are here already."""
    register(work / "home", big)
    before = written(work / "home" / "blobs")
    seconds = timed(lambda: register(work / "home", big))
    grown = written(work / "home" / "blobs") - before
    yield Row("bytes written by a second registration", grown, 0, "B", f"{seconds:.2f} s")


def used(work: Path, big: Path) -> Iterator[Row]:
    """Use a version, then use it again."""
    with registry_in(work / "home") as registry:
        registry.register("big", big)
        first = timed(lambda: registry.use("big"))
        seconds = statistics.median(timed(lambda: registry.use("big")) for _ in range(50))
    yield Row("use of a cached version", seconds * 1000, 5, "ms", f"the first time {first:.2f} s")
    remove(work / "home")


def small(work: Path, rounds: int) -> Iterator[Row]:
    """Compare a file of 1 KiB with its two fsyncs, and a thousand of them with theirs."""
    one, many = work / "one", work / "many"
    one.write_bytes(b"")
    many.mkdir()
    counter = iter(range(10**9))
    blobs = LocalBlobs(work / "blobs")
    stage(blobs, one)

    def renew(path: Path) -> Path:
        path.write_bytes(hashlib.sha256(b"%d" % next(counter)).digest() * 32)
        return path

    took = race(
        {
            "bare": lambda: bare(work, renew(one).read_bytes()),
            "ours": lambda: stage(blobs, renew(one)),
        },
        SMALL_ROUNDS,
    )
    note = f"bare write and fsyncs {took['bare'] * 1000:.2f} ms"
    yield Row("stage and publish 1 KiB / bare fsyncs", took["ours"] / took["bare"], None, "x", note)
    files = [many / f"{at}" for at in range(1000)]

    def bare_many() -> None:
        for file in files:
            bare(work, renew(file).read_bytes())

    def ours_many() -> None:
        for file in files:
            renew(file)
        stage(blobs, many)

    took = race({"bare": bare_many, "ours": ours_many}, rounds)
    note = f"bare {took['bare'] * 1000:.0f} ms"
    yield Row("the same with 1,000 files", took["ours"] / took["bare"], None, "x", note)


def race(
    runs: Mapping[str, Callable[[], object]],
    rounds: int,
    between: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Let every run have its turn in each round; answer the median seconds of each."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            between()
            took[name].append(timed(run))
    return {name: statistics.median(seconds) for name, seconds in took.items()}


def timed(run: Callable[[], object]) -> float:
    """Answer how many seconds `run` takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def plain(source: Path, target: Path) -> None:
    """Read, hash, write and fsync in one plain loop."""
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(MIB):
            digest.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())


def bare(work: Path, data: bytes) -> None:
    """Write, fsync, rename and fsync the folder: the least that durability takes."""
    aside, target = work / "bare.part", work / f"bare-{hashlib.sha256(data).hexdigest()}"
    with aside.open("wb") as writing:
        writing.write(data)
        writing.flush()
        os.fsync(writing.fileno())
    aside.rename(target)
    with open_folder(work) as descriptor:
        os.fsync(descriptor)
    target.unlink()


@contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """Open a folder to fsync it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def registry_in(home: Path) -> RegistryRepository:
    """Open the registry of a folder."""
    return modelry.connect(f"sqlite:///{home}/registry.db")


def register(home: Path, source: Path) -> None:
    """Register a file or folder, from opening the registry to closing it."""
    with registry_in(home) as registry:
        registry.register("big", source)


def stage(blobs: LocalBlobs, source: Path) -> None:
    """Stage and publish a file or folder, without the metadata (metadata.py has that)."""
    with blobs.stage(LocalSources().open(source).files, lambda _size: False) as staged:
        staged.publish()


def peak(work: Path, big: Path, folder: Path) -> float:
    """Answer the most that registering a file or a folder takes over a bare interpreter, in MiB."""
    command = [sys.executable, __file__, "--peak"]
    nothing = work / "nothing"
    nothing.touch()
    bare_peak = _child([sys.executable, "-c", _PEAK])
    return max(_child([*command, str(path)]) for path in (big, folder, nothing)) - bare_peak


_PEAK = "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
"""Linux alone: `ru_maxrss` of a child begins with the peak of its parent."""


def _child(command: list[str]) -> float:
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout) / 1024


def _tell_peak_of(source: Path) -> None:
    """Register `source` in this process and print its peak in KiB."""
    store = source.parent / f"peak-{source.name}"
    register(store, source)
    remove(store)
    exec(_PEAK)  # noqa: S102 - the same line that the bare interpreter runs


def write_random(path: Path, mib: int) -> None:
    """Write random bytes, which no disk can compress."""
    with path.open("wb") as handle:
        for _ in range(mib):
            handle.write(os.urandom(MIB))


def written(store: Path) -> int:
    """Answer the bytes of all blobs in a store."""
    return sum(path.stat().st_size for path in (store / "sha256").rglob("*") if path.is_file())


def clear(*paths: Path) -> None:
    """Remove files and folders, and let the disk come to rest."""
    for path in paths:
        remove(path)
    os.sync()


def remove(path: Path) -> None:
    """Remove a file or folder where there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
