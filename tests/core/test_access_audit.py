"""Who may come in is what the events tell: an audit finds what was edited, a backup keeps it."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelry.core.access import Role
from modelry.core.accounts import (
    ACCOUNT,
    MEMBER,
    MEMBER_OF,
    PUBLISHER,
    STAMP,
    TOKEN,
    access_stamp,
    authenticate,
)
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import REGISTRY, EventKind, Problem
from modelry.core.ports import Store, Unit
from modelry.core.registry import Registry
from modelry.core.strict_json import Json, dumps
from modelry.core.verbs import access_audit, tokens
from modelry.core.verbs.world import World, record_alone
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import START, acting, world_on

MakeFile = Callable[..., Path]
ISSUER = "https://ci.example"


@pytest.fixture
def lived(world: World, registry: Registry, model_file: MakeFile) -> Registry:
    """A registry that knows people: some were shut out, left, or lost their tokens."""
    registry.create_project("lab")
    registry.register("lab/m", model_file())
    admin = registry.admin
    for name in ("ada", "bob", "cyd"):
        admin.create_account(name)
    admin.create_account("ci", service=True)
    admin.set_member("lab", "ada", "reader")
    admin.set_member("lab", "ada", "publisher")
    admin.set_member("lab", "bob", "reader")
    admin.set_member("*", "bob", "admin")
    admin.remove_member("lab", "bob")
    admin.disable_account("cyd")
    admin.disable_account("bob")
    admin.enable_account("bob")
    kept = admin.create_token("ada", "laptop", project="lab", role="reader")
    admin.revoke_token(admin.create_token("ada", "lost").token.id)
    tokens.mark_used(world, {kept.token.id: START})
    admin.trust_publisher("lab", ISSUER, {"repository": "acme"}, "ci")
    gone = admin.trust_publisher("lab", ISSUER, {"repository": "gone"}, "ci")
    admin.distrust_publisher("lab", gone.id)
    world.clock.set(START - 1_000_000_000)  # type: ignore[attr-defined]  # the clock goes back
    admin.set_member("lab", "cyd", "reader")
    with pytest.raises(NotFound):
        Registry(acting(world, "eve")).models("lab")
    return registry


def edit(world: World, work: Callable[[Unit], object]) -> None:
    world.store.change(work)


def only(unit: Unit, kind: str) -> tuple[str, dict[str, Json]]:
    ((key, body),) = unit.all_kept(kind)
    return key, dict(body)


def rekeep(kind: str, **facts: Json) -> Callable[[Unit], object]:
    """Change facts of the one record of its kind."""

    def work(unit: Unit) -> None:
        key, body = only(unit, kind)
        unit.keep(kind, key, {**body, **facts})

    return work


def test_a_registry_that_nobody_touched_has_no_problems(lived: Registry) -> None:
    assert lived.audit().problems == ()


EDITS: dict[str, tuple[Callable[[Unit], object], str, str]] = {
    "a role raised": (
        lambda unit: unit.keep(MEMBER, "ada/lab", {"role": "admin", "since": START}),
        "member ada/lab", "is not as its events say"),
    "a role given": (
        lambda unit: unit.keep(MEMBER, "ada/*", {"role": "admin", "since": START}),
        "member ada/*", "has no event that made it"),
    "a role listed": (
        lambda unit: unit.keep(MEMBER_OF, "*/ada", {"role": "admin", "since": START}),
        "member */ada", "has no event that made it"),
    "a role taken": (
        lambda unit: unit.drop(MEMBER, "bob/*"), "member bob/*", "is told by the events and is gone"),
    "an account made": (
        lambda unit: unit.keep(ACCOUNT, "eve", {
            "kind": "user", "created": START, "disabled": None, "subject": None}),
        "account eve", "has no event that made it"),
    "an account let in": (
        lambda unit: unit.keep(ACCOUNT, "cyd", {**(unit.kept(ACCOUNT, "cyd") or {}), "disabled": None}),
        "account cyd", "is not as its events say"),
    "an account of another person": (
        lambda unit: unit.keep(ACCOUNT, "bob", {**(unit.kept(ACCOUNT, "bob") or {}), "subject": "eve"}),
        "account bob", "is not as its events say"),
    "an account removed": (
        lambda unit: unit.drop(ACCOUNT, "ci"), "account ci", "is told by the events and is gone"),
    "the secret of a token": (rekeep(TOKEN, digest="0" * 64), "token ", "is not as its events say"),
    "the scope of a token": (rekeep(TOKEN, role=None), "token ", "is not as its events say"),
    "the end of a token": (rekeep(TOKEN, expires=None), "token ", "is not as its events say"),
    "the holder of a token": (rekeep(TOKEN, account="bob"), "token ", "is not as its events say"),
    "a token that is none": (rekeep(TOKEN, role="king"), "token ", "is not as its events say"),
    "a token without a fact": (
        lambda unit: unit.keep(TOKEN, "a" * 12, {}), f"token {'a' * 12}", "has no event that made it"),
    "a token removed": (
        lambda unit: unit.drop(TOKEN, only(unit, TOKEN)[0]), "token ", "is told by the events and is gone"),
    "the claims of a publisher": (
        rekeep(PUBLISHER, claims={"repository": "eve"}), "publisher lab/", "is not as its events say"),
    "a publisher removed": (
        lambda unit: unit.drop(PUBLISHER, only(unit, PUBLISHER)[0]),
        "publisher lab/", "is told by the events and is gone"),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_row_70_an_audit_names_what_was_changed(lived: Registry, world: World, what: str) -> None:
    work, where, why = EDITS[what]
    edit(world, work)
    (found,) = lived.audit().problems
    assert found.where.startswith(where)
    assert found.what == why
    assert not lived.audit("lab/m").problems, "of one model, its own records are audited"


def test_when_a_token_was_used_is_nobodys_secret(lived: Registry, world: World) -> None:
    edit(world, rekeep(TOKEN, used=None))
    assert not lived.audit().problems


def test_an_event_that_says_nothing_is_named(lived: Registry, world: World) -> None:
    for kind in (EventKind.MEMBER_SET, EventKind.ACCOUNT_ENABLED):
        edit(world, lambda unit, kind=kind: record_alone(world, unit, REGISTRY, kind, None, {}))  # type: ignore[misc]  # a default
    body: dict[str, Json] = {"account": "nobody"}
    edit(world, lambda unit: record_alone(
        world, unit, REGISTRY, EventKind.ACCOUNT_DISABLED, None, body))  # fmt: skip
    found = lived.audit().problems
    assert [each.what for each in found] == ["does not say what its kind says"] * 3
    assert all(each.where.startswith("@registry#") for each in found)


def test_many_records_are_audited(lived: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_audit, "_PAGE", 1)
    assert not lived.audit().problems
    lived.admin.create_account("dan")
    assert not lived.audit().problems


@pytest.fixture
def other(tmp_path: Path) -> World:
    return world_on(SqliteStore(tmp_path / "other" / "registry.db"), tmp_path / "other")


def packed(registry: Registry, name: str | None = None) -> io.BytesIO:
    stream = io.BytesIO()
    registry.export(stream, name)
    stream.seek(0)
    return stream


def records(stream: io.BytesIO) -> list[dict[str, Any]]:
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        lines = tar.extractfile("records.jsonl")
        assert lines is not None
        return [json.loads(line) for line in lines]


def people(store: Store) -> list[object]:
    with store.read() as view:
        return [view.all_kept(kind) for kind in (ACCOUNT, MEMBER, MEMBER_OF, TOKEN, PUBLISHER)]


def test_row_51_a_restored_backup_knows_the_same_people(
    lived: Registry, world: World, other: World
) -> None:
    made = lived.admin.create_token("ada", "new")
    with other.store.read() as view:
        before = access_stamp(view)
    restored = Registry(other)
    restored.restore(packed(lived))
    assert people(other.store) == people(world.store)
    assert restored.checkpoint().heads == lived.checkpoint().heads
    assert restored.log(limit=1000).items == lived.log(limit=1000).items
    assert not restored.audit().problems
    with other.store.read() as view:
        assert access_stamp(view) != before
        actor = authenticate(view, made.secret, other.clock.now())
    assert actor.roles == {"lab": Role.PUBLISHER}
    again = restored.admin.set_member("lab", "ada", "admin")
    assert restored.admin.members("lab")[0] == again
    assert not restored.audit().problems


def test_a_backup_carries_who_may_come_in_and_nothing_else_that_is_kept(
    lived: Registry, world: World
) -> None:
    def note(unit: Unit) -> None:
        for kind in ("request", "upload", "secret", "login", "jti", "lock"):
            unit.keep(kind, "k", {"mark": "not carried"})

    edit(world, note)
    kinds = [each["kind"] for each in records(packed(lived)) if each["record"] == "access"]
    assert set(kinds) == {ACCOUNT, MEMBER, MEMBER_OF, TOKEN, PUBLISHER}
    assert STAMP not in kinds
    assert b"not carried" not in packed(lived).getvalue()


def test_an_archive_of_one_model_knows_nobody(lived: Registry, other: World) -> None:
    found = records(packed(lived, "lab/m"))
    assert {each["record"] for each in found} == {"project", "environment", "version", "event"}
    assert {each["chain"] for each in found if each["record"] == "event"} == {"lab/m"}
    importing = Registry(other)
    importing.import_(packed(lived))
    assert not importing.admin.accounts()
    assert not importing.admin.members("lab")
    assert not importing.audit().problems


def test_a_backup_of_before_there_were_people_is_restored(
    world: World, other: World, model_file: MakeFile
) -> None:
    Registry(world).register("m", model_file())
    Registry(other).restore(packed(Registry(world)))
    assert Registry(other).resolve("m").number == 1


def repacked(stream: io.BytesIO, change: Callable[[list[dict[str, Any]]], object]) -> io.BytesIO:
    """Write an archive again with other records, its end made right for them."""
    lines = records(stream)
    change(lines)
    text = b"".join(dumps(line).encode() + b"\n" for line in lines)
    out = io.BytesIO()
    stream.seek(0)
    with tarfile.open(fileobj=stream) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            data = text if member.name == "records.jsonl" else file.read()
            if member.name == "end.json":
                end = json.loads(data)
                digest = hashlib.sha256(text).hexdigest()
                data = json.dumps({**end, "records": len(lines), "sha256": digest}).encode()
            plain = tarfile.TarInfo(member.name)
            plain.size = len(data)
            new.addfile(plain, io.BytesIO(data))
    out.seek(0)
    return out


Lines = list[dict[str, Any]]


def first(lines: Lines, kind: str) -> dict[str, Any]:
    return next(each for each in lines if each.get("kind") == kind and each["record"] == "access")


def fact(kind: str, /, **facts: object) -> Callable[[Lines], object]:
    return lambda lines: first(lines, kind)["body"].update(facts)


def record(kind: str, /, **facts: object) -> Callable[[Lines], object]:
    return lambda lines: first(lines, kind).update(facts)


NONSENSE: dict[str, Callable[[Lines], object]] = {
    "a kind that is none": record(ACCOUNT, kind="request"),
    "a stamp": record(ACCOUNT, kind=STAMP, key="access", body={"mark": "x"}),
    "a body that is none": record(ACCOUNT, body=[]),
    "a fact too many": fact(ACCOUNT, more=1),
    "a fact too few": lambda lines: first(lines, MEMBER)["body"].pop("role"),
    "a kind of account that is none": fact(ACCOUNT, kind="king"),
    "a time that is text": fact(ACCOUNT, created="now"),
    "a time that is true": fact(ACCOUNT, created=True),
    "a role that is none": fact(MEMBER, role="king"),
    "a token's role that is none": fact(TOKEN, role="king"),
    "an account's name": record(ACCOUNT, key="Not A Name"),
    "an account's name in capitals": record(ACCOUNT, key="ADA"),
    "a member's name": record(MEMBER, key="ADA/lab"),
    "a member without a project": record(MEMBER, key="ada"),
    "a member of no project": record(MEMBER_OF, key="a b/ada"),
    "a member of a project in capitals": record(MEMBER_OF, key="LAB/ada"),
    "a token's id": record(TOKEN, key="x"),
    "claims that are none": fact(PUBLISHER, claims=[]),
    "a claim that is a number": fact(PUBLISHER, claims={"a": 1}),
    "a publisher's id": record(PUBLISHER, key="lab/x"),
    "a publisher of no project": record(PUBLISHER, key="LAB/0123456789ab"),
    "text that hides": fact(TOKEN, name="\x1b"),
    "a key that hides": record(ACCOUNT, key="ada\u202e"),
    "one of them twice": lambda lines: lines.append(first(lines, ACCOUNT)),
    "a chain of no project": lambda lines: lines.__setitem__(
        slice(None), [each for each in lines if each.get("name") != "lab"]),
}  # fmt: skip


@pytest.mark.parametrize("what", NONSENSE)
def test_what_no_registry_wrote_is_not_restored(lived: Registry, other: World, what: str) -> None:
    with pytest.raises(Invalid):
        Registry(other).restore(repacked(packed(lived), NONSENSE[what]))
    assert not Registry(other).checkpoint().heads
    assert not any(people(other.store))


LIES: dict[str, tuple[Callable[[Lines], object], str]] = {
    "a role raised": (fact(MEMBER, role="admin"), "member ada/lab is not as its events say"),
    "a person smuggled in": (
        lambda lines: lines.append({**first(lines, ACCOUNT), "key": "eve"}),
        "account eve has no event that made it"),
    "a token with another secret": (fact(TOKEN, digest="0" * 64), "is not as its events say"),
    "people left out": (
        lambda lines: lines.__setitem__(
            slice(None), [each for each in lines if each["record"] != "access"]),
        "account ada is told by the events and is gone"),
    "the registry's history left out": (
        lambda lines: lines.__setitem__(
            slice(None), [each for each in lines if each.get("chain") != REGISTRY]),
        "account ada has no event that made it"),
}  # fmt: skip


@pytest.mark.parametrize("what", LIES)
def test_what_the_events_do_not_tell_is_not_restored(
    lived: Registry, other: World, what: str
) -> None:
    change, why = LIES[what]
    with pytest.raises(Conflict, match="cannot be restored") as refused:
        Registry(other).restore(repacked(packed(lived), change))
    assert why in refused.value.message
    assert not Registry(other).checkpoint().heads
    assert not any(people(other.store))


def test_records_of_a_broken_chain_are_not_believed(lived: Registry, tmp_path: Path) -> None:
    store = MemoryStore()
    copy = Registry(world_on(store, tmp_path / "memory"))
    copy.restore(packed(lived))
    del store._state.events["lab", 3]
    store.change(lambda unit: unit.drop(ACCOUNT, "ada"))
    problems = copy.audit().problems
    assert problems == (Problem("lab#3", "is missing: the next record is #4"),)
