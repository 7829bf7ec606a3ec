"""Signing in at a server: in a browser, with a pasted token, or as a pipeline."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from modelry.core.errors import Invalid, Unauthenticated, Unavailable, Unsupported
from modelry.core.verbs.tokens import NewToken
from modelry.remotes.client.address import Address
from modelry.remotes.client.decoding import new_token_from
from modelry.remotes.client.wire import Wire

BROWSER_SECONDS = 300.0
"""Seconds that a person has for signing in."""

_DONE = (
    b"<!doctype html><meta charset=utf-8><title>Modelry</title>"
    b"<p>You are signed in. This window can be closed."
)
_FAILED = (
    b"<!doctype html><meta charset=utf-8><title>Modelry</title>"
    b"<p>Signing in failed; the terminal says why."
)


class Desk:
    """Where one signs in at a server."""

    def __init__(
        self, address: Address, *, patience: float, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._address = address
        self._patience = patience
        self._transport = transport

    def has_browser(self) -> bool:
        """Say whether people sign in at this server with an identity provider."""
        with self._wire() as wire:
            return bool(wire.get("/auth/config").get("oidc"))

    def in_browser(
        self, show: Callable[[str], object], seconds: float = BROWSER_SECONDS
    ) -> NewToken:
        """Have a person sign in, and answer the new token.

        `show` gets the address to open in a browser. The server sends the
        browser back to a listener on this machine with a code, which is worth
        nothing without the secret that stays here (PKCE, RFC 7636).
        """
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        with _Listener(state) as listener:
            query = {"redirect": listener.url, "state": state, "challenge": challenge_of(verifier)}
            show(f"{self._address}/auth/login?{urlencode(query)}")
            code = listener.wait(seconds)
        with self._wire() as wire:
            body = {"code": code, "verifier": verifier}
            return new_token_from(wire.send("POST", "/auth/token", body))

    def check(self, token: str) -> Mapping[str, Any]:
        """Answer whose token it is. Raises `Unauthenticated` where the server does not know it."""
        with self._wire(token) as wire:
            found: Mapping[str, Any] = wire.get("/registry/me")
            return found

    def as_pipeline(self, project: str, environ: Mapping[str, str] = os.environ) -> NewToken:
        """Exchange the identity token of a CI system for one of the server."""
        identity = identity_token(self._address.origin, environ, self._transport)
        with self._wire() as wire:
            body = {"token": identity, "project": project}
            return new_token_from(wire.send("POST", "/auth/exchange", body))

    def _wire(self, token: str | None = None) -> Wire:
        return Wire(self._address, token, patience=self._patience, transport=self._transport)


def challenge_of(verifier: str) -> str:
    """Answer the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def identity_token(
    audience: str, environ: Mapping[str, str], transport: httpx.BaseTransport | None = None
) -> str:
    """Answer the OIDC token by which this CI job says who it is.

    GitHub Actions is asked for one; any other system puts it in `MODELRY_ID_TOKEN`.
    Raises `Unsupported` where there is neither.
    """
    url = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    bearer = environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if url and bearer:
        return _github_token(url, bearer, audience, transport)
    if found := environ.get("MODELRY_ID_TOKEN"):
        return found
    msg = (
        "this is no pipeline with an identity: on GitHub give the job the permission "
        "id-token: write, on GitLab an id_token in MODELRY_ID_TOKEN"
    )
    raise Unsupported(msg)


def _github_token(
    url: str, bearer: str, audience: str, transport: httpx.BaseTransport | None
) -> str:
    headers = {"Authorization": f"Bearer {bearer}"}
    target = httpx.URL(url).copy_merge_params({"audience": audience})
    try:
        with httpx.Client(transport=transport, timeout=30.0) as http:
            response = http.get(target, headers=headers)
            return str(response.raise_for_status().json()["value"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        msg = "GitHub gave this job no identity token; has it the permission id-token: write?"
        raise Unavailable(msg) from error


class _Listener:
    """Waits on this machine alone for the browser that comes back with a code."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._answer: dict[str, str] = {}
        self._came = threading.Event()
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="modelry-login", daemon=True
        )

    @property
    def url(self) -> str:
        """Where the server sends the browser."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/callback"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, seconds: float) -> str:
        """Answer the code. Raises `Unauthenticated` where none came, or not for us."""
        if not self._came.wait(seconds):
            msg = "nobody signed in; try again, or paste a token (modelry login --token-stdin)"
            raise Unauthenticated(msg)
        if "code" in self._answer:
            return self._answer["code"]
        msg = f"signing in was refused: {self._answer.get('error', 'the answer has no code')}"
        raise Unauthenticated(msg)

    def _take(self, target: str) -> bytes | None:
        """Take the answer that carries our state; anything else is not from our server."""
        parts = urlsplit(target)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        ours = hmac.compare_digest(given.get("state", "").encode(), self._state.encode())
        if parts.path != "/callback" or not ours or self._came.is_set():
            return None
        self._answer = given
        self._came.set()
        return _DONE if "code" in given else _FAILED

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = take(self.path)
                self.send_response(404 if page is None else 200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(page or b"")

            def log_message(self, *_: object) -> None:
                """Write nothing: a code is in the address."""

        return Handler


def checked_token(text: str) -> str:
    """Answer a pasted token without the white space around it. Raises `Invalid` for no token."""
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        msg = "that is no token; paste what `modelry token create` printed"
        raise Invalid(msg)
    return token
