"""From a refusal to an answer of the component: `{"detail": ...}`, as its example has it."""

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

STATUS: Mapping[type[RegistryError], int] = {
    NotFound: 404,
    Conflict: 400,
    Invalid: 422,
    Denied: 403,
    Unauthenticated: 401,
    Unsupported: 501,
    Unavailable: 503,
    Corrupt: 500,
    RegistryError: 500,
}
_BY_REASON = {"too_large": 413, "unreadable": 400, "idle": 408, "storage_full": 507}
EXISTS = "Model version already exists"


def refused(error: RegistryError) -> Response:
    """Answer a refusal. A version that is there already has the words of the document (S2.18)."""
    count_refusal(error)
    taken = isinstance(error, Conflict) and "version" in error.facts
    status = _BY_REASON.get(str(error.facts.get("reason")), STATUS[type(error)])
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "1"
    return answer({"detail": EXISTS if taken else error.message}, status, headers)


def answer(
    document: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer a document."""
    return Response(msgspec.json.encode(document), status, headers, "application/json")
