"""From a problem document (RFC 9457) back to the refusal that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from modelry.core import errors
from modelry.core.errors import RegistryError, Unavailable

KINDS: Mapping[str, type[RegistryError]] = {
    kind.code: kind
    for kind in (
        errors.NotFound,
        errors.Conflict,
        errors.Invalid,
        errors.Denied,
        errors.Unauthenticated,
        errors.Unsupported,
        errors.Unavailable,
        errors.Corrupt,
    )
}
_MEDIA_TYPE = "application/problem+json"
_TAKEN = frozenset({"self", "message"})


def refusal_of(response: httpx.Response, server: str) -> RegistryError:
    """Answer the refusal that a read response tells of, in the server's own words."""
    document = document_of(response, _MEDIA_TYPE)
    if document is None:
        return stranger(response, server)
    kind = KINDS.get(str(document.get("code")), _kind_of(response.status_code))
    facts = document.get("facts")
    given = facts if isinstance(facts, dict) else {}
    detail = document.get("detail") or document.get("title") or f"status {response.status_code}"
    error = kind(str(detail), **{key: each for key, each in given.items() if key not in _TAKEN})
    request = response.headers.get("x-request-id") or document.get("request_id")
    if request and response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        error.add_note(f"request {request} at {server}")
    return error


def stranger(response: httpx.Response, server: str) -> Unavailable:
    """Say that whatever answered does not speak as a modelry server does."""
    status = response.status_code
    if response.is_redirect:
        msg = f"{server} sends elsewhere (status {status}); use the address that it sends to"
    elif status >= httpx.codes.INTERNAL_SERVER_ERROR:
        msg = f"{server} cannot answer now (status {status}); try again, or look after the server"
    else:
        what = response.headers.get("content-type", "").partition(";")[0] or "no content type"
        msg = (
            f"what answers at {server} is no modelry server (status {status}, {what}); "
            "check the address"
        )
    return Unavailable(msg, server=server, status=status)


def document_of(response: httpx.Response, media_type: str) -> Mapping[str, Any] | None:
    """Answer the JSON object of a response of this kind, None where it is no such thing."""
    if response.headers.get("content-type", "").partition(";")[0].strip() != media_type:
        return None
    try:
        value = response.json()
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _kind_of(status: int) -> type[RegistryError]:
    """Answer the kind for a code that this release does not know."""
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable
    return errors.Invalid
