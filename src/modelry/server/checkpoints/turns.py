"""Whose turn it is: of all the processes on a store one takes the next checkpoint.

A record in the store says until when nobody else needs to look. It spares
work; that no checkpoint is written twice is kept by the place, which takes
each sequence number once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelry.core.ports import Store, Unit
from modelry.core.strict_json import Json

KIND: Final = "lock"
KEY: Final = "checkpoint"


class Turns:
    """The record of the turn, for one process.

    A turn that ends later than `longest` microseconds from now was written by
    a wrong clock, and does not count.
    """

    def __init__(self, store: Store, owner: str, longest: int) -> None:
        self._store = store
        self._owner = owner
        self._longest = longest

    def newest_at(self) -> int | None:
        """Answer when the newest checkpoint was taken, as whoever had the last turn knew it."""
        with self._store.read() as view:
            body = view.kept(KIND, KEY)
        at = body.get("at") if body else None
        return at if isinstance(at, int) else None

    def take(self, now: int, until: int) -> bool:
        """Take the turn until a time, unless somebody has it; say whether it is ours."""
        with self._store.read() as view:
            if self._held(view.kept(KIND, KEY), now):
                return False

        def work(unit: Unit) -> bool:
            body = unit.kept(KIND, KEY)
            if self._held(body, now):
                return False
            at = body.get("at") if body else None
            unit.keep(KIND, KEY, {"owner": self._owner, "until": until, "at": at})
            return True

        return self._store.change(work)

    def end(self, until: int, at: int | None) -> None:
        """Let nobody look before `until`; does nothing where the turn is another's by now."""

        def work(unit: Unit) -> None:
            body = unit.kept(KIND, KEY)
            if body and body.get("owner") == self._owner:
                unit.keep(KIND, KEY, {"owner": self._owner, "until": until, "at": at})

        self._store.change(work)

    def _held(self, body: Mapping[str, Json] | None, now: int) -> bool:
        until = body.get("until") if body else None
        return isinstance(until, int) and now < until <= now + self._longest
