"""Leases: which blobs somebody still needs, although no version names them yet.

A lease is a file with one digest per line, locked by its owner for as long as
it lives. Whether a lease counts is a question of the lock alone, so no clock
matters and a killed process lets go at once. One short lock, the gate, orders
the two things that must not cross: "I need this blob - is it there?" and
"nobody needs this blob - remove it". A lease need not survive a power cut
(neither does its owner), so nothing here is fsynced.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelry.blobs.durable import BINARY, write_all
from modelry.blobs.locks import Lock

EVERYTHING = "*"
_GATE = "gate"
_MARK = ".lease"


class Lease:
    """One owner's claim on blobs; ends with `release` or with the process."""

    def __init__(self, leases: Leases, name: str, lock: Lock) -> None:
        self.name = name
        self._leases = leases
        self._lock = lock
        self._path = leases.folder / f"{name}{_MARK}"
        self._held: set[str] = set()

    def add(self, digests: Iterable[str]) -> None:
        """Record digests: a `remove` that comes later leaves these blobs alone."""
        wanted = set(digests) - self._held
        if not wanted:
            return
        lines = "".join(f"{digest}\n" for digest in wanted).encode("ascii")
        with self._leases.gate():
            _append(self._path, lines)
        self._held |= wanted

    def release(self) -> None:
        """End the lease; its file is gone before its lock is."""
        with self._leases.gate():
            _unlink(self._path)
            self._lock.release()


class Leases:
    """All leases of one store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def gate(self) -> Iterator[None]:
        """Be the only one that grants leases or removes blobs, for a moment."""
        lock = Lock.take(self.folder / _GATE)
        try:
            yield
        finally:
            lock.release()

    def open(self) -> Lease:
        """Begin a lease that holds nothing yet."""
        name = uuid.uuid4().hex
        with self.gate():
            return Lease(self, name, Lock.take(self.folder / f"{name}{_MARK}"))

    def covers(self, sha256: str) -> bool:
        """Say whether a living lease holds a blob. Ask inside the gate."""
        line = f"{sha256}\n".encode("ascii")
        everything = f"{EVERYTHING}\n".encode("ascii")
        for path in self._files():
            text = path.read_bytes()
            if (line in text or everything in text) and _alive(path):
                return True
        return False

    def living(self) -> frozenset[str]:
        """Name the leases whose owners live, and drop the files of the others."""
        with self.gate():
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
    lock = Lock.attempt(path)
    if lock is None:
        return False
    _unlink(path)
    lock.release()
    return True


def _append(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | BINARY, 0o666)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _unlink(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
