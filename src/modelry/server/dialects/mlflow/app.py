"""The app behind MLflow's addresses: its routes, and the project that an address selects."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from modelry.server.desk import Desk
from modelry.server.dialect import Dialect
from modelry.server.dialects.mlflow import (
    about,
    aliases,
    artifacts,
    experiments,
    logged_models,
    models,
    parts,
    run_logs,
    runs,
    sealed,
    versions,
    webhooks,
)
from modelry.server.dialects.mlflow.doors import BASE, PROJECT, buckets_of, call_of, refused_by
from modelry.server.dialects.mlflow.hot import hot_door
from modelry.server.dialects.mlflow.places import base_of, claims, place_of, project_of
from modelry.server.dialects.mlflow.refusals import Refusal, nowhere, refused
from modelry.server.rules import RuledRoute

_ROOMS: Sequence[ModuleType] = (
    models,
    versions,
    aliases,
    sealed,
    about,
    artifacts,
    experiments,
    logged_models,
    parts,
    run_logs,
    runs,
    webhooks,
)
"""The files with routes: each has a list `routes`."""


def mlflow_dialect(desk: Desk) -> Dialect:
    """Make the dialect. Raises `Invalid` where the settings name places that cannot be."""
    buckets_of(desk.settings)
    return Dialect("mlflow", claims, _App(desk), hot_door(desk))


class _App(Starlette):
    """Takes the project out of the address before the routes look at it."""

    def __init__(self, desk: Desk) -> None:
        routes: list[RuledRoute] = [route for room in _ROOMS for route in room.routes]
        handlers = {404: _nowhere, 405: _nowhere}
        super().__init__(routes=routes, exception_handlers=handlers)
        self.router.redirect_slashes = False
        self._settings = desk.settings
        self._paths: dict[object, str] = {route.endpoint: route.path for route in routes}
        self._plain = {
            (method, route.path): route.endpoint
            for route in routes
            if "{" not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request under one of the claimed addresses."""
        place = place_of(scope["path"])
        assert place is not None  # noqa: S101 - claimed
        try:
            project = project_of(place, scope)
        except Refusal as refusal:
            await refused(refusal)(scope, receive, send)
            return
        scope["state"][PROJECT] = project
        scope["state"][BASE] = base_of(scope, project, self._settings)
        inner = {**scope, "path": place.rest, "raw_path": place.rest.encode("utf-8", "replace")}
        endpoint = self._plain.get((scope["method"], place.rest))
        if endpoint is None:
            await super().__call__(inner, receive, send)
        else:  # the way of most requests, found at once; an endpoint answers its own refusals
            inner |= {"app": self, "endpoint": endpoint, "path_params": {}}
            response = await endpoint(Request(inner, receive, send))
            await response(inner, receive, send)
        scope["state"].setdefault("route", self._paths.get(inner.get("endpoint")))


async def _nowhere(request: Request, error: Exception) -> Response:
    del error
    call = call_of(request)
    return await refused_by(call, nowhere(f"{request.method} {request.url.path}"))
