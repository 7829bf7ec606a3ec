"""How many denials of one caller are recorded: enough to see, too few to fill a disk."""

from __future__ import annotations

import threading

WINDOW = 60_000_000
"""Microseconds for which denials of one caller are counted."""

EACH = 30
"""Denials of one caller that a window records; the next window's first tells the rest."""

ALL = 3_000
"""Denials of all callers that a window records: who has many addresses is many callers."""

CALLERS = 10_000
"""Callers that are counted apart; beyond them the oldest is forgotten."""


class Denials:
    """Counts the denials of each caller. Safe to share between threads."""

    def __init__(self, each: int = EACH, window: int = WINDOW, most: int = ALL) -> None:
        self._each, self._window, self._most = each, window, most
        self._all = (0, 0)
        self._seen: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def admit(self, caller: str, now: int) -> int | None:
        """Answer None where this denial is one too many, else how many went unrecorded before."""
        with self._lock:
            start, count = self._seen.pop(caller, (now, 0))
            unrecorded = 0
            if now - start >= self._window:
                unrecorded, start, count = max(0, count - self._each), now, 0
            self._seen[caller] = (start, count + 1)
            if len(self._seen) > CALLERS:
                del self._seen[next(iter(self._seen))]
            if count >= self._each or not self._room(now):
                return None
            return unrecorded

    def _room(self, now: int) -> bool:
        """Say whether this window records one more, of whomever, and count it."""
        start, count = self._all
        if now - start >= self._window:
            start, count = now, 0
        self._all = (start, count + 1)
        return count < self._most
