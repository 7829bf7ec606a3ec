"""Where async meets the core, and nowhere else: work runs in a bounded number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


class Threads:
    """Two pools: verbs, which wait for the database, and bytes, which wait for the disk.

    So neither starves the other. Nothing holds a thread while it waits for a client.
    """

    def __init__(self, verbs: int, moving: int) -> None:
        self._sizes = (verbs, moving)
        self._verbs: anyio.CapacityLimiter | None = None
        self._moving: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Run a verb in a thread and answer what it answers."""
        if self._verbs is None:  # made inside the loop that uses them
            self._verbs = anyio.CapacityLimiter(self._sizes[0])
        return await anyio.to_thread.run_sync(work, limiter=self._verbs)

    async def move(self, work: Callable[[], T]) -> T:
        """Read or write a piece of bytes in a thread."""
        if self._moving is None:
            self._moving = anyio.CapacityLimiter(self._sizes[1])
        return await anyio.to_thread.run_sync(work, limiter=self._moving)
