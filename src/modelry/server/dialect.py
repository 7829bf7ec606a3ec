"""A dialect: one protocol as a thin door to the registry, found by entry point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from modelry import plugins
from modelry.core.access import Actor
from modelry.server.desk import Desk
from modelry.server.rules import refuse_unguarded


@dataclass(frozen=True, slots=True)
class Dialect:
    """A protocol: which paths are its own, and the app behind them.

    The app answers its own refusals, in the protocol's own shape, and each of
    its routes says who may come in. An entry point of `modelry.dialects` names
    a function that makes a dialect of a desk.
    """

    name: str
    claims: Callable[[str], bool]
    app: Starlette
    hot: HotDoor | None = None


class Hot(Protocol):
    """A read whose answer may be remembered until something is committed (`hot.py`)."""

    @property
    def name(self) -> str:
        """The template of the route."""
        ...

    def read(self, request: Request) -> tuple[Actor, Response | None]:
        """Look who asks and answer him; runs in a thread, raises what a verb does.

        It asks by `Call.service`: who asks may not be sure before he is answered.
        None where the answer is too large for that: then the app is asked.
        """
        ...

    def refuse(self, error: Exception, request_id: str) -> Response:
        """Answer what `read` raised."""
        ...


@dataclass(frozen=True, slots=True)
class HotDoor:
    """Which reads of a protocol may be remembered.

    `of` is given a request and its body and answers the read that it is, None
    for all others. It has a body only where the path ends with one of `posts`.
    `varying` are headers (lower case) with which nothing is remembered.
    """

    of: Callable[[Scope, bytes], Hot | None]
    posts: tuple[str, ...] = ()
    varying: frozenset[bytes] = frozenset()


def under(*prefixes: str) -> Callable[[str], bool]:
    """Claim the paths that are one of `prefixes`, or below one."""
    below = tuple(f"{prefix}/" for prefix in prefixes)
    return lambda path: path in prefixes or path.startswith(below)


def installed_dialects(desk: Desk) -> list[Dialect]:
    """Make every installed dialect. Raises `Unguarded` where a route has no rule."""
    found: list[Dialect] = [make(desk) for make in plugins.load_all("dialects")]
    for dialect in found:
        dialect.app.state.desk = desk
        refuse_unguarded(dialect.app.routes)
    return found


class Doors:
    """Hands a request to the dialect whose path it asks for, else to the native API."""

    def __init__(self, native: ASGIApp, dialects: Sequence[Dialect]) -> None:
        self._native, self._dialects = native, tuple(dialects)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, behind the door that the path belongs to."""
        if scope["type"] == "http":
            path = scope["path"]
            for dialect in self._dialects:
                if dialect.claims(path):
                    await dialect.app(scope, receive, send)
                    return
        await self._native(scope, receive, send)
