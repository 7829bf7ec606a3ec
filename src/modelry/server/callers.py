"""Who calls: from a token to an actor, remembered until anything about access changes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from modelry.core.access import Actor
from modelry.core.accounts import access_stamp, authenticate
from modelry.core.errors import Unauthenticated
from modelry.core.events import REGISTRY
from modelry.core.model import Commit, Environment
from modelry.core.verbs import tokens
from modelry.core.verbs.permit import deny
from modelry.core.verbs.world import Outdated, World

_MOST = 10_000
_UNKNOWN = Environment("unknown", "unknown", {})


class Remembered(NamedTuple):
    """Who held a token, when access was what `stamp` marks."""

    actor: Actor
    stamp: str


class Callers:
    """Knows the holders of tokens. Safe to share between threads.

    What it remembers holds as long as nobody, in whatever process, changed
    accounts, members or tokens: a revoked token opens nothing from then on.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._known: dict[bytes, Actor] = {}
        self._stamp: str | None = None
        self._mark: Hashable = None
        self._used: dict[str, int] = {}

    def actor(
        self, token: str | None, address: str = "", request: str = "", mark: Hashable = None
    ) -> Actor:
        """Answer who holds `token`. Raises `Unauthenticated`, and records that.

        `mark` is what the store said (`Store.generation`) when the request came:
        where nothing was committed since access was looked at, it is not looked at.
        """
        now = self._world.clock.now()
        try:
            actor = self._remembered(token, now, mark)
        except Unauthenticated as refusal:
            trace = {"address": address, "request": request}
            nobody = replace(self._world, actor=Actor("anonymous"), trace=trace,
                             surroundings=Told("anonymous"))  # fmt: skip
            deny(nobody, REGISTRY, "sign in", refusal.message)
            raise
        self.used(actor.token, now)
        return actor

    def remembered(self, token: str | None) -> Remembered | None:
        """Answer who held `token` when that was last found out; None where nobody knows."""
        if token is None:
            return None
        key, now = _key(token), self._world.clock.now()
        with self._lock:
            actor, stamp = self._known.get(key), self._stamp
        if actor is None or stamp is None or (actor.expires is not None and actor.expires <= now):
            return None
        return Remembered(actor, stamp)

    def holds(self, stamp: str) -> bool:
        """Say whether nothing about access has changed since `stamp`."""
        return access_stamp(self._world.store) == stamp

    def doubt(self, stamp: str) -> None:
        """Raise `Outdated` where anything about access has changed since `stamp`."""
        if not self.holds(stamp):
            raise Outdated

    def held(self, known: Remembered, mark: Hashable) -> bool:
        """Say whether somebody was still who he was at `mark`, at which something was read for him.

        Where something was committed since access was looked at, it is whether he is so
        now, which is later. If so, his token was used.
        """
        stamp, _ = self._current(mark)
        if stamp != known.stamp:
            return False
        self.used(known.actor.token, self._world.clock.now())
        return True

    def used(self, token_id: str | None, now: int) -> None:
        """Note that a token was used."""
        if token_id is not None:
            self._used[token_id] = now

    def _remembered(self, token: str | None, now: int, mark: Hashable) -> Actor:
        if token is None:
            msg = "this takes a token: sign in (modelry login) or set MODELRY_TOKEN"
            raise Unauthenticated(msg)
        key = _key(token)
        actor = self._current(mark)[1].get(key)
        if actor is None or (actor.expires is not None and actor.expires <= now):
            with self._world.store.read() as view:
                actor, stamp = authenticate(view, token, now), access_stamp(view)
            with self._lock:
                if self._stamp == stamp:
                    if len(self._known) >= _MOST:
                        self._known.clear()
                    self._known[key] = actor
        return actor

    def _current(self, mark: Hashable) -> tuple[str, Mapping[bytes, Actor]]:
        """Answer the stamp of access, and who is known by it: nobody where it has changed."""
        with self._lock:
            if mark is not None and mark == self._mark and self._stamp is not None:
                return self._stamp, self._known
        stamp = access_stamp(self._world.store)
        with self._lock:
            if stamp != self._stamp:
                self._known, self._stamp = {}, stamp
            self._mark = mark
            return stamp, self._known

    def note_uses(self) -> None:
        """Keep when tokens were last used; called now and then."""
        used, self._used = self._used, {}
        if used:
            tokens.mark_used(self._world, used)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Told:
    """What a caller says of itself, in place of what a process would find out."""

    def __init__(
        self, name: str, commit: Commit | None = None, environment: Environment | None = None
    ) -> None:
        self._name, self._commit, self._environment = name, commit, environment
        self.notes: list[str] = []

    def author(self) -> str:
        """Answer the account."""
        return self._name

    def commit(self, path: Path | None) -> Commit | None:
        """Answer the commit that the caller told of."""
        del path
        return self._commit

    def warn(self, message: str, category: type[Warning]) -> None:
        """Keep a note for the answer."""
        del category
        self.notes.append(message)

    def environment(self) -> Environment:
        """Answer the environment that the caller told of."""
        return self._environment or _UNKNOWN
