"""Blobs that were fetched before, in a folder that all processes of a user share.

    root/sha256/ab/abcdef...    whole blobs, verified before they are here
    root/parts/abcdef....part   a blob on its way, with room for all of it
    root/parts/abcdef....have   which ranges of it are here: `length`, then one number a line
    root/locks/                 one fetcher at a time

The folder may be deleted whenever nothing is fetched. `eviction` keeps it small.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modelry.blobs.copying import hash_bytes
from modelry.blobs.layout import Layout
from modelry.blobs.local import LocalBlobs
from modelry.blobs.locks import Lock
from modelry.blobs.meter import Meter
from modelry.core.errors import Corrupt
from modelry.durable import READ_ONLY, storing, write_all
from modelry.remotes.client.eviction import LOCKS, PARTS, evict, used


class Cache:
    """A local content-addressed store of what servers sent.

    Nothing waits for the disk here: a power cut may leave a blob damaged,
    which whoever reads it finds and `drop`s.
    """

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._blobs = LocalBlobs(root)
        self._parts = root / PARTS
        self._locks = root / LOCKS
        self._root = root

    def open(self, sha256: str, size: int) -> BinaryIO | None:
        """Open a blob, None where it is not here, whole. It counts as used now."""
        if self._blobs.size(sha256) != size:
            return None
        try:
            found = self._blobs.open(sha256)
        except Corrupt:  # evicted since
            return None
        used(self._layout.blob(sha256))
        return found

    def fit(self, limit: int | None) -> None:
        """Give up what was used least recently until `limit` bytes are left; None keeps all."""
        if limit is not None:
            evict(self._root, limit)

    def drop(self, sha256: str) -> bool:
        """Forget a blob, so that it is fetched anew; say whether it was here."""
        with storing(self._root):
            here = self._layout.blob(sha256).exists()
            self._layout.blob(sha256).unlink(missing_ok=True)
        return here

    @contextmanager
    def arriving(self, sha256: str, size: int, span: int) -> Iterator[Arrival]:
        """Answer what is here of a blob already; no other process fetches it meanwhile."""
        with storing(self._root):
            for folder in (self._parts, self._locks, self._layout.blob(sha256).parent):
                folder.mkdir(parents=True, exist_ok=True)
            lock = Lock.take(self._locks / sha256[:4])
        try:
            yield Arrival(self._parts / sha256, self._layout.blob(sha256), size, span)
        finally:
            lock.release()

    def close(self) -> None:
        """Give back what is kept open."""
        self._blobs.close()


class Arrival:
    """A blob on its way: ranges of `span` bytes, in any order, until all are here."""

    def __init__(self, stem: Path, target: Path, size: int, span: int) -> None:
        self._part = stem.with_suffix(".part")
        self._have = stem.with_suffix(".have")
        self._target = target
        self._size = size
        self._span = span

    def missing(self) -> list[tuple[int, int]]:
        """Answer the ranges that are not here yet, as first byte and the one after the last."""
        have = self._ranges()
        starts = range(0, self._size, self._span)
        return [
            (start, min(start + self._span, self._size))
            for number, start in enumerate(starts)
            if number not in have
        ]

    @contextmanager
    def writing(self) -> Iterator[int]:
        """Open the part for writing, made with room for everything."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        with storing(self._part.parent):
            descriptor = os.open(self._part, flags, 0o600)
            try:
                os.ftruncate(descriptor, self._size)
                yield descriptor
            finally:
                os.close(descriptor)

    def note(self, start: int) -> None:
        """Remember that the range at `start` is here."""
        with storing(self._have.parent), self._have.open("a", encoding="ascii") as stream:
            stream.write(f"{start // self._span}\n")

    def keep(self, sha256: str, meter: Meter) -> bool:
        """Put the blob where it belongs if its bytes are right; else forget them all."""
        with self._part.open("rb") as stream:
            found = hash_bytes(stream, self._part.name, meter)
        self._have.unlink(missing_ok=True)
        if found != (sha256, self._size):
            self._part.unlink(missing_ok=True)
            return False
        with storing(self._target.parent):
            self._part.chmod(READ_ONLY)
            self._part.replace(self._target)
        return True

    def _ranges(self) -> set[int]:
        """Answer which ranges are here; none where the part is gone, or of other ranges."""
        if not self._part.exists() or not self._have.exists():
            self._begin()
            return set()
        first, *lines = self._have.read_text(encoding="ascii").split("\n")
        if first != str(self._span):
            self._begin()
            return set()
        return {int(line) for line in lines[:-1] if line.isdigit()}  # the last may be cut

    def _begin(self) -> None:
        with storing(self._part.parent):
            self._part.unlink(missing_ok=True)
            self._have.write_text(f"{self._span}\n", encoding="ascii")


def write_at(descriptor: int, offset: int, data: bytes) -> None:
    """Write `data` at `offset`, whatever other threads write elsewhere."""
    if hasattr(os, "pwrite"):
        rest = memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written
        return
    os.lseek(descriptor, offset, os.SEEK_SET)  # Windows: see `Fetcher`, which uses one thread there
    write_all(descriptor, data)
