"""Writers queue fairly before they ask SQLite.

SQLite lets waiting writers poll, with pauses of up to a tenth of a second:
among eight busy processes some waited for 16 seconds. A file lock wakes the
next in line at once. It only orders writers: SQLite's own locks still decide
what is safe, so a system without `flock` loses the order and nothing else.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

from modelry.core.errors import Unavailable

if sys.platform != "win32":
    import fcntl


class Queue:
    """The line of writers before one database; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()

    def turn(self, patience: float) -> AbstractContextManager[object]:
        """Wait for one's turn, for `patience` seconds at most. Raises `TimeoutError`."""
        return (
            self._threads if sys.platform == "win32" else _Turn(self._threads, self._path, patience)
        )


class _Turn:
    """One turn: first among the threads of a process, then in the line of processes."""

    __slots__ = ("_descriptor", "_path", "_patience", "_threads")

    def __init__(self, threads: threading.Lock, path: Path, patience: float) -> None:
        self._threads, self._path, self._patience = threads, path, patience

    def __enter__(self) -> None:
        begun = time.monotonic()
        if not self._threads.acquire(timeout=self._patience):  # one of these waits at the file
            raise TimeoutError
        try:
            self._descriptor = self._open()
            self._line_up(self._patience - (time.monotonic() - begun))
        except BaseException:
            self._threads.release()
            raise

    def _line_up(self, patience: float) -> None:
        assert sys.platform != "win32"  # noqa: S101 - for the type checker: asked before
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _Waiting(self._descriptor).wait(patience)
        except OSError:
            pass  # a file system without such locks: SQLite's own waiting has to do

    def __exit__(self, *raised: object) -> None:
        try:
            _release(self._descriptor)
        finally:
            self._threads.release()

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            msg = f"{self._path} cannot be opened ({error.strerror}); nothing was changed: "
            msg += "free space, try again" if full else "may this account write there?"
            raise Unavailable(msg, reason="storage_full" if full else "lock") from error


def _release(descriptor: int) -> None:
    """Give the lock back, also where a fork still has the descriptor open."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)


class _Waiting:
    """Waits for the lock in a thread of its own, because `flock` itself knows no end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._mine = threading.Lock()
        self._given_up = False
        self._done = threading.Event()

    def wait(self, patience: float) -> None:
        """Come back with the lock, or leave the line: at the end of patience, or interrupted."""
        try:
            threading.Thread(target=self._take, daemon=True).start()
            done = self._done.wait(patience)
        except BaseException:
            self._leave()
            raise
        if not done:
            self._leave()
            raise TimeoutError

    def _leave(self) -> None:
        with self._mine:
            self._given_up = True
            if self._done.is_set():
                _release(self._descriptor)

    def _take(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._mine:
            if self._given_up:
                _release(self._descriptor)
            else:
                self._done.set()
