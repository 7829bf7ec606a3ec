"""What an issuer publishes: its endpoints and its keys, fetched seldom and kept a while."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from modelry.core.errors import Invalid, Unauthenticated, Unavailable
from modelry.core.strict_json import Json, load_object
from modelry.server.signin.fetching import Fetcher, check_url

FRESH = 3600.0
"""Seconds for which what was fetched is used without asking again."""

STALE = 6 * 3600.0
"""Seconds for which it is still used while the issuer does not answer."""

SELDOM = 60.0
"""Seconds between two questions because of a key that is not known."""

PAUSE = 5.0
"""Seconds between two questions to an issuer that did not answer."""

_WAIT = 20.0
_DOCUMENT = 64 * 1024
_KEYS = 256 * 1024
_MOST_KEYS = 100
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the discovery document of an issuer says; empty where it says nothing."""

    issuer: str
    jwks: str
    authorization: str
    token: str
    basic: bool


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and what it may be used for; `alg` is empty where the issuer leaves it open."""

    kid: str
    alg: str
    key: RSAKey | ECKey | OKPKey

    def fits(self, kid: str | None, alg: str, kind: str, curve: str | None) -> bool:
        """Say whether a token that names `kid` and `alg` can be signed with this key."""
        return (
            (kid is None or kid == self.kid)
            and self.alg in {"", alg}
            and self.key.key_type == kind
            and (curve is None or getattr(self.key, "curve_name", None) == curve)
        )


@dataclass(frozen=True, slots=True)
class _Published:
    endpoints: Endpoints
    keys: tuple[SigningKey, ...]
    at: float


class Issuers:
    """The issuers that an operator trusts, and no others. Safe to share between threads."""

    def __init__(
        self,
        trusted: Collection[str],
        *,
        insecure_loopback: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trusted = frozenset(trusted)
        self._insecure_loopback = insecure_loopback
        self._fetcher = Fetcher(insecure_loopback=insecure_loopback)
        self._monotonic = monotonic
        self._held: dict[str, _Published] = {}
        self._tried: dict[str, float] = {}
        self._turns = {issuer: threading.Lock() for issuer in self._trusted}

    def endpoints(self, issuer: str) -> Endpoints:
        """Answer the endpoints of an issuer. Raises `Unauthenticated`, `Unavailable`."""
        return self._current(issuer).endpoints

    def key(self, issuer: str, kid: str | None, alg: str, kind: str, curve: str | None) -> Key:
        """Answer the one key that a token can be signed with; asks again for an unknown one.

        Raises `Unauthenticated` where the issuer is not trusted or has no such
        key, `Unavailable` where it does not answer.
        """
        held = self._current(issuer)
        found = _fitting(held, kid, alg, kind, curve)
        if not found and self._monotonic() - self._tried.get(issuer, held.at) >= SELDOM:
            found = _fitting(self._renew(issuer, held), kid, alg, kind, curve)
        if len(found) == 1:
            return found[0].key
        msg = f"the identity token is not signed with a key that {issuer} publishes"
        raise Unauthenticated(msg)

    def post(self, issuer: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:  # fmt: skip
        """Send a form to an endpoint of an issuer."""
        return self._fetcher.post(url, form, headers, vouched=self._vouched(issuer, url))

    def _current(self, issuer: str) -> _Published:
        if issuer not in self._trusted:
            msg = "this server does not trust the issuer of this identity token; its operator can"
            raise Unauthenticated(msg, issuer=issuer[:200])
        held = self._held.get(issuer)
        if held is not None and self._monotonic() - held.at < FRESH:
            return held
        return self._renew(issuer, held)

    def _renew(self, issuer: str, seen: _Published | None) -> _Published:
        """Fetch anew, one thread at a time; answer what another one fetched meanwhile."""
        with self._turn(issuer):
            held = self._held.get(issuer)
            if held is not None and held is not seen:
                return held
            now = self._monotonic()
            try:
                fresh = self._asked(issuer, now)
            except Unavailable:
                if held is not None and now - held.at < STALE:
                    return held
                raise
            self._held[issuer] = fresh
            return fresh

    def _asked(self, issuer: str, now: float) -> _Published:
        """Fetch, unless the issuer was asked in vain just now."""
        if issuer in self._tried and now - self._tried[issuer] < PAUSE:
            msg = f"the identity provider {issuer} did not answer; try again in a moment"
            raise Unavailable(msg, issuer=issuer)
        self._tried[issuer] = now
        return self._fetch(issuer, now)

    @contextmanager
    def _turn(self, issuer: str) -> Iterator[None]:
        lock = self._turns[issuer]
        if not lock.acquire(timeout=_WAIT):
            msg = f"the identity provider {issuer} is slow to answer; try again in a moment"
            raise Unavailable(msg, issuer=issuer)
        try:
            yield
        finally:
            lock.release()

    def _fetch(self, issuer: str, now: float) -> _Published:
        try:
            address = issuer.rstrip("/") + "/.well-known/openid-configuration"
            body = self._fetcher.get(address, _DOCUMENT, vouched=True)
            endpoints = _endpoints(issuer, load_object(body, "the discovery document"))
            vouched = self._vouched(issuer, endpoints.jwks)
            body = self._fetcher.get(endpoints.jwks, _KEYS, vouched=vouched)
            return _Published(endpoints, _keys(load_object(body, "the key set")), now)
        except Invalid as error:
            msg = f"what the identity provider {issuer} publishes cannot be used: {error.message}"
            raise Unavailable(msg, issuer=issuer) from error

    def _vouched(self, issuer: str, url: str) -> bool:
        """Say whether `url` is at the host that the operator named."""
        try:
            hosts = [
                check_url(each, "an endpoint", insecure_loopback=self._insecure_loopback).host
                for each in (issuer, url)
            ]
        except Invalid as error:
            msg = f"the identity provider {issuer} names a place that is none: {error.message}"
            raise Unavailable(msg, issuer=issuer) from error
        return hosts[0] == hosts[1]


def _endpoints(issuer: str, document: Mapping[str, Json]) -> Endpoints:
    if document.get("issuer") != issuer:
        msg = "its discovery document is that of another issuer"
        raise Invalid(msg)
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Endpoints(
        issuer=issuer,
        jwks=_text(document, "jwks_uri"),
        authorization=_text(document, "authorization_endpoint"),
        token=_text(document, "token_endpoint"),
        basic=isinstance(methods, list) and "client_secret_basic" in methods,
    )


def _text(document: Mapping[str, Json], name: str) -> str:
    value = document.get(name, "")
    return value if isinstance(value, str) else ""


def _keys(document: Mapping[str, Json]) -> tuple[SigningKey, ...]:
    """Read the keys that can verify a signature; others are passed over (RFC 7517, section 5)."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        msg = "its key set has no list of keys"
        raise Invalid(msg)
    found: list[SigningKey] = []
    for each in listed[:_MOST_KEYS]:
        with suppress(JoseError, ValueError, TypeError, KeyError):  # a key that is none
            key = _key(each)
            if key is not None:
                found.append(key)
    return tuple(found)


_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


def _key(document: Json) -> SigningKey | None:
    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    kind = _text(document, "kty")
    if kind not in _MEMBERS or _too_short(kind, _text(document, "n")):
        return None
    public: dict[str, str | list[str]] = {
        name: _text(document, name) for name in ("kty", *_MEMBERS[kind])
    }
    key = import_key(public)
    if not isinstance(key, RSAKey | ECKey | OKPKey):
        return None
    key.get_op_key("verify")  # raises here, not at somebody's login, where the numbers are no key
    return SigningKey(_text(document, "kid"), _text(document, "alg"), key)


def _too_short(kind: str, modulus: str) -> bool:
    if kind != "RSA":
        return False
    number = base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    return int.from_bytes(number, "big").bit_length() < _RSA_BITS


def _fitting(
    held: _Published, kid: str | None, alg: str, kind: str, curve: str | None
) -> list[SigningKey]:
    return [each for each in held.keys if each.fits(kid, alg, kind, curve)]
