"""A read on behalf of a caller who is only remembered: whether he still is he, is asked along.

To ask first what the mark of the store is, costs a way to it. So where the
store offers to ask for it together with what is read (`marking`), that is read
at once, for whoever held the token when that was last found out. Before he is
answered, the mark, or else the stamp of all access, says whether it was so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from modelry.core.access import Actor
from modelry.core.verbs.world import Outdated, World
from modelry.server.callers import Callers, Remembered

T = TypeVar("T")


class Ahead(Protocol):
    """What is asked of the store before anything else is."""

    @property
    def told(self) -> Hashable:
        """The mark, None where nothing was read."""
        ...


Marking = Callable[[], AbstractContextManager[Ahead]]


def marking_of(world: World) -> Marking | None:
    """Answer the store's way of telling its mark along, None where it has none."""
    marking: Marking | None = getattr(world.store, "marking", None)
    return marking


class Early:
    """Who asks, for one read that is begun before that is sure."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._known: Remembered | None = None

    def holder(self, token: str | None) -> Actor:
        """Answer who held a token when last that was found out. Raises `Outdated` for nobody."""
        self._known = self._callers.remembered(token)
        if self._known is None:
            raise Outdated
        return self._known.actor

    def doubt(self) -> None:
        """Raise `Outdated` where he may be another by now, or may do another thing."""
        if self._known is None:
            raise Outdated
        self._callers.doubt(self._known.stamp)

    def read(self, marking: Marking, what: Callable[[], T]) -> tuple[Hashable, T]:
        """Read, and answer the mark too, of no later moment. Raises `Outdated`, or what `what` does.

        Then nothing was answered, and no denial recorded: whoever asks is to be found out first.
        """
        with marking() as ahead:
            try:
                answer = what()
            except Outdated:
                raise
            except Exception:
                self.doubt()
                raise
        if self._known is None or ahead.told is None:
            raise Outdated
        if not self._callers.held(self._known, ahead.told):
            raise Outdated
        return ahead.told, answer
