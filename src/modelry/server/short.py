"""The short way in, for requests that are as they should be.

FastAPI finds out of each request anew what it may be. Here one that is like
most others is known at once, by the same schema and for the same endpoint.
Whatever else comes goes the long way, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from modelry.core.errors import RegistryError
from modelry.core.strict_json import loads
from modelry.server.desk import Call, Desk
from modelry.server.problems import problem
from modelry.server.strict import StrictRequest

LARGEST = 64 * 1024
"""Bytes of the largest body that is read here."""

_JSON = (b"application/json", b"application/json; charset=utf-8")
Broken = Callable[[StrictRequest, Exception], Awaitable[Response]]


class Short:
    """A route whose endpoint takes a call, what its path names, and one document."""

    def __init__(self, route: APIRoute) -> None:
        field = route.body_field
        assert field is not None  # noqa: S101 - such a route was named
        self.template = route.path_format
        self.document: type[BaseModel] = field.field_info.annotation  # type: ignore[assignment]  # as FastAPI keeps it
        self.endpoint: Callable[..., Awaitable[Response]] = route.endpoint
        self._pattern = route.path_regex

    def named(self, path: str) -> dict[str, str] | None:
        """Answer what a path names, None where it is another's."""
        match = self._pattern.match(path)
        return match.groupdict() if match else None


class ShortWay:
    """Answers what is plain, by the routes called `names`; everything else goes on to the app."""

    def __init__(self, app: FastAPI, desk: Desk, names: Sequence[str], broken: Broken) -> None:
        self._app, self._desk, self._broken = app, desk, broken
        self._doors = [
            Short(route)
            for route in app.routes
            if isinstance(route, APIRoute) and route.name in names
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _is_plain(scope):
            await self._app(scope, receive, send)
            return
        for door in self._doors:
            named = door.named(scope["path"])
            if named is not None:
                await self._enter(door, named, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _enter(
        self, door: Short, named: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        scope["app"] = self._app
        request = StrictRequest(scope, receive)
        try:
            body = await request.body()
            document = door.document.model_validate(loads(body, "the body"))
        except (RegistryError, ValidationError, ClientDisconnect) as error:
            read: bytes | Exception = getattr(request, "_body", error)
            await self._app(scope, _again(read, receive), send)
            return
        scope["state"]["route"] = door.template
        call = Call(self._desk, request)
        try:
            response = await door.endpoint(call, body=document, **named)
        except RegistryError as refusal:
            response = problem(refusal, call.request_id)
        except Exception as error:
            response = await self._broken(request, error)
            await response(scope, receive, send)
            raise
        await response(scope, receive, send)


def _is_plain(scope: Scope) -> bool:
    """Say whether this is a small document of JSON and nothing else."""
    kind, length = b"", b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"content-length":
            length = value
    small = length.isdigit() and len(length) < 8 and int(length) <= LARGEST  # noqa: PLR2004 - digits
    return small and kind in _JSON and not scope["query_string"]


def _again(read: bytes | Exception, receive: Receive) -> Receive:
    """Receive once more what was received already, then what comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        if isinstance(read, Exception):
            raise read
        return {"type": "http.request", "body": read, "more_body": False}

    return again
