"""No door without a rule: the app is not built where a route does not say who may come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from modelry.server.dialects.native.doors import RULE

ANYONE = "anyone"

OPEN: Mapping[str, str] = {
    "/openapi.json": "tells what the software can do, not what it holds",
    "/health/live": "a supervisor asks before it has any token",
    "/health/ready": "a balancer asks before it has any token",
    "/metrics": "a scraper on the inside; MODELRY_OPEN_METRICS=false takes a token",
    "/auth/config": "says how one signs in",
    "/auth/login": "begins signing in",
    "/auth/callback": "comes back from the identity provider",
    "/auth/token": "ends signing in: takes a one-time code",
    "/auth/exchange": "takes a pipeline's own token",
}
"""The plain routes that anybody may come through, and why."""


class Unguarded(RuntimeError):
    """A route has no rule. This is a mistake in the code, not of a caller."""


def rule_of(route: BaseRoute) -> str | None:
    """Answer who may come through a route, None where nothing says so."""
    if isinstance(route, APIRoute):
        extra = route.openapi_extra or {}
        return str(extra[RULE]) if RULE in extra else None
    if isinstance(route, Route):
        return ANYONE if route.path in OPEN else None
    return None


def unguarded(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Name every route without a rule."""
    for route in routes:
        if rule_of(route) is None:
            yield str(getattr(route, "path", route))


def refuse_unguarded(routes: Iterable[BaseRoute]) -> None:
    """Raise `Unguarded` naming each route without a rule."""
    found = sorted(unguarded(routes))
    if found:
        msg = f"these routes do not say who may come in: {', '.join(found)}"
        raise Unguarded(msg)
