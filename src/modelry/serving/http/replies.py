"""Answers as the protocol writes them: documents, and `{"error": ...}` with a fitting status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Send

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
from modelry.serving.json_tensors import encoded

Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
STATUS: Mapping[type[RegistryError], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Corrupt: 500,
    Unsupported: 501,
    Unavailable: 503,
}
_BY_REASON = {"too_large": 413, "encoding": 415, "method": 405, "idle": 408}
_FAILED = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    body: bytes
    status: int = 200
    headers: Headers = (JSON,)


def document(content: Mapping[str, Any], status: int = 200, headers: Headers = ()) -> Reply:
    """Answer a JSON document."""
    return Reply(encoded(content), status, (JSON, *headers))


def refusal(error: RegistryError, headers: Headers = ()) -> Reply:
    """Answer a refusal in the protocol's form."""
    status = _BY_REASON.get(str(error.facts.get("reason")), 0) or _status(error)
    more = list(headers)
    if status == 401:  # noqa: PLR2004 - the status
        more.append((b"www-authenticate", b"Bearer"))
    if status == 503:  # noqa: PLR2004 - the status
        more.append((b"retry-after", b"1"))
    if allow := error.facts.get("allow"):
        more.append((b"allow", str(allow).encode()))
    return document({"error": error.message}, status, more)


def broken(headers: Headers = ()) -> Reply:
    """Answer a fault of the model or of ours, without telling what it was."""
    msg = "the model failed on this request; the log tells what, under its X-Request-Id"
    return document({"error": msg}, _FAILED, headers)


def _status(error: RegistryError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


async def send_reply(send: Send, reply: Reply, *, head: bool = False) -> None:
    """Send an answer; of one to HEAD the headers alone."""
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})
