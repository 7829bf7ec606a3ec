"""Does what was read still hold? Asked of the store once for all requests that wait to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Protocol

from modelry.core.errors import RegistryError
from modelry.core.ports import Store

_SECONDS = 5.0
"""How long an answer to a glance may take."""

Run = Callable[[Callable[[], Hashable]], Awaitable[Hashable]]


class Glance(Protocol):
    """A question to a store whose answer can be waited for by a loop."""

    def open(self) -> int:
        """Connect, and answer the descriptor to wait on."""
        ...

    def ask(self) -> None:
        """Send the question."""
        ...

    def answer(self) -> Hashable:
        """Answer the mark, None while it is not here yet."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class Marks:
    """Answers the store's mark (`Store.generation`), never one from before the question.

    Belongs to one event loop. A store may offer two short ways: `peek`, which
    answers at once or not at all, and `glance`, which a loop can wait for.
    """

    def __init__(self, store: Store, run: Run) -> None:
        self._store, self._run = store, run
        self._peek: Callable[[], Hashable] | None = getattr(store, "peek", None)
        glance: Callable[[], Glance] | None = getattr(store, "glance", None)
        self._glance = glance() if glance is not None else None
        self._descriptor: int | None = None
        self._seen: Hashable = None
        self._gathered: list[asyncio.Future[Hashable]] = []
        self._served: list[asyncio.Future[Hashable]] = []
        self._task: asyncio.Task[None] | None = None
        self._overdue: asyncio.TimerHandle | None = None

    def peek(self) -> Hashable:
        """Answer the mark where that takes no waiting, else None.

        Requests that one turn of the loop read from their sockets before it
        answers any of them share a look: it is later than all of them.
        """
        if self._seen is not None or self._peek is None:
            return self._seen
        self._seen = self._peek()
        if self._seen is not None:
            asyncio.get_running_loop().call_soon(self._turn)  # before what the next turn reads
        return self._seen

    def look(self) -> Hashable:
        """Answer the mark of this very moment where that takes no waiting, else None.

        For who has not read yet all that has come: what others saw is too old for it.
        """
        return self._peek() if self._peek is not None else None

    def _turn(self) -> None:
        self._seen = None

    async def mark(self) -> Hashable:
        """Answer the mark."""
        return await self.asked()

    def asked(self) -> asyncio.Future[Hashable]:
        """Ask for the mark; all who come before the question is sent share its answer."""
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[Hashable] = loop.create_future()
        self._gathered.append(mine)
        if len(self._gathered) == 1 and not self._served:
            loop.call_soon(self._begin)  # after all that this turn of the loop has still to do
        return mine

    def _begin(self) -> None:
        """Ask, for all who have gathered until now."""
        self._served, self._gathered = self._gathered, []
        if self._glance is not None and self._descriptor is not None:
            try:
                self._glance.ask()
            except RegistryError:
                self._hang_up()
            else:
                loop = asyncio.get_running_loop()
                self._overdue = loop.call_later(_SECONDS, self._give_up)
                return
        self._task = asyncio.ensure_future(self._ask())

    def _give_up(self) -> None:
        """Ask another way where a glance is not answered: its connection may be dead."""
        self._hang_up()
        self._task = asyncio.ensure_future(self._ask())

    def _readable(self) -> None:
        """Read what the glance answers; where it broke, ask by the way that mends itself."""
        try:
            mark = self._glance.answer() if self._glance else None
        except RegistryError:
            self._hang_up()
            if self._served:
                self._task = asyncio.ensure_future(self._ask())
            return
        if mark is not None:
            if self._overdue is not None:
                self._overdue.cancel()
            self._tell(lambda future: future.set_result(mark))

    async def _ask(self) -> None:
        """Ask in a thread; then, where the store has one, open a glance for the next question."""
        try:
            mark = await self._run(self._store.generation)
        except Exception as error:  # noqa: BLE001 - handed on to those who wait
            refusal = error
            self._tell(lambda future: future.set_exception(refusal))
            return
        if self._glance is not None and self._descriptor is None:
            await self._open(self._glance)
        self._tell(lambda future: future.set_result(mark))

    async def _open(self, glance: Glance) -> None:
        def connect() -> Hashable:
            try:
                return glance.open()
            except Exception:  # noqa: BLE001 - whatever a driver raises: the thread's way remains
                return None

        descriptor = await self._run(connect)
        if isinstance(descriptor, int):
            self._descriptor = descriptor
            asyncio.get_running_loop().add_reader(descriptor, self._readable)

    def _tell(self, how: Callable[[asyncio.Future[Hashable]], None]) -> None:
        served, self._served = self._served, []
        for future in served:
            if not future.done():
                how(future)
        if self._gathered:
            self._begin()

    def close(self) -> None:
        """Give back what a look at the store holds; the next question takes it anew."""
        self._hang_up()

    def _hang_up(self) -> None:
        """End the connection of the glance."""
        if self._overdue is not None:
            self._overdue.cancel()
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._descriptor = None
        if self._glance is not None:
            self._glance.close()
