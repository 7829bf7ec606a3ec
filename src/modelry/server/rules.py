"""No door without a rule: the app is not built where a route does not say who may come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from modelry.core.access import Action

RULE = "x-modelry-rule"
"""Where a route's rule stands in the OpenAPI document."""


class Rule(StrEnum):
    """Who may come through a door, beside those whom an `Action` names."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    SLIP = "holder of the slip of an upload"
    SELF = "own, or an admin of the registry"


class RuledRoute(Route):
    """A plain route that says who may come in: for doors that need no framework.

    What it needs of a role is asked by the verb that it calls.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        rule: Action | Rule,
        *,
        methods: Sequence[str] = ("GET",),
        name: str | None = None,
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods), name=name)
        self.rule = str(rule)


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
    if isinstance(route, RuledRoute):
        return route.rule
    if isinstance(route, Route):
        return str(Rule.ANYONE) if route.path in OPEN else None
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
