"""Where async meets the core, and nowhere else: work runs in a bounded number of threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
_Task = tuple[Callable[[], object], Context, "asyncio.Future[object]"]


class Threads:
    """Two pools: verbs, which wait for the database, and bytes, which wait for the disk.

    So neither starves the other. Nothing holds a thread while it waits for a client.
    """

    def __init__(self, verbs: int, moving: int) -> None:
        self._verbs, self._moving = _Pool(verbs), _Pool(moving)

    async def run(self, work: Callable[[], T]) -> T:
        """Run a verb in a thread and answer what it answers."""
        return await self._verbs.run(work)

    async def move(self, work: Callable[[], T]) -> T:
        """Read or write a piece of bytes in a thread."""
        return await self._moving.run(work)


class _Pool:
    """Threads that take work in the order in which it comes; each is begun when it is needed.

    A way of our own, for a plain hop costs a third of what a general one does.
    Belongs to one event loop at a time.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._begun = self._busy = 0
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        weakref.finalize(self, self._tasks.put, None)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; who is cancelled meanwhile does not stop it."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tasks.put((work, copy_context(), future))  # type: ignore[arg-type]  # a future of what it answers
        self._busy += 1
        if self._busy > self._begun and self._begun < self._size:
            self._begun += 1
            name = f"modelry-{self._begun}"
            threading.Thread(target=_work, args=(self._tasks,), name=name, daemon=True).start()
        try:
            return await future
        finally:
            self._busy -= 1


def _work(tasks: SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        work, context, future = task
        try:
            answer = context.run(work)
        except BaseException as error:  # noqa: BLE001 - handed on to who waits for it
            _tell(future, future.set_exception, error)
        else:
            _tell(future, future.set_result, answer)
        del task, work, context, future
    tasks.put(None)  # for the next of the pool, which is gone


def _tell(future: asyncio.Future[object], how: Callable[..., None], what: object) -> None:
    def tell() -> None:
        if not future.done():
            how(what)

    with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
        future.get_loop().call_soon_threadsafe(tell)
