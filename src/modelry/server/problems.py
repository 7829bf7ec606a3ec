"""From a refusal to an HTTP answer: problem details (RFC 9457), by one table."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
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

PROBLEM = "application/problem+json"
TYPES = "https://modelry.dev/problems/"

STATUS: Mapping[type[RegistryError], tuple[int, str]] = {
    NotFound: (404, "Not found"),
    Conflict: (409, "Conflict"),
    Invalid: (422, "Invalid"),
    Denied: (403, "Denied"),
    Unauthenticated: (401, "Not signed in"),
    Unsupported: (501, "Unsupported"),
    Unavailable: (503, "Unavailable"),
    Corrupt: (500, "Corrupt"),
    RegistryError: (500, "Error"),
}

_BY_REASON = {
    "storage_full": 507,
    "unreadable": 400,
    "too_large": 413,
    "offset": 416,
    "range": 416,
    "precondition": 412,
    "idle": 408,
    "host": 421,
    "media_type": 415,
    "method": 405,
}
"""A fact `reason` that says more than the class of the refusal."""


def status_of(error: RegistryError) -> int:
    """Answer the HTTP status of a refusal."""
    status, _ = STATUS[type(error)]
    return _BY_REASON.get(str(error.facts.get("reason")), status)


def problem(error: RegistryError, request_id: str) -> Response:
    """Answer a refusal as problem details, and count it."""
    count_refusal(error)
    status = status_of(error)
    headers: dict[str, str] = {}
    if status == STATUS[Unauthenticated][0]:
        headers["WWW-Authenticate"] = "Bearer"
    if status == STATUS[Unavailable][0]:
        headers["Retry-After"] = "1"
    document = {
        "type": f"{TYPES}{error.code}",
        "title": STATUS[type(error)][1],
        "status": status,
        "detail": error.message,
        "code": error.code,
        "facts": {key: _plain(value) for key, value in error.facts.items()},
        "request_id": request_id,
    }
    return Response(msgspec.json.encode(document), status, headers, PROBLEM)


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return str(value)
