"""The outermost door: whom the request was sent to, from which page, and what all answers say."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelry.core.errors import Denied, Invalid, RegistryError
from modelry.server.problems import problem
from modelry.settings import ServerSettings

_TOKEN = re.compile(rb"modelry_[a-z0-9]{12}_[A-Za-z0-9_-]{43}", re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}
"""Headers of every answer: none of them is a page that a browser may run."""

RAW_SECURITY = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]
"""The same, as ASGI has them."""

_SAID = frozenset(name for name, _ in RAW_SECURITY)


class Edge:
    """Refuses names that are not this server's (DNS rebinding) and foreign origins (CSRF)."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._any_host = "*" in settings.hosts
        self._hosts = frozenset(map(str.lower, settings.hosts)) or _own_names(settings)
        self._origins = frozenset(each.rstrip("/").lower() for each in settings.origins)
        public = urlsplit(settings.public_url or "").hostname
        self._public = public.lower() if public else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [each for each in message["headers"] if each[0] not in _SAID]
                message["headers"] = others + RAW_SECURITY
            await send(message)

        try:
            self.look(scope)
        except RegistryError as refusal:
            request = str(scope.get("state", {}).get("request_id", ""))
            await problem(refusal, request)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def look(self, scope: Scope) -> None:
        """Raise for a request that was sent to another name, or by a foreign page."""
        host = origin = ""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1")
            elif name == b"origin":
                origin = value.decode("latin-1")
        if not scope["path"].startswith(("/health/", "/metrics")):
            self._look_at_host(host)
        query = scope["query_string"]
        if b"modelry" in query.lower() and _TOKEN.search(unquote_to_bytes(query)):
            msg = "a token never belongs into an address; send it as Authorization: Bearer"
            raise Invalid(msg, reason="unreadable")
        if origin and scope["method"] not in _SAFE:
            self._look_at_origin(origin, host)

    def _look_at_host(self, host: str) -> None:
        name = _name(host)
        if not (self._any_host or name in self._hosts or name == self._public):
            msg = f"this server is not called {name!r}; let MODELRY_HOSTS name it"
            raise Invalid(msg, reason="host")

    def _look_at_origin(self, origin: str, host: str) -> None:
        own = urlsplit(origin).netloc.lower() == host.lower()
        if not own and origin.rstrip("/").lower() not in self._origins:
            msg = f"pages of {origin} may change nothing here; let MODELRY_ORIGINS name them"
            raise Denied(msg, origin=origin)


def _name(host: str) -> str:
    """Answer the name in a Host header, without its port."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _own_names(settings: ServerSettings) -> frozenset[str]:
    names: Iterable[str] = (*_LOOPBACK, settings.host.lower())
    try:
        anywhere = ipaddress.ip_address(settings.host).is_unspecified
    except ValueError:
        anywhere = False
    return frozenset(names) | (frozenset({socket.gethostname().lower()}) if anywhere else set())
