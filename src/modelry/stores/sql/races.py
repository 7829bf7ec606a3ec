"""Changes that lost a race on PostgreSQL wait in line, and then try again.

The first try is bold: no lock before it, so that changes of different models
never wait for one another. Who loses asks for locks on the models that it
touched, before its next try begins, and keeps them until it is done: the
losers of one model go on one after another, in the order in which they came.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

BOLD = 3
"""After so many losses a change also waits for all others that lost so often."""

_ALL = "*"
_NO_MODEL = "@registry"


class Race:
    """The tries of one change, `patience` seconds at most."""

    def __init__(self, patience: float) -> None:
        self._until = time.monotonic() + patience
        self._losses = 0
        self.keys: frozenset[str] = frozenset()
        self.careful = False

    def lose(self, touched: Iterable[str], *, careful: bool = False) -> None:
        """Note that a try which touched these models lost; the next one is `careful`."""
        self._losses += 1
        self.careful = self.careful or careful
        late = {_ALL} if self._losses >= BOLD else set()
        self.keys = self.keys | (frozenset(touched) or {_NO_MODEL}) | late

    @property
    def over(self) -> bool:
        """Say whether patience is at its end."""
        return time.monotonic() >= self._until

    @property
    def milliseconds(self) -> int:
        """Answer how long one may still wait for a lock."""
        return max(1, int((self._until - time.monotonic()) * 1000))


def lock_key(text: str) -> int:
    """Answer the number of the advisory lock that stands for `text`."""
    digest = hashlib.sha256(f"modelry {text}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def take_locks(keys: Iterable[str]) -> str:
    """Write the statements that wait for the locks of `keys`, each in the same order."""
    return "; ".join(f"SELECT pg_advisory_lock({number})" for number in sorted(map(lock_key, keys)))
