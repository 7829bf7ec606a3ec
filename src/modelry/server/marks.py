"""Does what was read still hold? Asked of the store once for all requests that wait to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from modelry.core.ports import Store


class Marks:
    """Answers the store's mark (`Store.generation`), never one from before the question.

    Belongs to one event loop.
    """

    def __init__(
        self, store: Store, run: Callable[[Callable[[], Hashable]], Awaitable[Hashable]]
    ) -> None:
        self._store, self._run = store, run
        self._glance: Callable[[], Hashable] | None = getattr(store, "peek", None)
        self._glanced: Hashable = None
        self._asking: asyncio.Future[Hashable] | None = None
        self._next: asyncio.Future[Hashable] | None = None

    def peek(self) -> Hashable:
        """Answer the mark where that takes no waiting, else None.

        Requests that one turn of the loop read from their sockets before it
        answers any of them share a glance: it is later than all of them.
        """
        if self._glanced is not None or self._glance is None:
            return self._glanced
        self._glanced = self._glance()
        if self._glanced is not None:
            asyncio.get_running_loop().call_soon(self._turn)  # before what the next turn reads
        return self._glanced

    def _turn(self) -> None:
        self._glanced = None

    async def mark(self) -> Hashable:
        """Answer the mark, asked for by a thread; who comes meanwhile shares the next question."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
            return await asyncio.shield(self._asking)
        if self._next is None:  # the question under way may be older than this call
            self._next = asyncio.ensure_future(self._after(self._asking))
        return await asyncio.shield(self._next)

    async def _ask(self) -> Hashable:
        try:
            return await self._run(self._store.generation)
        finally:
            self._asking = None

    async def _after(self, before: asyncio.Future[Hashable]) -> Hashable:
        await asyncio.wait([before])
        self._asking, self._next = self._next, None
        return await self._ask()
