"""Accounts and members: who is known, who may do what where, and what the events tell of it."""

from collections.abc import Callable

import pytest

from modelry.core.access import Role
from modelry.core.accounts import access_stamp, check_account, roles_of
from modelry.core.administration import Administration
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import REGISTRY, EventKind, LogFilter
from modelry.core.registry import Registry
from modelry.core.verbs import members
from modelry.core.verbs.world import World
from modelry.testing.fakes import acting


@pytest.fixture
def admin(registry: Registry) -> Administration:
    return registry.admin


def stamp(world: World) -> str:
    with world.store.read() as view:
        return access_stamp(view)


def test_an_account_is_made_once(admin: Administration, world: World) -> None:
    made = admin.create_account("Ada")
    assert (made.name, made.kind, made.disabled, made.subject) == ("ada", "user", None, None)
    assert admin.create_account("ADA") == made
    with pytest.raises(Conflict, match="another kind or person"):
        admin.create_account("ada", service=True)
    with pytest.raises(Conflict, match="another kind or person"):
        members.create_account(world, "ada", "user", "https://idp.example 17")
    person = members.create_account(world, "bob", "user", "https://idp.example 17")
    assert admin.create_account("ci", service=True).kind == "service"
    assert [each.name for each in admin.accounts()] == ["ada", "bob", "ci"]
    assert admin.accounts()[1] == person


@pytest.mark.parametrize("name", ["", "a b", "-a", "*", "a/b", "é", "x" * 129, "@registry"])
def test_a_name_that_cannot_be_an_account_is_refused(admin: Administration, name: str) -> None:
    with pytest.raises(Invalid, match="cannot name an account"):
        admin.create_account(name)
    assert not admin.accounts()


def test_many_accounts_are_listed_by_name(
    admin: Administration, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "_PAGE", 2)
    names = [f"a{number}" for number in range(5)]
    for name in reversed(names):
        admin.create_account(name)
        admin.set_member("default", name, "reader")
    assert [each.name for each in admin.accounts()] == names
    assert [each.account for each in admin.members("default")] == names
    assert check_account("A.b@c+d_e-f") == "a.b@c+d_e-f"
    with world.store.read() as view:
        assert roles_of(view, "a1") == {"default": Role.READER}


def test_a_disabled_account_is_shut_out_and_let_in_again(
    admin: Administration, registry: Registry
) -> None:
    admin.create_account("ada")
    shut = admin.disable_account("ada")
    assert shut.disabled is not None
    assert admin.disable_account("ada") == shut
    assert admin.enable_account("ada").disabled is None
    assert admin.enable_account("ada").disabled is None
    with pytest.raises(NotFound, match="modelry account create nobody"):
        admin.enable_account("nobody")
    kinds = [str(event.kind) for event in registry.log().items]
    assert kinds == ["account.enabled", "account.disabled", "account.created"]


def test_a_member_has_one_role_in_a_project(admin: Administration, registry: Registry) -> None:
    admin.create_account("ada")
    registry.create_project("lab")
    first = admin.set_member("lab", "Ada", "reader")
    assert admin.set_member("lab", "ada", Role.READER) == first
    second = admin.set_member("lab", "ada", "approver")
    assert second.since > first.since
    everywhere = admin.set_member("*", "ada", "reader")
    assert admin.members("lab") == [second]
    assert admin.members("*") == [everywhere]
    admin.remove_member("lab", "ada")
    admin.remove_member("*", "ada")
    assert not admin.members("lab")
    with pytest.raises(NotFound, match="ada is not a member of lab"):
        admin.remove_member("lab", "ada")
    with pytest.raises(NotFound, match="there is no account 'bob'"):
        admin.set_member("lab", "bob", "reader")
    for verb in (lambda: admin.set_member("absent", "ada", "reader"),
                 lambda: admin.members("absent")):  # fmt: skip
        with pytest.raises(NotFound, match="there is no project 'absent'"):
            verb()
    assert not registry.audit().problems


def test_each_change_is_told_in_the_chain_of_its_project(
    admin: Administration, registry: Registry
) -> None:
    admin.create_account("ada")
    registry.create_project("lab")
    admin.set_member("lab", "ada", "reader")
    admin.set_member("lab", "ada", "admin")
    admin.remove_member("lab", "ada")
    admin.set_member("*", "ada", "admin")
    removed, last, first, created = registry.project_history("lab").events
    assert created.kind is EventKind.PROJECT_CREATED
    assert (first.kind, dict(first.body)) == (
        EventKind.MEMBER_SET, {"account": "ada", "role": "reader", "before": None})  # fmt: skip
    assert last.body["before"] == "reader"
    assert (removed.kind, dict(removed.body)) == (
        EventKind.MEMBER_REMOVED, {"account": "ada", "before": "admin"})  # fmt: skip
    whole = registry.log(wanted=LogFilter(chain=REGISTRY)).items
    assert [str(event.kind) for event in whole] == ["member.set", "account.created"]


def test_a_member_may_do_what_the_role_says_from_the_next_look_on(world: World) -> None:
    admin = Registry(world).admin
    admin.create_account("ada")
    admin.set_member("default", "ada", "publisher")
    with world.store.read() as view:
        ada = Registry(acting(world, "ada", roles_of(view, "ada")))
    assert ada.create_model("m").name == "m"
    assert ada.history("m").events[0].actor == "ada"
    assert [each.account for each in ada.admin.members("default")] == ["ada"]


CHANGES: dict[str, Callable[[Administration], object]] = {
    "an account made": lambda admin: admin.create_account("bob"),
    "an account disabled": lambda admin: admin.disable_account("ada"),
    "an account enabled": lambda admin: admin.enable_account("cyd"),
    "a role given": lambda admin: admin.set_member("default", "ada", "admin"),
    "a role taken": lambda admin: admin.remove_member("default", "ada"),
    "a token made": lambda admin: admin.create_token("ada", "laptop"),
    "a token revoked": lambda admin: admin.revoke_token(admin.tokens("ada")[0].id),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_stamp_of_access_is_another_one_after_every_change(
    admin: Administration, world: World, change: str
) -> None:
    assert stamp(world) == ""
    admin.create_account("ada")
    admin.create_account("cyd")
    admin.disable_account("cyd")
    admin.set_member("default", "ada", "reader")
    admin.create_token("ada", "old")
    before = stamp(world)
    admin.create_account("ada")
    admin.set_member("default", "ada", "reader")
    assert stamp(world) == before, "nothing changed"
    CHANGES[change](admin)
    assert stamp(world) != before
