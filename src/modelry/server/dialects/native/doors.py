"""How a route of the native API is made: its name, its rule, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from modelry.core.access import Action
from modelry.server.desk import Call
from modelry.server.dialects.native.schemas import Problem
from modelry.server.strict import StrictRoute

RULE = "x-modelry-rule"
"""Where a route's rule stands in the OpenAPI document."""


class Rule(StrEnum):
    """Who may come through a door, beside those whom an `Action` names."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    SELF = "own, or an admin of the registry"


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
F = TypeVar("F", bound=Callable[..., Any])

_REFUSALS = {
    400: "The request cannot be read",
    401: "No token, or one that is not known",
    403: "The role is too small",
    404: "Not there, or not for this caller",
    409: "It exists already, or its state forbids this",
    412: "It changed since it was read",
    413: "Too large",
    422: "Something breaks a rule; the answer names it",
    503: "Not now; try again",
}


def call_of(request: Request) -> Call:
    """Make the call of a request."""
    return Call(request.app.state.desk, request)


async def _call(request: Request) -> Call:
    return call_of(request)


CallOf = Annotated[Call, Depends(_call)]


def door(  # noqa: PLR0913 - what a route is
    router: APIRouter,
    method: Method,
    path: str,
    name: str,
    rule: Action | Rule,
    *,
    status: int = 200,
    answers: type[BaseModel] | None = None,
    more: Mapping[int | str, dict[str, Any]] | None = None,
    tags: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> Callable[[F], F]:
    """Register a route: `name` is its stable operation id, `rule` says who may come in.

    What it needs of a role is asked by the verb that it calls; the rule tells
    readers, and the proof that goes through every route and role.
    """
    done: dict[str, Any] = {"description": "Done"}
    if answers is not None:
        done["model"] = answers
    responses: dict[int | str, dict[str, Any]] = {
        status: done,
        **{
            code: {
                "model": Problem,
                "description": text,
                "content": {"application/problem+json": {}},
            }
            for code, text in _REFUSALS.items()
        },
        **(more or {}),
    }

    def register(endpoint: F) -> F:
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            operation_id=name,
            name=name,
            status_code=status,
            response_model=None,
            responses=responses,
            tags=list(tags),
            route_class_override=StrictRoute,
            openapi_extra={RULE: str(rule), **(extra or {})},
        )
        return endpoint

    return register
