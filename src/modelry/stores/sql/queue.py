"""Writers queue fairly before they ask SQLite.

SQLite lets waiting writers poll, with pauses of up to a tenth of a second:
among eight busy processes some waited for 16 seconds. A file lock wakes the
next in line at once. It only orders writers: SQLite's own locks still decide
what is safe, so a system without `flock` loses the order and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class Queue:
    """The line of writers before one database; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """Wait for one's turn, for `patience` seconds at most. Raises `TimeoutError`."""
        if sys.platform == "win32":
            with self._threads:
                yield
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _Waiting(descriptor).wait(patience)
        try:
            yield
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
        """Come back with the lock, or raise `TimeoutError` and leave the line."""
        threading.Thread(target=self._take, daemon=True).start()
        if self._done.wait(patience):
            return
        with self._mine:
            if not self._done.is_set():
                self._given_up = True
                raise TimeoutError

    def _take(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._mine:
            if self._given_up:
                os.close(self._descriptor)
            else:
                self._done.set()
