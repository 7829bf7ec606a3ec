"""What every door of the server is given, and the way from a request to a verb."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from modelry.core.access import Actor
from modelry.core.accounts import access_stamp
from modelry.core.errors import Invalid, RegistryError
from modelry.core.model import Commit, Environment
from modelry.core.ports import View
from modelry.core.service import Service
from modelry.core.verbs.world import Outdated, RequestKey, World
from modelry.server.callers import Callers, Remembered, Told
from modelry.server.early import Early
from modelry.server.slips import Slips
from modelry.server.streams import Threads
from modelry.settings import ServerSettings

T = TypeVar("T")
_KEY = re.compile(r"[!-~]{1,128}", re.ASCII)
_BEARER = "bearer "
MARK = "mark"
"""Where the state of a request keeps the mark of the store at which it is answered."""

EARLY = "early"
"""Where it keeps who asks, while that is not sure (`Early`)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The registry of a server, its settings, who may call, and the threads that work."""

    world: World
    settings: ServerSettings
    callers: Callers
    threads: Threads
    slips: Slips

    def service(  # noqa: PLR0913 - who asks, and what came with it
        self,
        actor: Actor,
        trace: Mapping[str, str],
        *,
        request: RequestKey | None = None,
        guard: Callable[[View], None] | None = None,
        doubt: Callable[[], None] | None = None,
        told: Told | None = None,
    ) -> Service:
        """Answer the registry as `actor` sees it."""
        surroundings = told or Told(actor.name)
        return Service(self.world.acting(actor, surroundings, dict(trace), request, guard, doubt))

    def world_of(self, actor: Actor, trace: Mapping[str, str], told: Told | None = None) -> World:
        """Answer the world on whose behalf `actor` works."""
        return self.world.acting(actor, told or Told(actor.name), dict(trace))


def token_of(header: str | None) -> str | None:
    """Answer the token of an `Authorization` header, None where there is none."""
    if header is None or not header.lower().startswith(_BEARER):
        return None
    return header[len(_BEARER) :].strip()


class _Watch:
    """Looks within a change, before anything else, whether access is still what `stamp` marks."""

    def __init__(self, callers: Callers, stamp: str, guard: Callable[[View], None] | None) -> None:
        self._callers, self._stamp, self._guard = callers, stamp, guard
        self.looked = False

    def __call__(self, view: View) -> None:
        """Be the guard of a change. Raises `Outdated`, and what the guard of the request raises."""
        if access_stamp(view) != self._stamp:
            raise Outdated
        self.looked = True
        if self._guard is not None:
            self._guard(view)

    def holds(self) -> bool:
        """Say whether it is so now."""
        return self._callers.holds(self._stamp)

    def doubt(self) -> None:
        """Raise `Outdated` where it is not so now."""
        self._callers.doubt(self._stamp)


@dataclass(slots=True)
class Call:
    """One request: who asks, from where, and under which key."""

    desk: Desk
    request: Request
    commit: Commit | None = None
    environment: Environment | None = None
    guard: Callable[[View], None] | None = None
    notes: tuple[str, ...] = ()

    @property
    def request_id(self) -> str:
        """The id of this request."""
        return str(self.request.scope.get("state", {}).get("request_id", ""))

    @property
    def trace(self) -> dict[str, str]:
        """What is recorded of where a change came from."""
        client = self.request.scope.get("client")
        return {"address": client[0] if client else "", "request": self.request_id}

    async def __call__(self, work: Callable[[Service], T]) -> T:
        """Run `work` in a thread, as whoever sent this request."""
        body = await self.request.body() if self.request.method != "GET" else b""
        return await self.desk.threads.run(lambda: self._run(work, body))

    async def beside(self, work: Callable[[Service], T], body: bytes = b"") -> T:
        """Do the same where the body is no document; `body` stands for what it was."""
        return await self.desk.threads.run(lambda: self._run(work, body))

    async def once(self, work: Callable[[Service], T]) -> T:
        """Do the same, where all that `work` does is one change.

        Who asks is remembered, and looked at within that change.
        """
        body = await self.request.body()
        return await self.desk.threads.run(lambda: self._run_once(work, body))

    def _run(self, work: Callable[[Service], T], body: bytes) -> T:
        return self._work(work, body, self.actor(), self.guard)

    def _run_once(self, work: Callable[[Service], T], body: bytes) -> T:
        known = self.remembered()
        if known is None:
            return self._run(work, body)
        watch = _Watch(self.desk.callers, known.stamp, self.guard)
        try:
            answer = self._work(work, body, known.actor, watch, watch.doubt)
            if not watch.looked:
                watch.doubt()
        except Outdated:
            return self._run(work, body)
        except Exception:
            if watch.holds():
                raise
            return self._run(work, body)
        self.desk.callers.used(known.actor.token, self.desk.world.clock.now())
        self.request.state.actor = known.actor.name
        return answer

    def _work(
        self,
        work: Callable[[Service], T],
        body: bytes,
        actor: Actor,
        guard: Callable[[View], None] | None,
        doubt: Callable[[], None] | None = None,
    ) -> T:
        told = Told(actor.name, self.commit, self.environment)
        key = self._key(actor, body)
        service = self.desk.service(
            actor, self.trace, request=key, guard=guard, doubt=doubt, told=told
        )
        answer = work(service)
        self.notes = tuple(told.notes)
        return answer

    async def refuse(self, name: str, refusal: RegistryError) -> None:
        """Record that no version of `name` was registered, because what was sent cannot be read.

        Raises `Unauthenticated` for a caller who is not known, and records nothing then.
        """

        def note() -> None:
            self.desk.service(self.actor(), self.trace).refused(name, refusal)

        await self.desk.threads.run(note)

    def remembered(self) -> Remembered | None:
        """Answer who asked with this token before, None where that has to be found out."""
        return self.desk.callers.remembered(token_of(self.request.headers.get("authorization")))

    def actor(self) -> Actor:
        """Answer who asks; reads the store where it is not known yet. Raises `Unauthenticated`."""
        actor = self._holder(token_of(self.request.headers.get("authorization")))
        self.request.state.actor = actor.name
        return actor

    def service(self, actor: Actor) -> Service:
        """Answer the registry as the caller sees it, who asks for nothing but to read."""
        early = self._early()
        return self.desk.service(actor, self.trace, doubt=early.doubt if early else None)

    def _early(self) -> Early | None:
        early: Early | None = getattr(self.request.state, EARLY, None)
        return early

    def _holder(self, token: str | None) -> Actor:
        early = self._early()
        if early is not None:
            return early.holder(token)
        trace, mark = self.trace, getattr(self.request.state, MARK, None)
        return self.desk.callers.actor(token, trace["address"], trace["request"], mark)

    def _key(self, actor: Actor, body: bytes) -> RequestKey | None:
        given = self.request.headers.get("idempotency-key")
        if given is None or self.request.method == "GET":
            return None
        if not _KEY.fullmatch(given):
            msg = "an Idempotency-Key is 1 to 128 visible ASCII characters"
            raise Invalid(msg, field="Idempotency-Key")
        url = self.request.url
        asked = hashlib.sha256(f"{self.request.method} {url.path}?{url.query}\n".encode())
        asked.update(body)
        return RequestKey(f"{actor.name}/{given}", asked.hexdigest())
