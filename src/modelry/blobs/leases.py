"""Leases: which blobs somebody still needs, although no version names them yet.

A lease is a file with one digest per line, locked by its owner for as long as
it lives. Whether a lease counts is a question of the lock alone, so no clock
matters and a killed process lets go at once (where it had forked: when its
children end as well, because they share its locks). One short lock, the gate, orders
the two things that must not cross: "I need this blob - is it there?" and
"nobody needs this blob - remove it". A lease need not survive a power cut
(neither does its owner), so nothing here is fsynced.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from modelry.blobs.locks import Lock
from modelry.durable import BINARY, fresh_name, write_all

EVERYTHING = "*"
_GATE = "gate"
_MARK = ".lease"
_KEPT = 64 * 1024


@contextmanager
def gate(folder: Path) -> Iterator[None]:
    """Be the only one that grants leases or removes blobs, for a moment."""
    lock = Lock.take(folder / _GATE)
    try:
        yield
    finally:
        lock.release()


class Lease:
    """One owner's claim on blobs; ends with `release` or with the process."""

    def __init__(self, path: Path, lock: Lock, idle: list[Lease]) -> None:
        self.path = path
        self.numbers = count()
        self._idle = idle
        self._lock = lock
        self._lines = os.open(self.path, os.O_WRONLY | BINARY)
        self._end = 0
        self._held: set[str] = set()

    @property
    def name(self) -> str:
        """What files of this owner begin with."""
        return self.path.stem

    def add(self, digests: Iterable[str]) -> None:
        """Record digests: a `remove` that comes later leaves these blobs alone."""
        wanted = set(digests) - self._held
        if not wanted:
            return
        lines = "".join(f"{digest}\n" for digest in wanted).encode("ascii")
        with gate(self.path.parent):
            self._write(lines)
            self._end += len(lines)
        self._held |= wanted

    def release(self) -> None:
        """Hold nothing any more, and be there for the next one who needs a lease."""
        end, self._end = self._end, 0
        self._held.clear()
        if end <= _KEPT and self._blank(end):
            self._idle.append(self)
        else:
            self.retire()

    def retire(self) -> None:
        """End the lease. Its file goes before its lock, so nobody finds a dead one."""
        os.close(self._lines)
        with suppress(OSError):  # then `sweep` finds it
            self.path.unlink(missing_ok=True)
        self._lock.release()

    def _blank(self, size: int) -> bool:
        """Overwrite what was recorded: ext4 would flush a truncated file, which takes long."""
        try:
            self._write(bytes(size))
        except OSError:
            return False
        return True

    def _write(self, data: bytes) -> None:
        os.lseek(self._lines, self._end, os.SEEK_SET)
        write_all(self._lines, data)


class Leases:
    """All leases of one store.

    A released lease is kept, empty and locked, for the next staging of this
    process: making and removing a file each time costs ext4 more than the
    staging of a small file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._idle: list[Lease] = []
        self._process = os.getpid()
        weakref.finalize(self, _retire, self._idle, self._process)

    def open(self) -> Lease:
        """Begin a lease that holds nothing yet."""
        if self._process != os.getpid():  # a fork: the idle ones are the parent's
            self._process = os.getpid()
            self._idle.clear()
        with suppress(IndexError):
            while True:
                lease = self._idle.pop()  # another thread may have had the last one
                if lease.path.exists():
                    return lease
        path = self.folder / f"{fresh_name()}{_MARK}"
        with gate(self.folder):
            return Lease(path, Lock.take(path), self._idle)

    def close(self) -> None:
        """Give back the leases that were kept for later."""
        idle, self._idle[:] = list(self._idle), []
        _retire(idle, self._process)

    def covers(self, sha256: str) -> bool:
        """Say whether a living lease holds a blob. Ask inside the gate."""
        line = f"{sha256}\n".encode("ascii")
        everything = f"{EVERYTHING}\n".encode("ascii")
        for path in self._files():
            with suppress(FileNotFoundError):  # its owner ended meanwhile
                text = path.read_bytes()
                if (line in text or everything in text) and _alive(path):
                    return True
        return False

    def living(self) -> frozenset[str]:
        """Name the leases whose owners live, and drop the files of the others."""
        with gate(self.folder):
            return frozenset(path.stem for path in self._files() if not _bury(path))

    def _files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if path.suffix == _MARK]


def _alive(path: Path) -> bool:
    lock = Lock.attempt(path)
    if lock is None:
        return True
    lock.release()
    return False


def _bury(path: Path) -> bool:
    """Remove a lease whose lock can be had; say whether it was dead."""
    with suppress(FileNotFoundError):  # its owner ended meanwhile
        lock = Lock.attempt(path)
        if lock is None:
            return False
        path.unlink()
        lock.release()
    return True


def _retire(idle: list[Lease], process: int) -> None:
    """Remove the leases of a store that nobody uses any more, but not those of a parent."""
    if process == os.getpid():
        for lease in idle:
            lease.retire()
