"""Secrets of signing in: not in what is logged, shown, raised or kept."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from signin_site import PUBLIC, VERIFIER, Site, settings_for, told_by

from modelry.core.errors import Invalid
from modelry.core.events import EVERYTHING
from modelry.core.verbs.world import World
from modelry.server.signin.granting import new_token
from modelry.server.signin.options import SignIn
from modelry.server.signin.people import Begun
from modelry.testing.identity import Answer, IdentityProvider

KINDS = ("account", "token", "login", "login_code", "jti", "subject", "member", "publisher")


def all_that_is_kept(world: World) -> str:
    with world.store.read() as view:
        kept = [view.all_kept(kind) for kind in KINDS]
        events = [[each.actor, dict(each.body)] for each in view.log(EVERYTHING, None, 1000)]
    return json.dumps([kept, events], default=str)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Answer what was logged, but for what the browser of the test logs of itself."""
    lines = [each.getMessage() for each in caplog.records]
    return "\n".join(line for line in lines if f" {PUBLIC}/" not in line)


def test_nothing_secret_is_logged_or_kept_on_the_way_of_a_login(
    site: Site, provider: IdentityProvider, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place = urlsplit(site.begin().headers["Location"])
    query = {name: values[0] for name, values in parse_qs(place.query).items()}
    returned = dict(
        parse_qsl(urlsplit(provider.answer("/authorize", query).headers["Location"]).query)
    )
    browser = next(iter(site.jar.values()))
    code = told_by(site.browse(f"/auth/callback?{urlencode(returned)}"))["code"]
    document = site.redeem(code).json()
    secrets = {
        provider.client_secret, returned["code"], returned["state"], browser, query["nonce"],
        code, VERIFIER, document["secret"], document["secret"][-30:],
    }  # fmt: skip
    told = logged(caplog) + all_that_is_kept(world)
    assert "grace" in told
    assert "/token" in told
    assert not {each for each in secrets if each in told}


def test_an_identity_token_is_neither_logged_nor_kept_nor_answered(
    site: Site, provider: IdentityProvider, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.trust(provider.issuer, {"sub": "robot"})
    good = provider.mint({"aud": PUBLIC, "sub": "robot", "jti": "1"})
    bad = provider.mint({"aud": "elsewhere", "sub": "robot", "jti": "2"})
    answer = site.exchange(good).json()
    told = site.exchange(bad).text + site.exchange(good).text
    told += logged(caplog) + all_that_is_kept(world)
    for secret in (good, bad, good.rpartition(".")[2], answer["secret"]):
        assert secret not in told


def test_what_a_provider_says_in_place_of_a_token_is_passed_on_to_nobody(
    site: Site, provider: IdentityProvider, world: World
) -> None:
    for body in (b'{"access_token":"leak-1"}', b'{"id_token":7,"x":"leak-1"}', b"leak-1 {"):
        provider.answers["/token"] = Answer(200, body)
        told = site.log_in()
        assert told["error"] == "unavailable"
        assert "leak-1" not in str(told) + all_that_is_kept(world)


def test_no_repr_shows_a_secret(provider: IdentityProvider) -> None:
    settings = settings_for(provider)
    made = new_token("grace", "n", 0, 1)
    shown = repr(settings) + repr(made) + repr(Begun("https://x?state=abc", "abc", "browser-1"))
    assert provider.client_secret not in shown
    assert made.secret not in shown
    assert "browser-1" not in shown
    assert "abc" not in shown


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"issuer": "http://login.example.com"}, "an issuer is an address like https"),
        ({"trusted_issuers": ("gitlab.com",)}, "an issuer is an address like https"),
        ({"issuer": "https://a.example"}, "takes its issuer, the client id"),
        ({"issuer": "https://a.example", "client_id": "c"}, "MODELRY_PUBLIC_URL"),
        (
            {"issuer": "https://a.example", "client_id": "c", "public_url": "http://b.example"},
            "the public address",
        ),
        ({"token_days": 0}, "1 to 366 days"),
        ({"token_days": 367}, "1 to 366 days"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_without_their_secret(
    given: dict[str, object], said: str
) -> None:
    said_so = {"client_secret": "s3cret", **given}
    with pytest.raises(Invalid, match=said) as caught:
        SignIn(**said_so)  # type: ignore[arg-type]  # settings by name
    assert "s3cret" not in str(caught.value) + str(caught.value.facts)


def test_a_server_trusts_github_and_gitlab_where_nobody_says_otherwise() -> None:
    settings = SignIn(public_url="https://models.example.com/")
    assert settings.trusted_issuers == (
        "https://token.actions.githubusercontent.com",
        "https://gitlab.com",
    )
    assert settings.public_url == "https://models.example.com"
    assert replace(settings, token_days=7).token_days == 7
