"""The app: every door, behind the edge, in the order in which a request passes them."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from modelry import __version__
from modelry.core.access import NEEDS, ONLY_ADMINS_REGISTER
from modelry.core.denials import Denials
from modelry.core.errors import (
    Corrupt,
    Invalid,
    NotFound,
    RegistryError,
    Unauthenticated,
    Unavailable,
)
from modelry.core.verbs.world import World
from modelry.server.callers import Callers, Told
from modelry.server.desk import Call, Desk
from modelry.server.dialect import Doors, installed_dialects
from modelry.server.dialects.native import (
    bytes as files,
)
from modelry.server.dialects.native import (
    carrying,
    deployments,
    log,
    models,
    people,
    projects,
    refs,
    versions,
)
from modelry.server.dialects.native.hot import native_hot
from modelry.server.direct import Direct
from modelry.server.edge import SECURITY, Edge
from modelry.server.figures import figures_route
from modelry.server.forwarded import Forwarded
from modelry.server.health import health_routes
from modelry.server.hot import HotDoors
from modelry.server.problems import problem
from modelry.server.rules import refuse_unguarded
from modelry.server.short import ShortWay
from modelry.server.signin.options import SignIn
from modelry.server.signin.routes import signin_routes
from modelry.server.slips import Slips
from modelry.server.sources import sources_of
from modelry.server.streams import Threads
from modelry.server.upkeep import Upkeep
from modelry.settings import ServerSettings
from modelry.telemetry import Telemetry, TelemetrySettings

_LOG = logging.getLogger("modelry.server")
_REGISTERING = "create_version"
_MOVING = 16
_ABOUT = """A model registry: registered models, sealed versions, stages, aliases, history.

Every call takes a token: `Authorization: Bearer modelry_...`. Refusals are
problem details (RFC 9457). Every change may carry an `Idempotency-Key`: the
same request with the same key has one effect.
"""


def desk_of(world: World, settings: ServerSettings) -> Desk:
    """Prepare what the doors of a server share."""
    needs = ONLY_ADMINS_REGISTER if settings.only_admins_register else NEEDS
    own = replace(world, sources=sources_of(settings), needs=needs, denials=Denials(),
                  surroundings=Told("modelry"))  # fmt: skip
    threads = Threads(settings.threads, _MOVING)
    return Desk(own, settings, Callers(own), threads, Slips(own.store))


def make_app(world: World, settings: ServerSettings) -> ASGIApp:
    """Build the app. Raises `Unguarded` where a route does not say who may come in."""
    desk = desk_of(world, settings)
    signing_in = signin_routes(sign_in(settings), _as_itself(desk), desk.threads.run)
    app = native_app(desk, *signing_in, figures_route(desk))
    native = ShortWay(app, desk, (_REGISTERING,), _broken)
    dialects = installed_dialects(desk)
    edge = Edge(Doors(native, dialects), settings)
    doors = HotDoors(edge, desk, native_hot(desk), dialects)
    layer = Telemetry(doors, telemetry(settings), cut_off=_cut_off)
    return Forwarded(layer, settings.trusted_proxies, Direct(doors, layer))


async def _cut_off(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that did not end in the time that a stopping server gives."""
    msg = "the server stops before this request has ended; try again, an upload from its offset"
    response = problem(Unavailable(msg, reason="stopping"), scope["state"]["request_id"])
    response.headers.update({**SECURITY, "Connection": "close"})
    await response(scope, receive, send)


def telemetry(settings: ServerSettings) -> TelemetrySettings:
    """Answer how much the server says of itself."""
    return TelemetrySettings(log=settings.log, level=settings.log_level, paths=settings.log_paths)


def _as_itself(desk: Desk) -> Callable[[Request], World]:
    """Answer the world of the server itself, for signing in: it decides who may."""
    return lambda request: replace(desk.world, trace=Call(desk, request).trace)


