"""Tells a progress callback how far work is, seldom enough to cost nothing."""

from __future__ import annotations

import threading
import time

from modelry.core.ports import Progress

_INTERVAL = 0.1


class Stopped(Exception):
    """Another thread failed, so this one need not go on."""


class Meter:
    """Counts bytes from many threads; calls back ten times a second at most, never twice at once.

    It is also where threads learn that they should stop: they come by with
    every chunk.
    """

    def __init__(self, what: str, total: int, progress: Progress | None) -> None:
        self._what = what
        self._total = total
        self._progress = progress
        self._done = 0
        self._due = 0.0
        self._stopped = False
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        """Count `size` more bytes as done. Raises `Stopped` after `stop`."""
        if self._stopped:
            raise Stopped
        if self._progress is None:
            return
        with self._lock:
            self._done += size
            now = time.monotonic()
            if now >= self._due and self._done < self._total:
                self._due = now + _INTERVAL
                self._progress(self._what, self._done, self._total)

    def expect(self, size: int) -> None:
        """Learn that `size` more bytes have to be read than it seemed."""
        with self._lock:
            self._total += size

    def stop(self) -> None:
        """Let every thread that counts here end soon."""
        self._stopped = True

    def finish(self) -> None:
        """Say once that all is done."""
        if self._progress is not None:
            with self._lock:
                self._progress(self._what, self._total, self._total)
