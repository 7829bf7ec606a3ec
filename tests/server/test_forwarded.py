"""Whom a server takes a request to be from, with and without a proxy before it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from modelry.server.forwarded import Forwarded

TRUSTED, OTHER = "192.0.2.1", "198.51.100.9"


def seen(peer: str, trusted: str, *headers: tuple[bytes, bytes], kind: str = "http") -> Any:  # noqa: ANN401 - what a scope holds
    """Answer the client and the scheme that the app behind is told."""
    told: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        told.append((scope.get("client"), scope.get("scheme")))

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": kind}
    if kind == "http":
        scope.update(client=(peer, 4711), scheme="http", headers=list(headers))
    asyncio.run(Forwarded(app, trusted)(scope, receive, send))
    return told[0]


FROM = (b"x-forwarded-for", b"203.0.113.5")
BY = (b"x-forwarded-proto", b"https")


def test_without_a_proxy_the_peer_is_the_client() -> None:
    assert seen(TRUSTED, TRUSTED, (b"host", b"x")) == ((TRUSTED, 4711), "http")


def test_a_trusted_proxy_is_believed() -> None:
    assert seen(TRUSTED, TRUSTED, (b"host", b"x"), FROM, BY) == (("203.0.113.5", 0), "https")
    assert seen(TRUSTED, TRUSTED, BY) == ((TRUSTED, 4711), "https")


@pytest.mark.parametrize("trusted", [TRUSTED, "", "192.0.2.0/24"])
def test_anybody_else_is_not(trusted: str) -> None:
    assert seen(OTHER, trusted, FROM, BY) == ((OTHER, 4711), "http")


def test_what_is_no_request_passes() -> None:
    assert seen(OTHER, TRUSTED, kind="lifespan") == (None, None)
