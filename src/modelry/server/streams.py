"""Where async meets the core, and nowhere else: work runs in a bounded number of threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
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
        self._crew = _Crew(size)
        weakref.finalize(self, self._crew.end)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; who is cancelled meanwhile does not stop it."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._crew.give((work, copy_context(), future))  # type: ignore[arg-type]  # a future of what it answers
        return await future


class _Crew:
    """The threads of a pool and what waits for them.

    Who was idle last works next: its memory is the warmest, and nobody else is
    woken. Threads that wait at one queue wake one another for each task.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._begun = 0
        self._lock = threading.Lock()
        self._idle: list[_Hand] = []
        self._waiting: deque[_Task] = deque()
        self._ended = False

    def give(self, task: _Task) -> None:
        """Let an idle thread do it, or a new one, or the first that has time."""
        with self._lock:
            hand = self._idle.pop() if self._idle else None
            if hand is None:
                self._waiting.append(task)
                if self._begun == self._size:
                    return
                self._begun += 1
                name = f"modelry-{self._begun}"
        if hand is not None:
            hand.wake(task)
            return
        threading.Thread(target=_work, args=(self, _Hand()), name=name, daemon=True).start()

    def next(self, hand: _Hand) -> _Task | None:
        """Answer what `hand` is to do, once there is something; None at the end."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._ended:
                return None
            self._idle.append(hand)
        return hand.wait()

    def end(self) -> None:
        """Let the threads end once nothing waits for them."""
        with self._lock:
            self._ended, idle = True, self._idle
            self._idle = []
        for hand in idle:
            hand.wake(None)


class _Hand:
    """Where one thread waits for what it is to do."""

    def __init__(self) -> None:
        self._task: _Task | None = None
        self._woken = threading.Lock()
        self._woken.acquire()

    def wake(self, task: _Task | None) -> None:
        """Hand it a task, None at the end."""
        self._task = task
        self._woken.release()

    def wait(self) -> _Task | None:
        """Answer what it was woken for."""
        self._woken.acquire()
        task, self._task = self._task, None
        return task


def _work(crew: _Crew, hand: _Hand) -> None:
    while (task := crew.next(hand)) is not None:
        work, context, future = task
        try:
            answer = context.run(work)
        except BaseException as error:  # noqa: BLE001 - handed on to who waits for it
            _tell(future, future.set_exception, error)
        else:
            _tell(future, future.set_result, answer)
            del answer
        del task, work, context, future


def _tell(future: asyncio.Future[object], how: Callable[..., None], what: object) -> None:
    def tell() -> None:
        if not future.done():
            how(what)

    with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
        future.get_loop().call_soon_threadsafe(tell)
