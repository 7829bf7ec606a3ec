"""Tokens: who holds one, what it opens, and what it can never make."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from modelry.core.access import EVERYWHERE, Actor, Role
from modelry.core.accounts import authenticate
from modelry.core.administration import Administration
from modelry.core.errors import Denied, Invalid, NotFound, Unauthenticated
from modelry.core.events import REGISTRY, EventKind, LogFilter
from modelry.core.registry import Registry
from modelry.core.verbs import tokens
from modelry.core.verbs.tokens import NewToken
from modelry.core.verbs.world import World
from modelry.testing.fakes import START, FixedSurroundings, acting

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def admin(registry: Registry) -> Administration:
    for project in ("lab", "secret"):
        registry.create_project(project)
    for name in ("ada", "bob", "boss"):
        registry.admin.create_account(name)
    registry.admin.set_member("lab", "ada", "admin")
    registry.admin.set_member("default", "ada", "publisher")
    registry.admin.set_member("*", "boss", "admin")
    return registry.admin


def holder(world: World, text: str, now: int | None = None) -> Actor:
    with world.store.read() as view:
        return authenticate(view, text, world.clock.now() if now is None else now)


def held(world: World, made: NewToken) -> Administration:
    """Administer as whoever holds the token."""
    actor = holder(world, made.secret)
    return Administration(replace(world, actor=actor, surroundings=FixedSurroundings(actor.name)))


def refusal(world: World, text: str, now: int | None = None) -> str:
    with pytest.raises(Unauthenticated) as refused:
        holder(world, text, now)
    assert refused.value.facts.get("reason") in {None, "expired"}
    return refused.value.message


def test_a_token_opens_what_its_account_may(admin: Administration, world: World) -> None:
    made = admin.create_token("ada", "laptop")
    actor = holder(world, made.secret)
    assert (actor.name, actor.token, actor.project, actor.cap) == ("ada", made.token.id, None, None)
    assert actor.roles == {"lab": Role.ADMIN, "default": Role.PUBLISHER}
    assert actor.expires == made.token.expires
    assert actor.role_in("lab") is Role.ADMIN
    assert actor.role_in("secret") is None
    admin.remove_member("lab", "ada")
    assert holder(world, made.secret).roles == {"default": Role.PUBLISHER}


def test_a_narrowed_token_opens_less(admin: Administration, world: World) -> None:
    made = admin.create_token("ada", "ci", project="Lab", role="reader")
    actor = holder(world, made.secret)
    assert (actor.role_in("lab"), actor.role_in("default")) == (Role.READER, None)
    boss = holder(world, admin.create_token("boss", "ci", project="lab").secret)
    assert (boss.role_in("lab"), boss.role_in(EVERYWHERE)) == (Role.ADMIN, None)
    assert holder(world, admin.create_token("ada", "up", role="admin").secret).role_in(
        "default") is Role.PUBLISHER  # fmt: skip


def test_everything_that_is_no_token_is_refused_in_the_same_words(
    admin: Administration, world: World
) -> None:
    made = admin.create_token("ada", "laptop")
    other = admin.create_token("bob", "laptop")
    wrong_secret = f"modelry_{made.token.id}_{other.secret[-43:]}"
    unknown = f"modelry_{'a' * 12}_{made.secret[-43:]}"
    words = {refusal(world, each) for each in (
        wrong_secret, unknown, "", "modelry_", made.secret + "x", made.secret[:-1] + "é",
        made.secret.upper(), f" {made.secret}", "\ud800")}  # fmt: skip
    admin.revoke_token(made.token.id)
    words.add(refusal(world, made.secret))
    admin.disable_account("bob")
    words.add(refusal(world, other.secret))
    assert len(words) == 1
    assert "sign in (modelry login)" in words.pop()
    admin.enable_account("bob")
    assert holder(world, other.secret).name == "bob"


def test_a_token_ends_at_its_time(admin: Administration, world: World) -> None:
    made = admin.create_token("ada", "short", lifetime=timedelta(seconds=1))
    assert made.token.expires == made.token.created + 1_000_000
    assert holder(world, made.secret, made.token.expires - 1).name == "ada"
    assert "has expired" in refusal(world, made.secret, made.token.expires)
    wrong = made.secret[:-43] + "x" * 43
    assert "not known here" in refusal(world, wrong, made.token.expires)
    usual = admin.create_token("ada", "usual").token
    assert usual.expires == usual.created + 30 * DAY // MICROSECOND


@pytest.mark.parametrize("lifetime", [timedelta(0), -DAY, MICROSECOND, 367 * DAY])
def test_a_lifetime_has_bounds(admin: Administration, lifetime: timedelta) -> None:
    with pytest.raises(Invalid, match="at least a second and at most 366 days"):
        admin.create_token("ada", "x", lifetime=lifetime)
    assert not admin.tokens()


def test_what_a_token_is_for_must_be_there(admin: Administration) -> None:
    with pytest.raises(NotFound, match="no project 'absent'"):
        admin.create_token("ada", "x", project="absent")
    with pytest.raises(NotFound, match="no account 'nobody'"):
        admin.create_token("nobody", "x")
    with pytest.raises(Invalid, match="the name of a token"):
        admin.create_token("ada", "x" * 129)
    assert not admin.tokens()


def test_a_secret_is_shown_once_and_kept_nowhere(
    admin: Administration, world: World, registry: Registry
) -> None:
    made = admin.create_token("ada", "laptop")
    secret = made.secret[-43:]
    assert secret not in repr(made)
    assert secret not in str(admin.tokens())
    assert secret not in str(registry.log(limit=1000).items)
    assert made.token.digest not in str(registry.log(limit=1000).items)
    with world.store.read() as view:
        assert secret not in str(view.all_kept("token"))


SCOPES: Mapping[str, Mapping[str, str]] = {
    "a project": {"project": "lab"},
    "a role": {"role": "publisher"},
    "both": {"project": "lab", "role": "publisher"},
}


WIDER: tuple[tuple[str, Mapping[str, str], str], ...] = (
    ("a project", {}, "project"),
    ("a role", {}, "role"),
    ("a role", {"role": "approver"}, "role"),
    ("a role", {"project": "lab"}, "role"),
    ("both", {"project": "lab"}, "role"),
    ("both", {"role": "reader"}, "project"),
    ("both", {"project": "lab", "role": "admin"}, "role"),
)


@pytest.mark.parametrize("wider", WIDER, ids=str)
@pytest.mark.parametrize("account", ["ada", "boss"])
def test_a_narrowed_token_makes_no_wider_one(
    admin: Administration, world: World, account: str, wider: tuple[str, Mapping[str, str], str]
) -> None:
    scope, wanted, field = wider
    mine = held(world, admin.create_token(account, "x", **SCOPES[scope]))  # type: ignore[arg-type]  # text
    with pytest.raises(Invalid, match="makes no token that may do more") as refused:
        mine.create_token(account, "wider", **wanted)  # type: ignore[arg-type]  # text
    assert refused.value.facts["field"] == field
    same = mine.create_token(account, "same", **SCOPES[scope])  # type: ignore[arg-type]  # text
    assert same.token.account == account
    assert len(admin.tokens(account)) == 2


def test_a_token_for_one_project_makes_none_for_another(
    admin: Administration, world: World
) -> None:
    mine = held(world, admin.create_token("ada", "x", project="lab"))
    for project in ("default", "secret", "absent"):
        with pytest.raises(NotFound, match=f"there is no project '{project}'"):
            mine.create_token("ada", "x", project=project)


def test_a_token_for_a_project_of_others_tells_nothing_of_it(
    admin: Administration, world: World
) -> None:
    del admin
    ada = Registry(acting(world, "ada", {"lab": Role.ADMIN})).admin
    for project in ("secret", "absent"):
        with pytest.raises(NotFound, match=f"there is no project '{project}'; make it first"):
            ada.create_token("ada", "x", project=project)


def test_a_token_makes_none_that_outlives_it(admin: Administration, world: World) -> None:
    parent = admin.create_token("ada", "day", lifetime=DAY)
    mine = held(world, parent)
    with pytest.raises(Invalid, match="lives longer") as refused:
        mine.create_token("ada", "x", lifetime=2 * DAY)
    assert refused.value.facts["field"] == "lifetime"
    assert mine.create_token("ada", "x").token.expires == parent.token.expires
    shorter = mine.create_token("ada", "x", lifetime=DAY / 2).token
    assert shorter.expires is not None
    assert parent.token.expires is not None
    assert shorter.expires < parent.token.expires
    long = held(world, admin.create_token("ada", "year", lifetime=365 * DAY))
    token = long.create_token("ada", "usual").token
    assert token.expires == token.created + 30 * DAY // MICROSECOND


def test_a_token_without_an_end_makes_any(admin: Administration, world: World) -> None:
    del admin
    actor = Actor("ada", {"lab": Role.ADMIN}, token="a" * 12)
    mine = Administration(replace(world, actor=actor))
    assert mine.create_token("ada", "x", lifetime=366 * DAY).token.expires is not None


def test_an_admin_of_the_registry_makes_tokens_of_anybody(
    admin: Administration, world: World
) -> None:
    boss = held(world, admin.create_token("boss", "x", lifetime=DAY))
    assert boss.create_token("bob", "x", lifetime=300 * DAY).token.account == "bob"
    assert boss.create_token("boss", "x").token.account == "boss"
    for scope in SCOPES.values():
        narrowed = held(world, admin.create_token("boss", "x", **scope))  # type: ignore[arg-type]  # text
        with pytest.raises(Denied, match="to make a token of bob takes an admin of the registry"):
            narrowed.create_token("bob", "x", **scope)  # type: ignore[arg-type]  # text
        with pytest.raises(Denied, match="to list tokens of bob"):
            narrowed.tokens("bob")
        with pytest.raises(Denied):
            narrowed.tokens()
        with pytest.raises(Denied):
            narrowed.set_member("*", "bob", "admin")
        with pytest.raises(Denied):
            narrowed.create_account("eve")


def test_an_admin_of_a_project_makes_tokens_of_nobody_else(
    admin: Administration, world: World, registry: Registry
) -> None:
    ada = held(world, admin.create_token("ada", "x"))
    for name in ("bob", "nobody"):
        with pytest.raises(Denied, match=f"to make a token of {name} takes an admin"):
            ada.create_token(name, "x", project="lab")
    denied = registry.log(wanted=LogFilter(kinds=frozenset({EventKind.DENIED}))).items
    assert [event.body["what"] for event in denied] == ["nobody", "bob"]
    assert {event.chain for event in denied} == {REGISTRY}


def test_a_holder_sees_and_ends_its_own_tokens(admin: Administration, world: World) -> None:
    one, two = (admin.create_token("ada", name) for name in ("one", "two"))
    foreign = admin.create_token("bob", "x")
    ada = held(world, one)
    assert {each.id for each in ada.tokens("Ada")} == {one.token.id, two.token.id}
    words = []
    for identity in (foreign.token.id, "a" * 12, "\ud800", "\0", ""):
        with pytest.raises(NotFound) as refused:
            ada.revoke_token(identity)
        words.append(refused.value.message.replace(repr(identity), "X"))
    assert len(set(words)) == 1
    ada.revoke_token(two.token.id)
    ada.revoke_token(one.token.id)
    assert [each.id for each in admin.tokens()] == [foreign.token.id]


def test_a_narrowed_token_sees_and_ends_itself_alone(admin: Administration, world: World) -> None:
    wide = admin.create_token("ada", "for another project", project="default")
    for scope in SCOPES.values():
        made = admin.create_token("ada", "x", **scope)  # type: ignore[arg-type]  # text
        mine = held(world, made)
        assert [each.id for each in mine.tokens("ada")] == [made.token.id]
        with pytest.raises(NotFound):
            mine.revoke_token(wide.token.id)
        mine.revoke_token(made.token.id)
    assert [each.id for each in admin.tokens("ada")] == [wide.token.id]


def test_a_token_that_goes_while_it_is_ended_is_gone(
    admin: Administration, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = admin.create_token("ada", "x")
    change = world.store.change

    def late(work: object) -> object:
        change(lambda unit: unit.drop("token", made.token.id))
        return change(work)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(world.store, "change", late)
    with pytest.raises(NotFound, match="there is no token"):
        admin.revoke_token(made.token.id)


def test_making_and_ending_is_told_and_use_is_not(
    admin: Administration, world: World, registry: Registry
) -> None:
    made = admin.create_token("ada", "laptop", project="lab", role="reader", lifetime=DAY)
    before = registry.checkpoint().heads
    tokens.mark_used(world, {made.token.id: START, "a" * 12: START})
    assert registry.checkpoint().heads == before
    assert [each.used for each in admin.tokens("ada")] == [START]
    assert not registry.audit().problems
    admin.revoke_token(made.token.id)
    revoked, created = registry.log(limit=2).items
    assert (created.kind, revoked.kind) == (EventKind.TOKEN_CREATED, EventKind.TOKEN_REVOKED)
    assert created.body == revoked.body
    assert {**created.body, "sealed": ""} == {
        "token": made.token.id, "account": "ada", "name": "laptop", "project": "lab",
        "role": "reader", "expires": made.token.expires, "sealed": "",
    }  # fmt: skip
    tokens.mark_used(world, {made.token.id: START})
    assert not admin.tokens()


def test_many_tokens_are_listed(admin: Administration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_PAGE", 2)
    made = {admin.create_token(name, "x").token.id for name in ("ada", "bob", "ada", "ada", "bob")}
    assert [each.id for each in admin.tokens()] == sorted(made)
    assert len(admin.tokens("ada")) == 3
