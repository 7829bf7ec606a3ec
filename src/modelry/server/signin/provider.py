"""The identity provider of people: where they are sent, and what their return is worth."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote, urlencode

from modelry.core.errors import Invalid, Unavailable
from modelry.core.strict_json import load_object
from modelry.server.signin.jwks import Issuers
from modelry.server.signin.options import SignIn
from modelry.server.signin.tokens import Identity, verify_id_token

LOGIN_SECONDS = 600
"""Seconds that a login may take."""

_SCOPES = "openid email profile"


def challenge_of(verifier: str) -> str:
    """Answer the S256 challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorization_url(
    settings: SignIn, issuers: Issuers, state: str, nonce: str, verifier: str
) -> str:
    """Answer where a person signs in. Raises `Unavailable` where the provider does not answer."""
    issuer = settings.issuer or ""
    endpoint = issuers.endpoints(issuer).authorization
    if not endpoint:
        msg = f"the identity provider {issuer} names no authorization endpoint"
        raise Unavailable(msg, issuer=issuer)
    asked = {
        "response_type": "code", "client_id": settings.client_id,
        "redirect_uri": settings.callback, "scope": _SCOPES, "state": state, "nonce": nonce,
        "code_challenge": challenge_of(verifier), "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def identify(  # noqa: PLR0913 - a return is checked against this many facts
    settings: SignIn, issuers: Issuers, code: str, nonce: str, verifier: str, now: int
) -> Identity:
    """Answer whom a provider's code is about. Raises `Unauthenticated`, `Unavailable`."""
    issuer = settings.issuer or ""
    endpoints = issuers.endpoints(issuer)
    form = {
        "grant_type": "authorization_code", "code": code,
        "redirect_uri": settings.callback, "code_verifier": verifier,
    }  # fmt: skip
    headers: dict[str, str] = {}
    if settings.client_secret and endpoints.basic:
        headers["Authorization"] = _basic(settings.client_id, settings.client_secret)
    else:
        form["client_id"] = settings.client_id
        if settings.client_secret:
            form["client_secret"] = settings.client_secret
    body = issuers.post(issuer, endpoints.token, form, headers)
    token = _id_token(body, issuer)
    return verify_id_token(token, issuer, settings.client_id, issuers, now, nonce=nonce)


def _basic(client_id: str, secret: str) -> str:
    """Write the credentials of a client (RFC 6749, 2.3.1: each part is form-encoded first)."""
    both = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(both.encode()).decode()


def _id_token(body: bytes, issuer: str) -> str:
    try:
        token = load_object(body, "the answer").get("id_token")
    except Invalid:
        token = None  # what it says instead may hold secrets, so nothing of it is passed on
    if not isinstance(token, str):
        msg = f"the identity provider {issuer} answered without an identity token"
        raise Unavailable(msg, issuer=issuer)
    return token
