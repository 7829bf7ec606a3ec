"""Looking again: a server that has nothing new to say answers without saying it."""

from __future__ import annotations

from http import HTTPStatus

from modelry.core.documents import version_from
from modelry.core.model import Version
from modelry.remotes.client.wire import Ask, Wire


def resolve_again(wire: Wire, ref: str, seen: str | None) -> tuple[str | None, Version | None]:
    """Answer the version that `ref` names with its ETag; no version where it is still `seen`."""
    headers = {"If-None-Match": seen} if seen else {}
    response = wire.ask(Ask("GET", "/registry/resolve", {"ref": ref}, headers=headers))
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return seen, None
    return response.headers.get("etag"), version_from(wire.read(response))
