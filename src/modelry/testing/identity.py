"""An identity provider on this machine, for tests of signing in: real HTTP, real signatures."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

DISCOVERY = "/.well-known/openid-configuration"
KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path answers in place of what it would."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class IdentityProvider:
    """Consents at once, in the name of `person`, to whoever asks with a proof key (PKCE).

    `asked` lists the paths that were asked for, `connections` counts the
    connections that were made. `answers` replaces the answer of a path.
    """

    def __init__(self, issuer: str, now: Callable[[], float]) -> None:
        self.issuer = issuer
        self.client_id = "modelry-test"
        self.client_secret = "s3cret/of+the client"  # noqa: S105 - of a test
        self.person: dict[str, Any] = {"sub": "248289761001", "preferred_username": "grace"}
        self.asked: list[str] = []
        self.connections = 0
        self.answers: dict[str, Answer] = {}
        self.now = now
        self._codes: dict[str, dict[str, str]] = {}
        self.keys: dict[str, Key] = {}
        self.rotate()

    def rotate(self) -> None:
        """Sign with new keys from now on, and publish the old ones no more."""
        self.keys = {
            "RSA": RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)}),
            "EC": ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)}),
            "OKP": OKPKey.generate_key("Ed25519", {"kid": secrets.token_hex(4)}),
        }

    def mint(
        self,
        claims: Mapping[str, Any],
        *,
        alg: str = "RS256",
        key: Key | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> str:
        """Sign a token of this issuer, good for five minutes; `claims` go before what it says."""
        key = key or self.keys[KINDS[alg[:2]]]
        now = int(self.now())
        body = {"iss": self.issuer, "iat": now, "nbf": now, "exp": now + 300, **claims}
        body = {name: value for name, value in body.items() if value is not None}
        protected = {"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}
        protected = {name: value for name, value in protected.items() if value is not None}
        return jws.serialize_compact(protected, json.dumps(body), key, [alg])

    def answer(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer a GET."""
        if path == DISCOVERY:
            return _json(200, self._discovery())
        if path == "/jwks":
            return _json(200, {"keys": [key.as_dict(private=False) for key in self.keys.values()]})
        if path == "/authorize":
            return self._authorize(query)
        return Answer(404)

    def _discovery(self) -> dict[str, Any]:
        base = self.issuer.rstrip("/")
        return {
            "issuer": self.issuer, "jwks_uri": f"{base}/jwks",
            "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
        }  # fmt: skip

    def _authorize(self, query: Mapping[str, str]) -> Answer:
        wanted = {"response_type": "code", "client_id": self.client_id,
                  "code_challenge_method": "S256"}  # fmt: skip
        wrong = [name for name, value in wanted.items() if query.get(name) != value]
        if wrong or not {"redirect_uri", "state", "nonce", "code_challenge"} <= query.keys():
            return _json(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe(16)
        self._codes[code] = dict(query)
        told = {"code": code, "state": query["state"], "iss": self.issuer}
        return Answer(302, headers={"Location": f"{query['redirect_uri']}?{urlencode(told)}"})

    def exchange(self, form: Mapping[str, str], authorization: str) -> Answer:
        """Answer a POST to the token endpoint."""
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or not self._is_client(form, authorization):
            return _json(400, {"error": "invalid_grant"})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (challenge, form.get("redirect_uri")) != (
            asked["code_challenge"],
            asked["redirect_uri"],
        ):
            return _json(400, {"error": "invalid_grant"})
        claims = {"aud": self.client_id, "nonce": asked["nonce"], **self.person}
        document = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer",
                    "id_token": self.mint(claims)}  # fmt: skip
        return _json(200, document)

    def _is_client(self, form: Mapping[str, str], authorization: str) -> bool:
        _, _, given = authorization.partition("Basic ")
        name, _, secret = base64.b64decode(given).decode().partition(":")
        pair = (unquote(name), unquote(secret)) if given else (
            form.get("client_id"), form.get("client_secret"))  # fmt: skip
        return pair == (self.client_id, self.client_secret)


def _json(status: int, document: Mapping[str, Any]) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


class _Handler(BaseHTTPRequestHandler):
    @property
    def provider(self) -> IdentityProvider:
        return cast("_Server", self.server).provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self._send(parts.path, self.provider.answer(parts.path, query))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        authorization = self.headers.get("Authorization", "")
        self._send(self.path, self.provider.exchange(form, authorization))

    def _send(self, path: str, usual: Answer) -> None:
        self.provider.asked.append(path)
        answer = self.provider.answers.get(path, usual)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Write nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    provider: IdentityProvider

    def get_request(self) -> tuple[socket.socket, object]:
        self.provider.connections += 1
        return super().get_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """Write nothing where a client hangs up."""


@contextmanager
def identity_provider(
    now: Callable[[], float] = time.time,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[IdentityProvider]:
    """Run an identity provider on a free port of this machine; `now` is its clock, in seconds."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    scheme = "http" if tls is None else "https"
    provider = IdentityProvider(f"{scheme}://{host}:{server.server_port}", now)
    server.provider = provider
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
