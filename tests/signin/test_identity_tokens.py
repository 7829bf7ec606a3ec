"""Identity tokens that are forged, stale, for somebody else, or no tokens at all."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from pipeline_tokens import (
    GITHUB_CLAIMS,
    claims_of,
    piece,
    refusal,
)
from signin_site import PUBLIC, Site, later

from modelry.core.events import EventKind
from modelry.core.verbs.world import World
from modelry.testing.identity import IdentityProvider


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "ES256", "Ed25519"])
def test_each_algorithm_with_a_public_key_is_taken(
    trusting: Site, provider: IdentityProvider, alg: str
) -> None:
    assert trusting.exchange(provider.mint(GITHUB_CLAIMS, alg=alg)).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"aud": "https://other.example.com"}, "aud"),
        ({"aud": PUBLIC + "/"}, "aud"),
        ({"aud": PUBLIC.upper()}, "aud"),
        ({"aud": [PUBLIC, "https://other.example.com"]}, "azp"),
        ({"aud": []}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": {PUBLIC: 1}}, "aud"),
        ({"exp": None}, "exp"),
        ({"exp": "1999999999"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": 1_749_999_000}, "exp"),
        ({"exp": 1_999_999_999}, "iat, exp"),
        ({"nbf": 1_750_009_999}, "nbf"),
        ({"nbf": "now"}, "nbf"),
        ({"iat": None}, "iat"),
        ({"iat": 1_750_009_999, "nbf": None}, "from the future|not valid yet"),
        ({"iat": 1_749_000_000}, "too old"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "s" * 2000}, "sub"),
        ({"jti": 7}, "jti"),
        ({"jti": ""}, "jti"),
        ({"big": "x" * 20_000}, "16384 characters"),
    ],
)
def test_a_token_whose_claims_do_not_hold_is_refused_and_told_why(
    trusting: Site, provider: IdentityProvider, wrong: dict[str, object], said: str
) -> None:
    told = refusal(trusting, provider.mint({**GITHUB_CLAIMS, **wrong}))
    assert any(each in told for each in said.split("|"))
    (denial,) = trusting.events(EventKind.DENIED)
    assert (denial.actor, denial.body["reason"]) == ("anonymous", told)


def test_one_audience_in_a_list_is_as_good_as_one_alone(
    trusting: Site, provider: IdentityProvider
) -> None:
    token = provider.mint({**GITHUB_CLAIMS, "aud": [PUBLIC]})
    assert trusting.exchange(token).status_code == 200


def test_clocks_may_differ_by_a_minute(trusting: Site, provider: IdentityProvider) -> None:
    now = int(provider.now())
    ahead = {"iat": now + 40, "nbf": now + 40, "exp": now + 100, "jti": "ahead"}
    behind = {"iat": now - 300, "nbf": now - 300, "exp": now - 40, "jti": "behind"}
    for times in (ahead, behind):
        assert trusting.exchange(provider.mint({**GITHUB_CLAIMS, **times})).status_code == 200


def test_a_token_is_worth_nothing_once_it_has_expired(
    trusting: Site, provider: IdentityProvider, world: World
) -> None:
    token = provider.mint(GITHUB_CLAIMS)
    later(world, 361)
    assert "expired" in refusal(trusting, token)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 1, ["RS256"]])
def test_a_token_without_a_signature_is_refused(
    trusting: Site, provider: IdentityProvider, alg: object
) -> None:
    claims = claims_of(provider.mint(GITHUB_CLAIMS))
    header = {"alg": alg, "kid": provider.keys["RSA"].kid, "typ": "JWT"}
    unsigned = f"{piece(header)}.{piece(claims)}."
    refusal(trusting, unsigned)
    refusal(trusting, unsigned + "AAAA")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "hs256"])
@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP"])
def test_the_public_key_as_a_shared_secret_signs_nothing(
    trusting: Site, provider: IdentityProvider, alg: str, kind: str
) -> None:
    key = provider.keys[kind]
    claims = claims_of(provider.mint(GITHUB_CLAIMS))
    assert isinstance(key, RSAKey | ECKey | OKPKey)
    secrets = [key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode()]
    for secret in secrets:
        signed = f"{piece({'alg': alg, 'kid': key.kid, 'typ': 'JWT'})}.{piece(claims)}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        assert "alg" in refusal(trusting, f"{signed}.{piece(mac)}")


def test_a_key_of_another_kind_than_the_algorithm_does_not_verify(
    trusting: Site, provider: IdentityProvider
) -> None:
    token = provider.mint(GITHUB_CLAIMS, header={"kid": provider.keys["EC"].kid})
    assert "not signed with a key" in refusal(trusting, token)


def test_a_key_that_came_with_the_token_is_not_looked_at(
    trusting: Site, provider: IdentityProvider
) -> None:
    mine = RSAKey.generate_key(2048, {"kid": "mine"})
    stolen = {"kid": provider.keys["RSA"].kid}
    carried = {"jwk": mine.as_dict(private=False), **stolen}
    led = {"jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/cert", **stolen}
    for header in (carried, led, stolen):
        token = provider.mint(GITHUB_CLAIMS, key=mine, header=header)
        assert "signature is wrong" in refusal(trusting, token)
    assert "not signed with a key" in refusal(trusting, provider.mint(GITHUB_CLAIMS, key=mine))


def test_a_token_that_was_changed_is_refused(trusting: Site, provider: IdentityProvider) -> None:
    header, payload, signature = provider.mint(GITHUB_CLAIMS).split(".")
    claims = {**claims_of(f".{payload}."), "repository": "octo-org/other"}
    for token in (
        f"{header}.{piece(claims)}.{signature}",
        f"{piece({'alg': 'RS256', 'kid': provider.keys['RSA'].kid})}.{payload}.{signature}",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{header}.{payload}.A",
    ):
        refusal(trusting, token)


@pytest.mark.parametrize(
    "token",
    [
        "x", "..", "a.b.c", "a.b", "a.b.c.d", "\u00e9.b.c", "ew.ew.ew", "W10.W10.W10",
        piece({"alg": "RS256"}) + "." + piece(b'{"iss":"a","iss":"b"}') + ".AAAA",
        piece({"alg": "RS256"}) + "." + piece(b'{"iss":NaN}') + ".AAAA",
        piece({"alg": "RS256"}) + "." + piece(b"[" * 5000) + ".AAAA",
        piece({"alg": "RS256"}) + "." + piece({"iss": 7}) + ".AAAA",
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused(
    trusting: Site, provider: IdentityProvider, token: str
) -> None:
    refusal(trusting, token)
    assert provider.connections == 0


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"typ": ["JWT"]},
        {"crit": ["b64"], "b64": True},
        {"crit": ["exp"]},
        {"b64": False},
        {"kid": 7},
        {"kid": "k" * 2000},
    ],
)
def test_a_token_of_another_kind_is_refused_though_its_signature_is_right(
    trusting: Site, provider: IdentityProvider, header: dict[str, object]
) -> None:
    key = provider.keys["RSA"]
    said = {"alg": "RS256", "kid": key.kid, "typ": "JWT"}
    claims = claims_of(provider.mint(GITHUB_CLAIMS))

    def signed(protected: dict[str, Any]) -> str:
        text = f"{piece(protected)}.{piece(claims)}"
        return f"{text}.{piece(JWSRegistry.algorithms['RS256'].sign(text.encode(), key))}"

    refusal(trusting, signed({**said, **header}))
    assert trusting.exchange(signed(said)).status_code == 200


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "Ed25519"])
@pytest.mark.parametrize("size", [1, 32, 63, 64, 65, 256])
def test_a_signature_of_nothing_but_zeros_is_wrong_whatever_its_length(
    trusting: Site, provider: IdentityProvider, alg: str, size: int
) -> None:
    signed = provider.mint(GITHUB_CLAIMS, alg=alg).rpartition(".")[0]
    assert "signature is wrong" in refusal(trusting, f"{signed}.{piece(bytes(size))}")