def sign_in(settings: ServerSettings) -> SignIn:
    """Answer how people and pipelines sign in."""
    secret = settings.oidc_client_secret
    return SignIn(
        public_url=settings.public_url,
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        trusted_issuers=tuple(settings.oidc_trusted_issuers),
        first_admins=tuple(settings.oidc_first_admins),
        token_days=settings.oidc_token_days,
        insecure_loopback=settings.oidc_insecure_loopback,
    )


def native_app(desk: Desk, *more: Route) -> FastAPI:
    """Build the app of the native API."""
    app = FastAPI(
        title="Modelry",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.desk = desk
    for room in (versions, models, refs, deployments, files, projects, people, log, carrying):
        app.router.routes.extend(room.router.routes)  # plainly, so that every rule can be seen
    app.router.routes.extend([*health_routes(desk), *more])
    app.add_exception_handler(RegistryError, _refused)
    app.add_exception_handler(RequestValidationError, _not_as_asked)
    app.add_exception_handler(HTTPException, _by_framework)
    app.add_exception_handler(Exception, _broken)
    refuse_unguarded(app.routes)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    desk: Desk = app.state.desk
    upkeep = Upkeep(desk)
    await desk.threads.run(upkeep.start)
    gc.collect()
    gc.freeze()  # the routes and their schemas stay: no collection need look at them again
    try:
        yield
    finally:
        await desk.threads.run(upkeep.stop)
        desk.world.store.close()
        desk.world.blobs.close()


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RegistryError)  # noqa: S101 - registered for these
    return problem(error, _request_id(request))


async def _not_as_asked(request: Request, error: Exception) -> Response:
    """Name each field that breaks a rule; a caller without a token learns nothing."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
    rows = [f"{_where(each['loc'])}: {each['msg']}" for each in error.errors()]
    fields = [_where(each["loc"]) for each in error.errors()]
    msg = "; ".join(rows[:10])
    refusal = Invalid(msg, fields=fields[:10])
    return await _stranger(request, refusal) or problem(refusal, _request_id(request))


async def _stranger(request: Request, refusal: RegistryError | None = None) -> Response | None:
    """Answer the refusal of a caller without a token that is known.

    Of anybody else `refusal` is recorded where a version was to be registered.
    """
    desk: Desk = request.app.state.desk
    call = Call(desk, request)
    route = request.scope.get("route")
    try:
        if refusal is not None and getattr(route, "name", None) == _REGISTERING:
            await call.refuse(request.path_params["model_id"], refusal)
        else:
            await desk.threads.run(call.actor)
    except RegistryError as unknown:
        return problem(unknown, _request_id(request))
    return None


def _where(place: tuple[object, ...]) -> str:
    return ".".join(str(part) for part in place[1:]) or str(place[0])


async def _by_framework(request: Request, error: Exception) -> Response:
    """Answer what the framework refused in our own words, to those who are known here."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    cause = error.__cause__
    stranger = await _stranger(request, cause if isinstance(cause, RegistryError) else None)
    if stranger is not None:
        return stranger
    if isinstance(cause, RegistryError):
        return problem(cause, _request_id(request))
    if error.status_code == 404:  # noqa: PLR2004 - the status
        return problem(NotFound(f"there is no {request.url.path} here"), _request_id(request))
    if error.status_code == 401:  # noqa: PLR2004 - the status
        return problem(Unauthenticated(str(error.detail)), _request_id(request))
    reason = {405: "method", 400: "unreadable"}.get(error.status_code)
    refusal = Invalid(str(error.detail), reason=reason)
    response = problem(refusal, _request_id(request))
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    return response


async def _broken(request: Request, error: Exception) -> Response:
    """Answer a mistake of ours without telling what it was; the log tells."""
    _LOG.exception("a request broke", exc_info=error)
    msg = "something broke in the server; its log tells what, under this request id"
    return problem(Corrupt(msg), _request_id(request))
