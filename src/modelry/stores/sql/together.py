"""Changes of one process that wait at the same moment share a commit.

To make a change durable takes longer than to make it. So whoever comes while
another is at it joins a line, and the first in line makes all changes of the
line, one after another, in one transaction. None is told of before the commit
that all of them share; where it fails, all of them failed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import Generic, TypeVar, cast

from modelry.core.errors import Unavailable

T = TypeVar("T")
U = TypeVar("U")

MOST = 64
"""How many changes share a commit at most."""

LONG = 0.02
"""Seconds after which a commit waits for no further change."""


class Change(Generic[U]):
    """A change of one caller: what it does, and how it ended."""

    def __init__(self, work: Callable[[U], object], patience: float) -> None:
        self._work = work
        self._context: Context = copy_context()
        self._until = time.monotonic() + patience
        self._answer: object = None
        self._settled = threading.Lock()
        self._settled.acquire()
        self.error: BaseException | None = None
        self.leads = False

    @property
    def patience(self) -> float:
        """Seconds that its caller still waits for others."""
        return max(0.0, self._until - time.monotonic())

    def make(self, unit: U) -> None:
        """Do the work, as if in the thread of its caller. Raises what it raises."""
        self._answer = self._context.run(self._work, unit)

    def wait(self, patience: float) -> bool:
        """Wait until it is settled or its caller is to lead; say whether that came in time."""
        return self._settled.acquire(timeout=patience)

    def wake(self) -> None:
        """Let its caller go on."""
        self._settled.release()

    def answer(self) -> object:
        """Answer what the work answered, or raise why there is no answer."""
        if self.error is not None:
            raise self.error
        return self._answer


class Line(Generic[U]):
    """The line of changes; `commit` is given those that are to share a transaction.

    It makes them, in their order, keeps the error of one that is undone by
    itself in `Change.error`, and raises where none of them happened.
    """

    def __init__(self, commit: Callable[[Change[U], Iterator[Change[U]]], None]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._waiting: deque[Change[U]] = deque()
        self._led = False

    def join(self, work: Callable[[U], T], patience: float) -> T:
        """Make a change, together with others. Raises `TimeoutError` after `patience` seconds."""
        mine: Change[U] = Change(work, patience)
        with self._lock:
            self._waiting.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead(mine)
        return cast("T", mine.answer())

    def _wait(self, mine: Change[U]) -> None:
        """Wait until another has made the change, or for the lead."""
        try:
            settled = mine.wait(mine.patience)
        except BaseException:
            self._leave(mine)
            raise
        if settled:
            return
        if self._leave(mine):
            raise TimeoutError
        mine.wait(-1)  # it is being made: how it ends will be known

    def _leave(self, mine: Change[U]) -> bool:
        """Leave the line, and hand on the lead; say whether nobody has made the change."""
        with self._lock:
            if mine.leads:
                self._hand_on(mine)
                return True
            if mine in self._waiting:
                self._waiting.remove(mine)
                return True
            return False

    def _lead(self, first: Change[U]) -> None:
        made: list[Change[U]] = []
        try:
            self._commit(first, self._others(made))
        except BaseException as error:
            for change in made:
                change.error = error if isinstance(error, Exception) else _interrupted()
            raise
        finally:
            with self._lock:
                self._hand_on(first)
            for change in made:
                change.wake()

    def _others(self, made: list[Change[U]]) -> Iterator[Change[U]]:
        """Take those who wait by now, one after another."""
        end = time.monotonic() + LONG
        while len(made) < MOST - 1 and time.monotonic() < end:
            with self._lock:
                if len(self._waiting) == 1:  # the first stays in line until it is done
                    return
                made.append(self._waiting[1])
                del self._waiting[1]
            yield made[-1]

    def _hand_on(self, leader: Change[U]) -> None:
        """Let the next in line lead; the lock is held."""
        self._waiting.remove(leader)
        self._led = bool(self._waiting)
        if self._led:
            self._waiting[0].leads = True
            self._waiting[0].wake()


def _interrupted() -> Unavailable:
    msg = (
        "another change that was made together with this one was interrupted, so this one may "
        "have happened or not; send the same request with the same idempotency key, or look"
    )
    return Unavailable(msg, reason="unknown_outcome")
