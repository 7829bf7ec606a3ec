"""Identity tokens (OpenID Connect Core 1.0, section 2), believed only after every check."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol

from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

from modelry.core.errors import Invalid, Unauthenticated
from modelry.core.strict_json import Json, load_object

LEEWAY = 60
"""Seconds by which the clocks of an issuer and of this server may differ."""

LONGEST = 24 * 3600
"""Seconds that may lie between the making of an identity token and its use, or its end."""

MAX_BYTES = 16 * 1024
_MAX_TEXT = 1024
_SECOND = 1_000_000
_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TYPES = frozenset({"", "jwt"})

ALGORITHMS: Mapping[str, tuple[str, str | None, str]] = {
    "RS256": ("RSA", None, "RS256"),
    "RS384": ("RSA", None, "RS384"),
    "RS512": ("RSA", None, "RS512"),
    "PS256": ("RSA", None, "PS256"),
    "PS384": ("RSA", None, "PS384"),
    "PS512": ("RSA", None, "PS512"),
    "ES256": ("EC", "P-256", "ES256"),
    "ES384": ("EC", "P-384", "ES384"),
    "ES512": ("EC", "P-521", "ES512"),
    "EdDSA": ("OKP", "Ed25519", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519", "Ed25519"),
}
"""Algorithms with a public key, each with the kind of key, its curve, and what verifies it."""


class Keys(Protocol):
    """Where the keys of issuers come from (`Issuers`)."""

    def key(self, issuer: str, kid: str | None, alg: str, kind: str, curve: str | None) -> Key:
        """Answer the one key that fits. Raises `Unauthenticated`, `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says. `once` is the same whenever the same token is shown again."""

    issuer: str
    subject: str
    claims: Mapping[str, Json]
    expires: int
    once: str

    def text(self, claim: str) -> str:
        """Answer a claim that is text, empty where it is none."""
        value = self.claims.get(claim)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class _Parts:
    header: Mapping[str, Json]
    claims: Mapping[str, Json]
    signed: bytes
    signature: bytes


def issuer_of(jwt: str) -> str:
    """Answer who a token says it is from, which nobody has verified. Raises `Unauthenticated`."""
    issuer = _taken_apart(jwt).claims.get("iss")
    if not isinstance(issuer, str) or not 0 < len(issuer) <= _MAX_TEXT:
        _refuse("does not say who issued it (iss)")
    return issuer


def verify_id_token(  # noqa: PLR0913 - a token is checked against this many facts
    jwt: str,
    issuer: str,
    audience: str,
    jwks: Keys,
    now: int,
    leeway: int = LEEWAY,
    *,
    nonce: str | None = None,
    longest: int = LONGEST,
) -> Identity:
    """Answer what `jwt` says, where it is genuine, meant for `audience`, and of now.

    `now` is in microseconds; `leeway` and `longest`, which bounds its age and
    its life, in seconds. Raises `Unauthenticated` saying which check failed.
    """
    parts = _taken_apart(jwt)
    if parts.claims.get("iss") != issuer:
        _refuse(f"is not from {issuer} (iss)")
    _check_signature(parts, issuer, jwks)
    _check_audience(parts.claims, audience)
    expires = _check_times(parts.claims, now // _SECOND, leeway, longest)
    if nonce is not None and not hmac.compare_digest(
        str(parts.claims.get("nonce", "")).encode(), nonce.encode()
    ):
        _refuse("belongs to another login (nonce)")
    subject = parts.claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_TEXT:
        _refuse("does not say whom it is about (sub)")
    return Identity(issuer, subject, parts.claims, expires, _once(parts, issuer))


def _refuse(why: str, cause: Exception | None = None) -> NoReturn:
    msg = f"the identity token {why}"
    raise Unauthenticated(msg) from cause


def _taken_apart(jwt: str) -> _Parts:
    pieces = jwt.split(".") if len(jwt) <= MAX_BYTES else []
    if len(pieces) != 3 or not all(_PART.fullmatch(each) for each in pieces):  # noqa: PLR2004 - RFC 7515: header, payload, signature
        _refuse(f"is not a signed JWT of at most {MAX_BYTES} characters")
    try:
        header, payload, signature = (_decoded(each) for each in pieces)
        return _Parts(
            load_object(header, "the header"),
            load_object(payload, "the payload"),
            f"{pieces[0]}.{pieces[1]}".encode(),
            signature,
        )
    except (Invalid, ValueError) as error:
        _refuse("cannot be read; it is not a JWT", error)


def _decoded(piece: str) -> bytes:
    return base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4))


def _check_signature(parts: _Parts, issuer: str, jwks: Keys) -> None:
    """Verify by the issuer's published key alone: what the header carries is not looked at."""
    alg, kid, kind = (parts.header.get(name) for name in ("alg", "kid", "typ"))
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        _refuse(f"must be signed with one of {', '.join(ALGORITHMS)} (alg)")
    if str(kind or "").lower() not in _TYPES or {"crit", "b64"} & parts.header.keys():
        _refuse("is a JWT of another kind (typ, crit)")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _MAX_TEXT):
        _refuse("names its key wrongly (kid)")
    key_kind, curve, name = ALGORITHMS[alg]
    key = jwks.key(issuer, kid, alg, key_kind, curve)
    if not JWSRegistry.algorithms[name].verify(parts.signed, parts.signature, key):
        _refuse("is not genuine: its signature is wrong")


def _check_audience(claims: Mapping[str, Json], audience: str) -> None:
    given = claims.get("aud")
    listed = given if isinstance(given, list) else [given]
    if not audience or audience not in listed:
        _refuse(f"is meant for somebody else: ask for the audience {audience} (aud)")
    if len(listed) > 1 and claims.get("azp") != audience:
        _refuse(f"is meant for several: ask for the audience {audience} alone (aud, azp)")


def _check_times(claims: Mapping[str, Json], now: int, leeway: int, longest: int) -> int:
    """Answer when the token ends, in whole seconds."""
    ends, made = _moment(claims, "exp"), _moment(claims, "iat")
    begins = _moment(claims, "nbf") if "nbf" in claims else made
    if ends <= now - leeway:
        _refuse("has expired; get a new one (exp)")
    if begins > now + leeway:
        _refuse("is not valid yet; are the clocks right? (nbf)")
    if made > now + leeway:
        _refuse("comes from the future; are the clocks right? (iat)")
    if made < now - longest - leeway or ends - made > longest + leeway:
        _refuse(f"is too old, or good for more than {longest} seconds (iat, exp)")
    return int(ends) + 1


def _moment(claims: Mapping[str, Json], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"does not say its times ({name})")
    return value


def _once(parts: _Parts, issuer: str) -> str:
    """Name a token by its `jti`, or else by what was signed: a signature can be written anew."""
    jti = parts.claims.get("jti")
    if jti is not None and (not isinstance(jti, str) or not 0 < len(jti) <= _MAX_TEXT):
        _refuse("has an id that is none (jti)")
    which = b"jti\n" + jti.encode() if jti is not None else b"whole\n" + parts.signed
    return hashlib.sha256(issuer.encode() + b"\n" + which).hexdigest()
