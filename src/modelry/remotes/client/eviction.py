"""What the cache of fetched blobs holds, and giving up what was used least recently.

A blob that is being fetched is locked by its fetcher and stays. One that is being
read may go: POSIX keeps the bytes for who has the file open, Windows refuses to
remove it, and then it stays too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelry.blobs.layout import Layout
from modelry.blobs.locks import Lock

LOCKS = "locks"
PARTS = "parts"
_PART = ".part"


@dataclass(frozen=True, slots=True)
class Entry:
    """A blob in the cache: its bytes on this disk, and when it was used last (Unix time).

    `whole` is false for one whose fetching broke off; it is gone on with.
    """

    sha256: str
    size: int
    used: float
    whole: bool


@dataclass(frozen=True, slots=True)
class Evicted:
    """What was given up: how many blobs, and the bytes that this freed."""

    blobs: int
    bytes: int


def entries(root: Path) -> list[Entry]:
    """List what the cache at `root` holds, what was used least recently first."""
    return sorted([*_blobs(root), *_parts(root)], key=lambda each: (each.used, each.sha256))


def used(path: Path) -> None:
    """Note that the blob at `path` is used now."""
    with suppress(OSError):  # of a cache that may only be read; it is evicted by nobody then
        os.utime(path)


def evict(root: Path, limit: int) -> Evicted:
    """Give up what was used least recently until at most `limit` bytes are left.

    What another process or thread is fetching stays, so that more may be left.
    """
    found = entries(root)
    left = sum(each.size for each in found)
    gone = freed = 0
    for each in found:
        if left <= limit:
            break
        if _remove(root, each):
            left -= each.size
            freed += each.size
            gone += 1
    return Evicted(gone, freed)


def _blobs(root: Path) -> Iterator[Entry]:
    for sha256, state in Layout(root).blobs():
        yield Entry(sha256, state.st_size, state.st_mtime, whole=True)


def _parts(root: Path) -> Iterator[Entry]:
    """List what is half here. A part has room for everything; what is on the disk counts."""
    for path in (root / PARTS).glob(f"*{_PART}"):
        with suppress(FileNotFoundError):  # it became whole
            state = path.stat()
            size = min(state.st_size, getattr(state, "st_blocks", state.st_size) * 512)
            yield Entry(path.stem, size, state.st_mtime, whole=False)


def _remove(root: Path, entry: Entry) -> bool:
    """Remove an entry unless it is in use, or was used since it was listed."""
    part = root / PARTS / f"{entry.sha256}{_PART}"
    path = Layout(root).blob(entry.sha256) if entry.whole else part
    try:
        (root / LOCKS).mkdir(exist_ok=True)
        lock = Lock.attempt(root / LOCKS / entry.sha256[:4], create=True)
        if lock is None:
            return False
        try:
            if path.stat().st_mtime != entry.used:
                return False
            path.unlink()
        finally:
            lock.release()
    except OSError:  # it went by itself, Windows has it open, or the folder may only be read
        return False
    return True
