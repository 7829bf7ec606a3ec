"""The files of a registry in one file: where they lie, who may write, how they are replaced."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modelry.core.errors import Unavailable
from modelry.durable import create, flush, flush_folder, make_folder, write_all

if TYPE_CHECKING:
    from filelock import BaseFileLock

PATIENCE = 60.0
"""Seconds that a change waits for those before it."""
_AGAIN = 0.002

Stat = tuple[int, int, int]
"""Which file it is, when it was written (ns), how long it is."""


class Files:
    """`registry.json`, `registry.history.jsonl` beside it, and their lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history = path.with_name(f"{path.stem}.history.jsonl")
        self._locked = path.with_name(f"{path.name}.lock")
        self._aside = path.with_name(f".{path.name}.new")
        self._threads = threading.Lock()
        self._lock: BaseFileLock | None = None

    def acquire(self) -> None:
        """Wait until nobody else looks or writes. Raises `Unavailable` after a minute."""
        import filelock  # it costs a start some milliseconds

        if self._lock is None:
            make_folder(self.path.parent)
            self._lock = filelock.FileLock(self._locked, thread_local=False, is_singleton=False)
        begun = time.monotonic()
        if not self._threads.acquire(timeout=PATIENCE):
            raise self._busy()
        try:
            left = PATIENCE - (time.monotonic() - begun)
            self._lock.acquire(timeout=left, poll_interval=_AGAIN)
        except filelock.Timeout as error:
            self._threads.release()
            raise self._busy() from error
        except BaseException:
            self._threads.release()
            raise

    def release(self) -> None:
        """Let the next one have its turn."""
        try:
            if self._lock is not None:
                self._lock.release()
        finally:
            self._threads.release()

    def _busy(self) -> Unavailable:
        name = self._locked.name
        msg = f"{self.path.name} was busy for {PATIENCE:.0f} s ({name} is held); try again"
        return Unavailable(msg, reason="busy")

    def mark(self) -> tuple[Stat | None, Stat | None]:
        """Answer which files stand there, how long they are and when they were written."""
        return _stat(self.path), _stat(self.history)

    def changed_since(self, nanoseconds: int) -> bool:
        """Say whether the file was written so lately that its time cannot tell one write from two."""
        found = _stat(self.path)
        return found is not None and abs(time.time_ns() - found[1]) < nanoseconds

    def read(self) -> tuple[bytes | None, Stat | None]:
        """Answer the bytes of the file and which file that was, None where there is none."""
        try:
            with self.path.open("rb") as stream:
                return stream.read(), _facts(os.fstat(stream.fileno()))
        except FileNotFoundError:
            return None, None

    def write(self, data: bytes) -> Stat:
        """Put a file in place at once; answer which one it is."""
        prepared = self.prepare(data)
        self.place()
        return prepared

    def prepare(self, data: bytes) -> Stat:
        """Write the next file aside, down to the disk; answer which one it is."""
        self._aside.unlink(missing_ok=True)
        descriptor = create(self._aside, 0o666)
        try:
            if (there := _mode(self.path)) is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, there)
            write_all(descriptor, data)
            flush(descriptor)
            return _facts(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def place(self) -> None:
        """Put the file that was written aside into its place, down to the disk."""
        self._aside.replace(self.path)
        flush_folder(self.path.parent)


def _facts(found: os.stat_result) -> Stat:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _stat(path: Path) -> Stat | None:
    try:
        return _facts(path.stat())
    except FileNotFoundError:
        return None


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return None
