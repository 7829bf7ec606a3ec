"""Which route answered a request: the template, in which no name and no id is."""

from __future__ import annotations

from starlette.types import Scope

UNMATCHED = "(none)"
"""The route of a request that no route was there for."""


def route_of(scope: Scope) -> str:
    """Answer the template of the route that matched, after the app has run.

    What the app says in `state["route"]` comes first. FastAPI keeps the route
    of an included router, with its prefix, in a place of its own, and
    `scope["route"]` for its own kind of routes only; plain Starlette routes
    are found by their endpoint.
    """
    named: str | None = scope["state"].get("route")
    if named:
        return named
    included = scope.get("fastapi", {}).get("effective_route_context")
    for route in (included, getattr(included, "starlette_route", None), scope.get("route")):
        template: str | None = getattr(route, "path_format", None) or getattr(route, "path", None)
        if template:
            return template
    return _by_endpoint(scope) or UNMATCHED


def _by_endpoint(scope: Scope) -> str | None:
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    for route in getattr(scope.get("app"), "routes", ()):
        pattern = getattr(route, "path_regex", None)
        if (
            getattr(route, "endpoint", None) is endpoint
            and pattern
            and pattern.match(scope["path"])
        ):
            template: str = route.path_format
            return template
    return None
