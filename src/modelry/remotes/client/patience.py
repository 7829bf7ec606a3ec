"""How long to go on trying, and how long to wait between two tries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE = 30.0
"""Seconds for which a request that fails for a while is tried again."""

_FIRST = 0.2
_LONGEST = 5.0
_LONGEST_WISH = 60.0


@dataclass(slots=True)
class Patience:
    """Counts the tries of one request, which together last `seconds` at most.

    Waits grow and are random between nothing and their bound (full jitter), so
    that many clients of a server that comes back do not arrive at once.
    """

    seconds: float = PATIENCE
    _sleep: Callable[[float], None] = time.sleep
    _began: float = field(default_factory=time.monotonic)
    _tries: int = 0

    def wait(self, wish: float | None = None) -> bool:
        """Wait before the next try; False where there is no time for one.

        `wish` is what the server asked for (`Retry-After`), in seconds.
        """
        self._tries += 1
        bound = min(_LONGEST, _FIRST * 2 ** min(self._tries, 16))
        pause = random.uniform(0, bound)  # noqa: S311 - spreads load, guards nothing
        if wish is not None:
            pause += min(max(wish, 0.0), _LONGEST_WISH)
        if time.monotonic() + pause > self._began + self.seconds:
            return False
        self._sleep(pause)
        return True

    def renew(self) -> None:
        """Begin anew, because something went forward."""
        self._began, self._tries = time.monotonic(), 0
