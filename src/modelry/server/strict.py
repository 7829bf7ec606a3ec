"""JSON bodies that say one thing only, of a bounded size, read without waiting for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, get_origin

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from modelry.core.errors import Invalid
from modelry.core.strict_json import loads
from modelry.server.answers import unchanged
from modelry.settings import ServerSettings


class StrictRequest(Request):
    """Refuses what two parsers could read differently, before any of it is believed."""

    async def body(self) -> bytes:
        """Read the body, at most as many bytes as the settings allow."""
        if not hasattr(self, "_body"):
            settings: ServerSettings = self.app.state.desk.settings
            self._body = await self._read(settings.max_body, settings.idle_seconds)
        return self._body

    async def _read(self, limit: int, idle: float) -> bytes:
        length = self.headers.get("content-length", "0")
        if length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            part, more = await self._part(idle)
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
        return b"".join(parts)

    async def _part(self, idle: float) -> tuple[bytes, bool]:
        """Answer what comes next of the body, and whether there is more."""
        try:
            async with asyncio.timeout(idle):
                message = await self.receive()
        except TimeoutError as error:
            msg = f"the rest of the body did not come for {idle:.0f} seconds"
            raise Invalid(msg, reason="idle") from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        return message.get("body", b""), message.get("more_body", False)

    async def json(self) -> Any:  # noqa: ANN401 - what Starlette declares
        """Parse the body: no duplicate keys, NaN, endless numbers or deep nesting."""
        try:
            return loads(await self.body(), "the body")
        except Invalid as error:
            error.facts["reason"] = "unreadable"
            raise


class StrictRoute(APIRoute):
    """A route whose JSON is read strictly, and which sends nothing that the caller has."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse another method, naming those of every route at this address (RFC 9110, 15.5.6)."""
        if self.methods and scope["method"] not in self.methods:
            found = [
                methods
                for route in scope["app"].routes
                if (methods := getattr(route, "methods", None))
                and route.matches(scope)[0] is not Match.NONE
            ]
            allowed = ", ".join(sorted(set().union(*found)))
            raise HTTPException(405, "another method goes here", {"Allow": allowed})
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Hand a strict request to the endpoint."""
        handle = super().get_route_handler()
        known = {
            field.alias: get_origin(field.field_info.annotation) is list
            for field in self.dependant.query_params
        }

        async def strictly(request: Request) -> Response:
            _refuse_unknown(request, known)
            try:
                response = await handle(StrictRequest(request.scope, request.receive))
            except ClientDisconnect:
                return Response(status_code=400)  # nobody is there to read it
            etag = response.headers.get("etag")
            if (
                request.method == "GET"
                and response.status_code == HTTPStatus.OK
                and unchanged(request.headers.get("if-none-match"), etag)
            ):
                return Response(status_code=304, headers={"ETag": str(etag)})
            return response

        return strictly


def _refuse_unknown(request: Request, known: Mapping[str, bool]) -> None:
    """Refuse a parameter that means nothing here, or two things: a slip, or an attempt.

    `known` says of each parameter whether it may stand there several times.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    there = ", ".join(sorted(known)) or "none"
    problems = {
        name: f"there is no such parameter here; there are: {there}"
        if name not in known
        else "stands there more than once; say it once"
        for name in sorted(set(given))
        if name not in known or (given.count(name) > 1 and not known[name])
    }
    if problems:
        raise RequestValidationError(
            [{"loc": ("query", name), "msg": told} for name, told in problems.items()]
        )


def _too_large(limit: int) -> Invalid:
    msg = f"the body has more than {limit} bytes; send less, or files as uploads"
    return Invalid(msg, reason="too_large", limit=limit)
