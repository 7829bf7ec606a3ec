"""How a route of the native API is made: its name, its rule, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from modelry.core.access import Action
from modelry.server.desk import Call
from modelry.server.dialects.native.schemas import Problem
from modelry.server.problems import PROBLEM
from modelry.server.rules import RULE, Rule
from modelry.server.strict import StrictRoute

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
F = TypeVar("F", bound=Callable[..., Any])
_BEARER = HTTPBearer(auto_error=False, description="A token: modelry_...")
_NOTHING = 204
REFUSAL: dict[str, Any] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}

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
    507: "The disk is full",
}


class _ProblemAnswer(Response):
    """Tells OpenAPI that a door without a document answers problem details alone."""

    media_type = PROBLEM


def call_of(request: Request) -> Call:
    """Make the call of a request."""
    return Call(request.app.state.desk, request)


async def _call(
    request: Request,
    shown: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Call:
    del shown  # it stands here for the OpenAPI document; the desk reads the header itself
    return call_of(request)


CallOf = Annotated[Call, Depends(_call)]


def door(
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
    head: bool = False,
) -> Callable[[F], F]:
    """Register a route: `name` is its stable operation id, `rule` says who may come in.

    With `head` the endpoint answers HEAD too; it must not send a body then.

    What it needs of a role is asked by the verb that it calls; the rule tells
    readers, and the proof that goes through every route and role.
    """
    responses = {**_responses(status, answers), **(more or {})}
    own = {RULE: str(rule), **(extra or {})}

    shape = _ProblemAnswer if status == _NOTHING else JSONResponse if answers else Response

    def register(endpoint: F) -> F:
        router.add_api_route(
            path, endpoint, methods=[method], operation_id=name, name=name, status_code=status,
            response_model=None, responses=responses, response_class=shape, tags=list(tags),
            route_class_override=StrictRoute, openapi_extra=own,
        )  # fmt: skip
        if head:
            router.add_api_route(
                path, endpoint, methods=["HEAD"], include_in_schema=False,
                route_class_override=StrictRoute, openapi_extra=own, response_model=None,
            )  # fmt: skip
        return endpoint

    return register


def _responses(status: int, answers: type[BaseModel] | None) -> dict[int | str, dict[str, Any]]:
    """Tell what a door answers. A door without a document brings in the schema of a refusal."""
    done: dict[str, Any] = {"description": "Done"}
    if answers is not None:
        done["model"] = answers
    first: dict[str, Any] = {"content": REFUSAL}
    if status == _NOTHING:
        first = {"model": Problem}
    told: dict[int | str, dict[str, Any]] = {status: done}
    told.update({code: {"description": text, **first} for code, text in _REFUSALS.items()})
    return told
