"""Which account a person gets, under which name, and with which role."""

from __future__ import annotations

import pytest
from signin_site import (
    STATE,
    Site,
    settings_for,
)

from modelry.core.access import EVERYWHERE, Role
from modelry.core.accounts import Account
from modelry.core.administration import Administration
from modelry.core.events import EventKind
from modelry.core.verbs.world import World
from modelry.testing.identity import IdentityProvider


def accounts(world: World) -> dict[str, Account]:
    return {each.name: each for each in Administration(world).accounts()}


@pytest.mark.parametrize("store", ["sqlite", "memory"], indirect=True)
def test_a_name_that_somebody_has_stays_theirs(
    site: Site, provider: IdentityProvider, world: World
) -> None:
    admin = Administration(world)
    admin.create_account("grace")
    admin.set_member(EVERYWHERE, "grace", Role.ADMIN)
    document = site.token()
    assert document["account"] == "grace-2"
    assert dict(site.who(document).roles) == {}
    provider.person = {"sub": "another", "preferred_username": "GRACE"}
    assert site.token()["account"] == "grace-3"
    assert accounts(world)["grace"].subject is None


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"sub": "s", "preferred_username": "Jürgen Ömer"}, "jurgen-omer"),
        ({"sub": "s", "preferred_username": "../../etc"}, "etc"),
        ({"sub": "s", "preferred_username": "anonymous"}, "anonymous-2"),
        ({"sub": "s", "email": "a.b@Example.com", "email_verified": True}, "a.b@example.com"),
        ({"sub": "s", "email": "a.b@example.com", "email_verified": False}, "s"),
        ({"sub": "s", "email": "a.b@example.com", "email_verified": "true"}, "s"),
        ({"sub": "auth0|12 34"}, "auth0-12-34"),
        ({"sub": "名前"}, "user-"),
        ({"sub": "s", "preferred_username": ["admin"]}, "s"),
        ({"sub": "s", "preferred_username": "x" * 500}, "x" * 100),
    ],
)
def test_an_account_is_named_after_what_the_provider_calls_its_person(
    site: Site, provider: IdentityProvider, person: dict[str, object], name: str
) -> None:
    provider.person = person
    assert site.token()["account"].startswith(name)


def test_first_admins_are_named_by_verified_address_or_by_subject(
    world: World, provider: IdentityProvider
) -> None:
    said = ("Boss@example.com", "kim@example.com", "subject-7")
    site = Site(world, settings_for(provider, first_admins=said))
    people: dict[str, dict[str, object]] = {
        "boss": {"sub": "1", "email": "boss@Example.com", "email_verified": True},
        "seven": {"sub": "subject-7"},
        "liar": {"sub": "2", "email": "boss@example.com", "email_verified": False},
        "name": {"sub": "boss@example.com"},
        "lookalike": {"sub": "3", "email": "bo\u017fs@example.com", "email_verified": True},
        "kelvin": {"sub": "4", "email": "\u212aim@example.com", "email_verified": True},
        "space": {"sub": "subject-7 "},
    }
    admins = set()
    for name, person in people.items():
        provider.person = {"preferred_username": name, **person}
        if site.who(site.token()).roles == {EVERYWHERE: Role.ADMIN}:
            admins.add(name)
    assert admins == {"boss", "seven"}
    recorded = site.events(EventKind.MEMBER_SET)
    assert [each.body["account"] for each in recorded] == ["boss", "seven"]


def test_a_first_admin_who_is_one_no_more_does_not_become_one_again(
    world: World, provider: IdentityProvider
) -> None:
    site = Site(world, settings_for(provider, first_admins=("248289761001",)))
    assert site.who(site.token()).roles == {EVERYWHERE: Role.ADMIN}
    Administration(world).remove_member(EVERYWHERE, "grace")
    assert site.who(site.token()).roles == {}


def test_a_disabled_account_is_told_so_and_gets_nothing(site: Site, world: World) -> None:
    code = site.log_in()["code"]
    Administration(world).disable_account("grace")
    assert site.redeem(code).json()["code"] == "unauthenticated"
    told = site.log_in()
    assert told["error"] == "denied"
    assert told["state"] == STATE
    assert "grace is disabled" in told["error_description"]
    assert site.events(EventKind.TOKEN_CREATED) == []


def test_an_account_is_found_by_its_subject_where_the_way_to_it_was_lost(
    site: Site, world: World
) -> None:
    site.token()
    with world.store.read() as view:
        ((key, _),) = view.all_kept("subject")
    world.store.change(lambda unit: unit.drop("subject", key))
    assert site.token()["account"] == "grace"
    world.store.change(lambda unit: unit.keep("subject", key, {"account": "nobody"}))
    assert site.token()["account"] == "grace"
    assert list(accounts(world)) == ["grace"]


def test_a_name_that_many_have_is_still_given_to_nobody_twice(
    site: Site, provider: IdentityProvider
) -> None:
    named = set()
    for n in range(12):
        provider.person["sub"] = f"person-{n}"
        named.add(site.token()["account"])
    assert len(named) == 12
    assert {"grace", "grace-2", "grace-9"} <= named
