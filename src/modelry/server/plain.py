"""What dialects without a framework share: an app of plain routes, refusals as `{"detail": ...}`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.errors import (
    Conflict,
    Corrupt,
    Denied,
    Invalid,
    NotFound,
    RegistryError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from modelry.server.desk import Call, Desk
from modelry.server.rules import RuledRoute
from modelry.telemetry.metrics import count_refusal

_LOG = logging.getLogger("modelry.server")

Statuses = Mapping[type[RegistryError], int]
Refuse = Callable[[RegistryError], Response]

STATUS: Statuses = {
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Denied: 403,
    Unauthenticated: 401,
    Unsupported: 501,
    Unavailable: 503,
    Corrupt: 500,
    RegistryError: 500,
}
_BY_REASON = {"too_large": 413, "unreadable": 400, "idle": 408, "storage_full": 507}


def refused(
    error: RegistryError, statuses: Statuses = STATUS, detail: str | None = None
) -> Response:
    """Answer a refusal, in its own words unless `detail` has others, and count it."""
    count_refusal(error)
    status = _BY_REASON.get(str(error.facts.get("reason")), statuses[type(error)])
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "1"
    return answer({"detail": detail or error.message}, status, headers)


def answer(
    document: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer a document."""
    return Response(msgspec.json.encode(document), status, headers, "application/json")


async def safely(done: Callable[[], Awaitable[Response]], refuse: Refuse = refused) -> Response:
    """Answer what `done` does, or its refusal; a mistake of ours tells nothing but to the log."""
    try:
        return await done()
    except RegistryError as error:
        return refuse(error)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    except Exception:  # noqa: BLE001 - a mistake of ours; the log tells what it was
        _LOG.exception("a request broke")
        msg = "something broke in the server; its log tells what"
        return refuse(Corrupt(msg))


@asynccontextmanager
async def reading(call: Call, rule: Action, name: Callable[[], str]) -> AsyncIterator[None]:
    """Read a request here; one to register that cannot be read is in the log (S2.15).

    `name` tells the model of it, as far as that is known.
    """
    try:
        yield
    except RegistryError as error:
        if rule is Action.REGISTER:
            await call.refuse(name(), error)
        raise


def plain_app(desk: Desk, routes: Sequence[RuledRoute], refuse: Refuse = refused) -> Starlette:
    """Make an app of routes; what no route takes is answered in the same shape."""

    async def elsewhere(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for these

        async def nowhere() -> Response:
            await desk.threads.run(Call(desk, request).actor)
            return answer({"detail": error.detail}, error.status_code, error.headers)

        return await safely(nowhere, refuse)

    app = Starlette(routes=list(routes), exception_handlers={HTTPException: elsewhere})
    app.router.redirect_slashes = False
    app.state.desk = desk
    return app
