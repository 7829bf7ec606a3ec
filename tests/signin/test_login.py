"""Login of people: the whole way, and every way that must not lead in."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from signin_site import (
    PUBLIC,
    REDIRECT,
    STATE,
    VERIFIER,
    Site,
    challenge_of,
    later,
    settings_for,
    told_by,
)

from modelry.core.accounts import Account
from modelry.core.administration import Administration
from modelry.core.events import EventKind
from modelry.core.verbs.world import World
from modelry.server.signin.granting import hashed
from modelry.testing.identity import DISCOVERY, Answer, IdentityProvider


def accounts(world: World) -> dict[str, Account]:
    return {each.name: each for each in Administration(world).accounts()}


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_a_person_logs_in_and_gets_a_token_of_an_account_of_their_own(
    site: Site, provider: IdentityProvider, world: World
) -> None:
    told = site.log_in()
    assert told["state"] == STATE
    answer = site.redeem(told["code"])
    document = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert document["account"] == "grace"
    assert document["name"] == "login 2025-06-15"
    assert (document["project"], document["role"]) == (None, None)
    actor = site.who(document)
    assert (actor.name, dict(actor.roles)) == ("grace", {})
    assert accounts(world)["grace"].subject == f"{provider.issuer} 248289761001"


def test_what_a_login_changed_is_recorded_in_the_name_of_the_person(site: Site) -> None:
    token = site.token()
    made, given = site.events(EventKind.ACCOUNT_CREATED, EventKind.TOKEN_CREATED)
    assert (made.actor, made.body["account"]) == ("grace", "grace")
    assert (given.actor, given.body["token"]) == ("grace", token["id"])
    assert given.body["issuer"] == site.settings.issuer
    assert given.body["request"] == {"address": "127.0.0.1", "request": "r-1"}


def test_a_second_login_is_of_the_same_account_whatever_its_person_is_called_then(
    site: Site, provider: IdentityProvider, world: World
) -> None:
    first = site.token()
    provider.person["preferred_username"] = "admiral"
    assert site.token()["account"] == first["account"] == "grace"
    assert list(accounts(world)) == ["grace"]


def test_a_login_lasts_as_long_as_the_operator_says(
    world: World, provider: IdentityProvider
) -> None:
    token = Site(world, settings_for(provider, token_days=3)).token()
    assert token["expires_at"].startswith("2025-06-18")


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_another_process_of_the_server_goes_on_with_a_login(
    world: World, provider: IdentityProvider
) -> None:
    sites = [Site(world, settings_for(provider)) for _ in range(3)]
    returned = sites[0].consent(sites[0].begin())
    sites[1].jar = sites[0].jar
    told = told_by(sites[1].browse(returned))
    assert sites[2].redeem(told["code"]).status_code == 200


def test_the_provider_is_asked_with_a_proof_key_a_state_and_a_nonce_of_our_own(
    site: Site, provider: IdentityProvider
) -> None:
    place = urlsplit(site.begin().headers["Location"])
    asked = {name: values[0] for name, values in parse_qs(place.query).items()}
    assert f"{place.scheme}://{place.netloc}" == provider.issuer
    assert asked["redirect_uri"] == f"{PUBLIC}/auth/callback"
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"].split() == ["openid", "email", "profile"]
    assert len({asked["state"], asked["nonce"], asked["code_challenge"], STATE}) == 4
    assert asked["code_challenge"] != challenge_of(VERIFIER)


@pytest.mark.parametrize(
    "redirect",
    [
        "https://evil.example/",
        "http://evil.example:80/",
        "http://127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:80@evil.example/",
        "http://127.0.0.1.evil.example:80/",
        "http://user@127.0.0.1:80/",
        "http://127.0.0.1:80\\@evil.example/",
        "http://127.0.0.1:80/?next=https://evil.example",
        "http://127.0.0.1:80/#here",
        "http://127.0.0.1:80/\r\nSet-Cookie: a=b",
        "http://localhost.evil.example:80/",
        "HTTP://127.0.0.1:80/",
        "//127.0.0.1:80/",
        "http://0.0.0.0:80/",
        "http://[::ffff:127.0.0.1]:80/",
        "http://①27.0.0.1:80/",
        "http://127.0.0.1:\uff180/",
        "javascript:alert(1)",
        "http://127.0.0.1:80/ ",
        "",
    ],
)
def test_nobody_is_redirected_anywhere_but_to_their_own_machine(
    site: Site, provider: IdentityProvider, redirect: str
) -> None:
    answer = site.begin(redirect=redirect)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert provider.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_each_name_of_ones_own_machine_is_redirected_to(site: Site, host: str) -> None:
    assert site.begin(redirect=f"http://{host}:1234/a/b").status_code == 302
    assert site.begin(redirect=f"http://{host}:65535").status_code == 302


@pytest.mark.parametrize(
    "wrong", [{"state": "short"}, {"state": "a b c d e f g h"}, {"challenge": "x" * 42},
              {"challenge": "x" * 42 + "="}, {"more": "1"}]
)  # fmt: skip
def test_a_login_that_is_asked_for_wrongly_is_refused(site: Site, wrong: dict[str, str]) -> None:
    assert site.begin(**wrong).json()["code"] == "invalid"


def test_a_field_that_stands_twice_is_refused(site: Site) -> None:
    asked = f"redirect={REDIRECT}&state={STATE}&challenge={challenge_of(VERIFIER)}"
    assert site.browse(f"/auth/login?{asked}").status_code == 302
    assert site.browse(f"/auth/login?{asked}&state={STATE}2").json()["code"] == "invalid"


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_a_state_is_good_for_one_return(site: Site) -> None:
    returned = site.consent(site.begin())
    jar = dict(site.jar)
    told_by(site.browse(returned))
    site.jar = jar
    again = site.browse(returned)
    assert (again.status_code, again.json()["code"]) == (400, "unauthenticated")


def test_a_login_that_took_too_long_is_refused(site: Site, world: World) -> None:
    returned = site.consent(site.begin())
    later(world, 601)
    assert site.browse(returned).json()["code"] == "unauthenticated"


def test_another_browser_cannot_finish_a_login(site: Site) -> None:
    returned = site.consent(site.begin())
    name = next(iter(site.jar))
    for jar in ({}, {name: "another"}):
        site.jar = jar
        assert site.browse(returned).json()["code"] == "unauthenticated"


def test_a_state_that_nobody_gave_is_refused(site: Site) -> None:
    assert site.browse("/auth/callback", code="c", state="made up").status_code == 400
    assert site.browse("/auth/callback", code="c").status_code == 400
    reasons = [each.body["reason"] for each in site.events(EventKind.DENIED)]
    assert reasons == ["no such login is pending in this browser"] * 2


def test_the_cookie_of_a_login_is_for_this_server_alone_where_it_is_reached_by_https(
    world: World, provider: IdentityProvider
) -> None:
    site = Site(world, settings_for(provider, public_url="https://models.example.com"))
    cookie = site.begin().headers["set-cookie"]
    assert cookie.startswith("__Host-modelry-login-")
    for said in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert said in cookie


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_a_code_is_good_once(site: Site) -> None:
    code = site.log_in()["code"]
    assert site.redeem(code).status_code == 200
    assert site.redeem(code).json()["code"] == "unauthenticated"
    assert len(site.events(EventKind.TOKEN_CREATED)) == 1


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_of_many_who_redeem_a_code_at_once_one_gets_a_token(site: Site) -> None:
    code = site.log_in()["code"]
    answers: list[int] = []
    start = threading.Barrier(8)

    def redeem() -> None:
        start.wait()
        answers.append(site.redeem(code).status_code)

    threads = [threading.Thread(target=redeem) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7
    assert len(site.events(EventKind.TOKEN_CREATED)) == 1


@pytest.mark.parametrize("verifier", ["w" * 43, "v" * 44, "v", challenge_of(VERIFIER), "é" * 43])
def test_a_code_is_worth_nothing_without_its_verifier_and_is_gone_after_one_try(
    site: Site, verifier: str
) -> None:
    code = site.log_in()["code"]
    assert site.redeem(code, verifier).json()["code"] == "unauthenticated"
    assert site.redeem(code).json()["code"] == "unauthenticated"
    assert site.events(EventKind.TOKEN_CREATED) == []


def test_a_code_is_worth_nothing_after_two_minutes(site: Site, world: World) -> None:
    code = site.log_in()["code"]
    later(world, 121)
    assert site.redeem(code).json()["code"] == "unauthenticated"


def test_a_person_who_does_not_consent_is_sent_back_with_an_error(site: Site) -> None:
    begun = site.begin()
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    told = told_by(site.browse("/auth/callback", error="access_denied", state=state))
    assert (told["error"], told["state"]) == ("unauthenticated", STATE)
    assert "access_denied" in told["error_description"]


def test_an_answer_of_another_provider_is_refused(site: Site) -> None:
    returned = urlsplit(site.consent(site.begin()))
    asked = {name: values[0] for name, values in parse_qs(returned.query).items()}
    told = told_by(site.browse(returned.path, **{**asked, "iss": "https://evil.example"}))
    assert told["error"] == "unauthenticated"


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "of another login"},
        {"aud": "another client"},
        {"aud": ["modelry-test", "another client"]},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": ""},
    ],
)
def test_an_identity_token_that_is_not_of_this_login_is_refused(
    site: Site, provider: IdentityProvider, world: World, wrong: dict[str, object]
) -> None:
    provider.person |= wrong
    told = site.log_in()
    assert told["error"] == "unauthenticated"
    assert accounts(world) == {}


def test_a_code_of_the_provider_is_redeemed_with_our_secret_and_our_verifier_alone(
    world: World, provider: IdentityProvider
) -> None:
    site = Site(world, settings_for(provider, client_secret="wrong"))  # noqa: S106 - of a test
    told = site.log_in()
    assert told["error"] == "unavailable"
    assert "wrong" not in str(told)


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(
    site: Site, provider: IdentityProvider
) -> None:
    document = json.loads(provider.answer(DISCOVERY, {}).body)
    document["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    provider.answers[DISCOVERY] = Answer(200, json.dumps(document).encode())
    assert site.token()["account"] == "grace"


def test_a_provider_without_a_place_to_sign_in_is_no_provider_of_people(
    site: Site, provider: IdentityProvider
) -> None:
    document = json.loads(provider.answer(DISCOVERY, {}).body)
    del document["authorization_endpoint"]
    provider.answers[DISCOVERY] = Answer(200, json.dumps(document).encode())
    assert site.begin().json()["code"] == "unavailable"


def test_a_provider_that_does_not_answer_leaves_nothing_behind(
    site: Site, provider: IdentityProvider, world: World
) -> None:
    provider.answers["/.well-known/openid-configuration"] = Answer(500)
    assert site.begin().json()["code"] == "unavailable"
    with world.store.read() as view:
        assert view.all_kept("login") == []


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_what_is_kept_of_a_login_opens_nothing(site: Site, world: World) -> None:
    begun = site.begin()
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    with world.store.read() as view:
        ((key, body),) = view.all_kept("login")
    assert key == hashed(state)
    assert not {state, VERIFIER, *site.jar.values()} & set(map(str, body.values()))
    code = told_by(site.browse(site.consent(begun)))["code"]
    with world.store.read() as view:
        assert view.all_kept("login") == []
        ((key, body),) = view.all_kept("login_code")
    assert (key, code in body.values()) == (hashed(code), False)


def test_a_server_without_a_provider_says_so(world: World, provider: IdentityProvider) -> None:
    site = Site(world, settings_for(provider, issuer=None))
    assert site.ask("GET", "/auth/config").json() == {"oidc": False}
    assert site.begin().json()["code"] == "unsupported"


def test_a_server_with_a_provider_names_it(site: Site, provider: IdentityProvider) -> None:
    told = site.ask("GET", "/auth/config").json()
    assert told == {"oidc": True, "issuer": provider.issuer}


class StandingClock:
    def now(self) -> int:
        return 1_750_000_000_000_000


def test_one_address_begins_only_so_many_logins_a_minute(
    world: World, provider: IdentityProvider
) -> None:
    site = Site(replace(world, clock=StandingClock()), settings_for(provider))
    answers = [site.begin() for _ in range(62)]
    assert [each.status_code for each in answers[:60]] == [302] * 60
    assert [each.json()["code"] for each in answers[60:]] == ["unavailable"] * 2


class SetClock:
    at = 1_750_000_000_000_000

    def now(self) -> int:
        return self.at


def test_however_many_processes_answer_it_is_one_pace(
    world: World, provider: IdentityProvider
) -> None:
    clock = SetClock()
    settings = settings_for(provider)
    one, other = (Site(replace(world, clock=clock), settings) for _ in range(2))
    codes = [(one if at % 2 else other).begin().status_code for at in range(70)]
    assert codes == [302] * 60 + [400] * 10
    clock.at += 60_000_000
    assert one.begin().status_code == 302
    assert other.begin().status_code == 302


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"code":"c","verifier":"v","more":1}', "application/json"),
        (b'{"code":"c"}', "application/json"),
        (b'{"code":1,"verifier":"v"}', "application/json"),
        (b'{"code":"c","code":"d","verifier":"v"}', "application/json"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b'{"code":"c","verifier":"v"}', "text/plain"),
        (b'{"code":"' + b"c" * 70_000 + b'","verifier":"v"}', "application/json"),
    ],
)
def test_a_body_that_is_not_exactly_what_is_asked_for_is_refused(
    site: Site, content: bytes, kind: str
) -> None:
    headers = {"Content-Type": kind}
    answer = site.ask("POST", "/auth/token", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
