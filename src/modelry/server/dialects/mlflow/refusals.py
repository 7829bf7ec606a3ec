"""From a refusal to MLflow's error code and status, by one table.

The stock client repeats what is answered with 408, 429 and 5xx for minutes. So
whatever the caller can mend is answered with another 4xx, even where MLflow's
own server says 500.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

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
from modelry.telemetry.metrics import count_refusal

_LOG = logging.getLogger("modelry.server.mlflow")
JSON = "application/json"

ABSENT = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"
INVALID = "INVALID_PARAMETER_VALUE"
NOWHERE = "ENDPOINT_NOT_FOUND"
CONFLICT = "RESOURCE_CONFLICT"
NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
BROKEN = "INTERNAL_ERROR"
UNREADABLE = "BAD_REQUEST"

STATUS: Mapping[str, int] = {
    ABSENT: 404,
    EXISTS: 400,
    INVALID: 400,
    NOWHERE: 404,
    CONFLICT: 409,
    NOT_IMPLEMENTED: 501,
    BROKEN: 500,
    UNREADABLE: 400,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "TEMPORARILY_UNAVAILABLE": 503,
}
"""The status of each error code that we answer."""

CODES: Mapping[type[RegistryError], str] = {
    NotFound: ABSENT,
    Conflict: CONFLICT,
    Invalid: INVALID,
    Denied: "PERMISSION_DENIED",
    Unauthenticated: "UNAUTHENTICATED",
    Unsupported: NOT_IMPLEMENTED,
    Unavailable: "TEMPORARILY_UNAVAILABLE",
    Corrupt: BROKEN,
    RegistryError: BROKEN,
}

_BY_REASON = {"too_large": 413, "range": 416, "storage_full": 507}
"""A fact `reason` that has a status of its own, which the client does not repeat."""


class Refusal(Exception):
    """A refusal in MLflow's own words, which its tools and tests look for.

    `code` is a key of `STATUS`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def invalid(message: str) -> Refusal:
    """Say that a parameter cannot be what it is."""
    return Refusal(INVALID, message)


def absent(message: str) -> Refusal:
    """Say that what was named is not there."""
    return Refusal(ABSENT, message)


def nowhere(path: str) -> Refusal:
    """Say that no route is at `path`."""
    return Refusal(NOWHERE, f"there is no {path} here")


def refusal_of(error: Exception) -> Refusal:
    """Answer how a caller is told of `error`; what nobody raised on purpose is logged."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RegistryError):
        return Refusal(CODES[type(error)], error.message)
    if isinstance(error, ClientDisconnect):
        return Refusal(UNREADABLE, "the rest of the request did not come")
    if isinstance(error, HTTPException):
        return Refusal(UNREADABLE, str(error.detail))
    _LOG.error("a request broke", exc_info=error)
    return Refusal(BROKEN, "something broke in the server; its log tells what")


def misread(error: Exception) -> Exception:
    """Answer the refusal of a request that could not be read: never a fault of ours."""
    if isinstance(error, Refusal | RegistryError | HTTPException | ClientDisconnect):
        return error
    _LOG.warning("a request could not be read", exc_info=error)
    return Refusal(UNREADABLE, "the request cannot be read; see the MLflow API docs")


def refused(error: Exception) -> Response:
    """Answer a refusal, and count it."""
    refusal = refusal_of(error)
    status = STATUS[refusal.code]
    if isinstance(error, RegistryError):
        count_refusal(error)
        status = _BY_REASON.get(str(error.facts.get("reason")), status)
    headers: dict[str, str] = {}
    if refusal.code == "UNAUTHENTICATED":
        headers["WWW-Authenticate"] = 'Basic realm="mlflow"'
    if refusal.code == "TEMPORARILY_UNAVAILABLE":
        headers["Retry-After"] = "1"
    document = {"error_code": refusal.code, "message": refusal.message}
    return Response(msgspec.json.encode(document), status, headers, JSON)
