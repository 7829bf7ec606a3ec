"""When PostgreSQL should look at its tables again, so that searches are planned for what is there.

It does so itself, about a minute after much was written. Until then it plans
for tables as they were before, which were empty where a registry was just
restored or imported.
"""

from __future__ import annotations

import threading

MUCH = 1_000
"""Statements of a change that is worth counting: what comes one by one, PostgreSQL keeps up with."""

FIRST = 10_000
"""Statements of such changes after which the tables are looked at first."""


class Growth:
    """Counts what large changes of this process wrote. Safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = 0
        self._next = FIRST

    def wrote(self, count: int) -> bool:
        """Note a change of `count` statements; say whether it is time to look: at each doubling."""
        if count < MUCH:
            return False
        with self._lock:
            self._written += count
            due = self._written >= self._next
            if due:
                self._next = 2 * self._written
            return due
