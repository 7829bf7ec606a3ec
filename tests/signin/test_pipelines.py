"""Trusted publishing: which identity tokens of pipelines open a project, and which do not."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey
from pipeline_tokens import (
    GITHUB_CLAIMS,
    GITHUB_TRUSTED,
    GITLAB_CLAIMS,
    GITLAB_TRUSTED,
    claims_of,
    piece,
    refusal,
)
from signin_site import PUBLIC, Site, clock_of, settings_for

from modelry.core.access import Role
from modelry.core.accounts import PUBLISHER, publisher_of
from modelry.core.administration import Administration
from modelry.core.errors import Unauthenticated
from modelry.core.events import EventKind
from modelry.core.registry import Registry
from modelry.core.strict_json import Json
from modelry.core.verbs.publishers import distrust_publisher
from modelry.core.verbs.world import World
from modelry.server.signin.jwks import Issuers
from modelry.server.signin.options import GITHUB, GITLAB
from modelry.server.signin.pipelines import _is_of, exchange
from modelry.server.signin.tokens import Identity
from modelry.testing.fakes import START
from modelry.testing.identity import Answer, IdentityProvider, identity_provider


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_a_github_job_gets_a_token_of_fifteen_minutes_for_its_project_alone(
    trusting: Site, provider: IdentityProvider
) -> None:
    trusting.trust(provider.issuer, {"repository": "octo-org/models"}, role="reader")
    answer = trusting.exchange(provider.mint(GITHUB_CLAIMS))
    document = answer.json()
    assert answer.status_code == 200, answer.text
    assert (document["account"], document["project"]) == ("robot", "default")
    assert document["role"] == "publisher"
    actor = trusting.who(document)
    assert (actor.role_in("default"), actor.role_in("other")) == (Role.PUBLISHER, None)
    now = clock_of(trusting.world)._now
    assert actor.expires is not None
    assert 0 < actor.expires - now <= 15 * 60 * 1_000_000


def test_what_the_pipeline_was_is_recorded(trusting: Site, provider: IdentityProvider) -> None:
    long = {"workflow": "w" * 5000, "head_ref": "not told", "ref": "a\u202eb"}
    document = trusting.exchange(provider.mint({**GITHUB_CLAIMS, **long})).json()
    (event,) = trusting.events(EventKind.TOKEN_CREATED)
    assert (event.chain, event.actor) == ("@registry", "robot")
    assert event.body["token"] == document["id"]
    assert (event.body["issuer"], event.body["publisher"]) == (provider.issuer, "0" * 12)
    claims = event.body["claims"]
    assert isinstance(claims, dict)
    assert (claims["repository"], claims["sha"]) == ("octo-org/models", "0b9dc3d1")
    assert (claims["run_id"], claims["actor"]) == ("11", "octocat")
    assert claims["workflow"] == "w" * 256
    assert not {"head_ref", "ref", "aud"} & claims.keys()
    assert event.body["request"] == {"address": "127.0.0.1", "request": "r-1"}


def test_a_gitlab_job_gets_a_token_too(site: Site, provider: IdentityProvider) -> None:
    site.trust(provider.issuer, GITLAB_TRUSTED, role="approver")
    document = site.exchange(provider.mint(GITLAB_CLAIMS, alg="ES256")).json()
    assert document["role"] == "approver"
    (event,) = site.events(EventKind.TOKEN_CREATED)
    claims = event.body["claims"]
    assert isinstance(claims, dict)
    assert (claims["pipeline_id"], claims["job_id"], claims["user_login"]) == (
        "1212",
        "1391",
        "sidney",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"repository": "Octo-Org/models"},
        {"repository": "octo-org/models2"},
        {"repository": "octo-org/model"},
        {"repository": "octo-org/models "},
        {"repository": ["octo-org/models"]},
        {"repository": None},
        {"environment": "release-candidate"},
        {"environment": None},
        {"environment": True},
    ],
)
def test_every_claim_of_a_publisher_must_be_the_tokens_letter_for_letter(
    trusting: Site, provider: IdentityProvider, changed: dict[str, object]
) -> None:
    told = refusal(trusting, provider.mint({**GITHUB_CLAIMS, **changed}))
    assert "default does not trust this pipeline" in told


@pytest.mark.parametrize(
    "pattern", ["*", "octo-org/*", "octo-org/.*", ".*", "%", "octo-org/model?"]
)
def test_a_claim_of_a_publisher_is_no_pattern(
    site: Site, provider: IdentityProvider, pattern: str
) -> None:
    site.trust(provider.issuer, {"repository": pattern})
    refusal(site, provider.mint(GITHUB_CLAIMS))


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_another_project_an_absent_one_and_one_without_publishers_look_the_same(
    trusting: Site, provider: IdentityProvider, world: World
) -> None:
    Registry(world).create_project("bare")
    Registry(world).create_project("other")
    trusting.trust(provider.issuer, {"repository": "octo-org/other"}, project="other")
    told = {
        refusal(trusting, provider.mint(GITHUB_CLAIMS), project).replace(project, "PROJECT")
        for project in ("absent", "bare", "other")
    }
    assert len(told) == 1
    reasons = [each.body["reason"] for each in trusting.events(EventKind.DENIED)]
    assert len(set(reasons)) == 3


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_a_token_is_taken_once(trusting: Site, provider: IdentityProvider) -> None:
    token = provider.mint(GITHUB_CLAIMS)
    assert trusting.exchange(token).status_code == 200
    again = provider.mint({**GITHUB_CLAIMS, "run_attempt": "2"}, alg="ES256")
    for each in (token, again):
        assert "used already" in trusting.exchange(each).json()["detail"]
    assert len(trusting.events(EventKind.TOKEN_CREATED)) == 1


def test_a_token_without_an_id_is_taken_once_however_its_signature_is_written(
    trusting: Site, provider: IdentityProvider
) -> None:
    token = provider.mint({**GITHUB_CLAIMS, "jti": None}, alg="ES256")
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    mirrored = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    assert trusting.exchange(token).status_code == 200
    again = trusting.exchange(f"{signed}.{piece(mirrored)}")
    assert "used already" in again.json()["detail"]


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_of_eight_who_show_a_token_at_once_one_gets_in(
    trusting: Site, provider: IdentityProvider
) -> None:
    token = provider.mint(GITHUB_CLAIMS)
    sites = [Site(trusting.world, trusting.settings) for _ in range(8)]
    start = threading.Barrier(8)
    answers: list[int] = []

    def show(site: Site) -> None:
        start.wait()
        answers.append(site.exchange(token).status_code)

    threads = [threading.Thread(target=show, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7
    assert len(trusting.events(EventKind.TOKEN_CREATED)) == 1


def test_a_token_that_was_refused_may_be_shown_again(
    trusting: Site, provider: IdentityProvider
) -> None:
    token = provider.mint({**GITHUB_CLAIMS, "environment": "test"})
    refusal(trusting, token)
    trusting.trust(provider.issuer, {"repository": "octo-org/models", "environment": "test"})
    assert trusting.exchange(token).status_code == 200


def test_the_same_id_of_another_issuer_is_another_token(
    world: World, provider: IdentityProvider
) -> None:
    with identity_provider(provider.now) as second:
        site = Site(world, settings_for(provider, trusted_issuers=(provider.issuer, second.issuer)))
        for each in (provider, second):
            site.trust(each.issuer, GITHUB_TRUSTED)
            assert site.exchange(each.mint(GITHUB_CLAIMS)).status_code == 200


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_a_memory_of_used_tokens_outlives_the_tokens_and_is_forgotten_after(
    trusting: Site, provider: IdentityProvider, world: World
) -> None:
    token = provider.mint(GITHUB_CLAIMS)
    assert trusting.exchange(token).status_code == 200
    ends = int(claims_of(token)["exp"])
    world.store.change(lambda unit: unit.expire((ends + 120) * 1_000_000))
    with world.store.read() as view:
        assert len(view.all_kept("jti")) == 1
    world.store.change(lambda unit: unit.expire((ends + 3600) * 1_000_000))
    with world.store.read() as view:
        assert view.all_kept("jti") == []


def test_an_issuer_that_the_operator_does_not_trust_is_never_contacted(
    world: World, provider: IdentityProvider
) -> None:
    site = Site(world, settings_for(provider, issuer=None, trusted_issuers=(GITHUB,)))
    site.trust(provider.issuer, GITHUB_TRUSTED)
    assert "does not trust the issuer" in refusal(site, provider.mint(GITHUB_CLAIMS))
    assert provider.connections == 0


def test_the_provider_of_people_is_no_issuer_of_pipelines(
    world: World, provider: IdentityProvider
) -> None:
    site = Site(world, settings_for(provider, trusted_issuers=(GITHUB,)))
    site.trust(provider.issuer, GITHUB_TRUSTED)
    assert "does not trust the issuer" in refusal(site, provider.mint(GITHUB_CLAIMS))
    assert provider.connections == 0


def test_a_token_that_names_a_trusted_issuer_in_other_letters_is_refused(
    trusting: Site, provider: IdentityProvider
) -> None:
    for issuer in (provider.issuer + "/", provider.issuer.upper(), "http://127.0.0.1:1"):
        refusal(trusting, provider.mint({**GITHUB_CLAIMS, "iss": issuer}))
    assert provider.connections == 0


def test_a_publisher_of_another_issuer_does_not_match(
    site: Site, provider: IdentityProvider
) -> None:
    site.trust(GITHUB, GITHUB_TRUSTED)
    refusal(site, provider.mint(GITHUB_CLAIMS))


@pytest.mark.parametrize(
    ("issuer", "claims", "lets_in"),
    [
        (GITHUB, {"ref": "refs/heads/main"}, False),
        (GITHUB, {"actor": "octocat", "environment": "release"}, False),
        (GITHUB, {"repository_owner": "octo-org"}, True),
        (GITLAB, {"ref_protected": "true"}, False),
        (GITLAB, {"ref_protected": "true", "project_id": "22"}, True),
        ("https://gitlab.example.com", {"ref_protected": "true"}, True),
        ("https://gitlab.example.com", {}, False),
    ],
)
def test_where_anybody_gets_tokens_a_publisher_must_say_whose_pipeline_it_trusts(
    issuer: str,
    claims: dict[str, str],
    lets_in: bool,  # noqa: FBT001 - a column of the table
) -> None:
    told = {**GITHUB_CLAIMS, **GITLAB_CLAIMS, "ref": "refs/heads/main"}
    body: dict[str, Json] = {
        "issuer": issuer,
        "claims": claims,
        "account": "a",
        "role": "reader",
        "created": 1,
    }
    publisher = publisher_of("default", "p", body)
    assert _is_of(publisher, Identity(issuer, "s", told, 0, "")) is lets_in


def test_a_publisher_that_is_trusted_no_more_lets_nobody_in(
    trusting: Site, provider: IdentityProvider, world: World
) -> None:
    with world.store.read() as view:
        ((key, _),) = view.all_kept(PUBLISHER)
    distrust_publisher(world, "default", key.partition("/")[2])
    refusal(trusting, provider.mint(GITHUB_CLAIMS))


def test_a_disabled_service_account_lets_nobody_in(
    trusting: Site, provider: IdentityProvider, world: World
) -> None:
    Administration(world).disable_account("robot")
    assert "does not trust this pipeline" in refusal(trusting, provider.mint(GITHUB_CLAIMS))


def test_keys_that_an_issuer_changes_are_learnt_once_a_minute_at_most(
    trusting: Site, provider: IdentityProvider
) -> None:
    now = [0.0]
    keys = Issuers([provider.issuer], insecure_loopback=True, monotonic=lambda: now[0])

    def told(jti: str, **given: Any) -> str:  # noqa: ANN401 - what mint takes
        token = provider.mint({**GITHUB_CLAIMS, "jti": jti}, **given)
        try:
            return exchange(trusting.world, token, "default", PUBLIC, keys).token.account
        except Unauthenticated as error:
            return error.message

    assert told("1") == "robot"
    provider.rotate()
    for _ in range(5):
        now[0] += 10
        assert "not signed with a key" in told("2")
    assert provider.asked.count("/jwks") == 1
    now[0] += 61
    assert [told("3"), told("4")] == ["robot", "robot"]
    unknown = ECKey.generate_key("P-256", {"kid": "unknown"})
    for _ in range(5):
        now[0] += 10
        assert "not signed with a key" in told("5", alg="ES256", key=unknown)
    assert provider.asked.count("/jwks") == 2


def test_an_issuer_that_is_away_makes_the_exchange_unavailable_and_nothing_is_recorded(
    trusting: Site, provider: IdentityProvider
) -> None:
    provider.answers["/jwks"] = Answer(503)
    for _ in range(2):
        answer = trusting.exchange(provider.mint(GITHUB_CLAIMS))
        assert answer.json()["code"] == "unavailable"
    assert provider.asked.count("/jwks") == 1
    assert trusting.events(EventKind.DENIED) == []


def test_denials_of_one_address_are_recorded_so_often_and_no_more(site: Site, world: World) -> None:
    class StandingClock:
        def now(self) -> int:
            return START

    standing = Site(replace(world, clock=StandingClock()), site.settings)
    for _ in range(35):
        refusal(standing, "no token")
    assert len(standing.events(EventKind.DENIED)) == 30


def test_a_server_without_a_public_address_exchanges_nothing(
    world: World, provider: IdentityProvider
) -> None:
    site = Site(world, settings_for(provider, issuer=None, public_url=None))
    assert site.exchange(provider.mint(GITHUB_CLAIMS)).json()["code"] == "unsupported"
