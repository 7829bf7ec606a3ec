"""A change has one effect, however often its request arrives."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelry.core.access import Role
from modelry.core.draft import draft
from modelry.core.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from modelry.core.ports import View
from modelry.core.registry import Registry
from modelry.core.service import Service
from modelry.core.verbs import once
from modelry.core.verbs.describe import Wording
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.world import RequestKey, World
from modelry.testing.fakes import acting

MakeFile = Callable[..., Path]
Verb = Callable[[Service], Any]
KEY = RequestKey("ada/k1", "f1")
ISSUER, CLAIMS = "https://ci.example", {"repository": "acme"}
PLAIN = draft(version=None, metrics=None, params=None, tags=None, datasets=(), description=None,
              run_id=None)  # fmt: skip


@pytest.fixture
def made(world: World, model_file: MakeFile) -> World:
    registry = Registry(world)
    for number in (1, 2, 3, 4):
        registry.register("m", model_file(f"w{number}"), version=f"v{number}.0")
    registry.promote("m:1", "production")
    registry.promote("m:2", "production")
    registry.promote("m:3", "production")
    registry.alias("m", "champion", "1")
    registry.delete("m:4")
    registry.register("other", model_file("o"))
    registry.create_project("empty")
    for name in ("ci", "shut"):
        registry.admin.create_account(name, service=True)
    registry.admin.disable_account("shut")
    registry.admin.set_member("default", "ci", "reader")
    return world


def service(world: World, request: RequestKey | None = KEY,
            guard: Callable[[View], None] | None = None) -> Service:  # fmt: skip
    return Service(replace(world, request=request, guard=guard))


def events(world: World) -> int:
    return sum(head.seq for head in Registry(world).checkpoint().heads)


VERBS: dict[str, Verb] = {
    "register without a label": lambda s: s.enlist("m", Parts("folder", ()), PLAIN),
    "register a new model": lambda s: s.enlist("new", Parts("folder", ()), PLAIN),
    "register with a label": lambda s: s.enlist(
        "m", Parts("folder", ()), replace(PLAIN, version="x")),
    "promote": lambda s: s.promote("m:1", "staging"),
    "archive": lambda s: s.archive("m:3"),
    "rollback": lambda s: s.rollback("m"),
    "alias": lambda s: s.alias("m", "best", "2"),
    "remove an alias": lambda s: s.remove_alias("m", "champion"),
    "deploy": lambda s: s.deploy("m:1", "eu", comment="canary"),
    "tag": lambda s: s.tag("m:1", {"a": "b"}),
    "describe": lambda s: s.describe("m", "words"),
    "reword": lambda s: s.reword("m:1", Wording("words", remove=())),
    "delete": lambda s: s.delete("other:1"),
    "delete a model": lambda s: s.delete("other"),
    "purge": lambda s: s.purge("m:4"),
    "create a model": lambda s: s.create_model("new", description="soon"),
    "make a new model": lambda s: s.new_model("new", "soon", {"a": "b"}),
    "create a project": lambda s: s.create_project("lab"),
    "make a new project": lambda s: s.new_project("lab"),
    "configure stages": lambda s: s.configure_stages(["a", "b"], "empty"),
    "create an account": lambda s: s.admin.create_account("dan"),
    "disable an account": lambda s: s.admin.disable_account("ci"),
    "enable an account": lambda s: s.admin.enable_account("shut"),
    "set a member": lambda s: s.admin.set_member("empty", "ci", "reader"),
    "remove a member": lambda s: s.admin.remove_member("default", "ci"),
    "trust a publisher": lambda s: s.admin.trust_publisher("empty", ISSUER, CLAIMS, "ci"),
}  # fmt: skip


def told(verb: str) -> int:
    """Answer how many records a refusal of `verb` leaves."""
    return 1 if verb.startswith("register") else 0


@pytest.mark.parametrize("verb", VERBS)
def test_a_change_that_comes_twice_happens_once_and_answers_alike(made: World, verb: str) -> None:
    before = events(made)
    first = VERBS[verb](service(made))
    assert events(made) == before + 1
    assert VERBS[verb](service(made)) == first
    assert VERBS[verb](service(made)) == first
    assert events(made) == before + 1
    assert not Registry(made).audit().problems


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_is_for_one_request(made: World, verb: str) -> None:
    VERBS[verb](service(made))
    before = events(made)
    with pytest.raises(Invalid, match="was given to another request; make a new key") as refused:
        VERBS[verb](service(made, RequestKey(KEY.key, "f2")))
    assert refused.value.facts["field"] == "Idempotency-Key"
    assert events(made) == before + told(verb)


def test_a_file_that_is_registered_twice_under_a_key_is_one_version(
    made: World, model_file: MakeFile
) -> None:
    first = service(made).register("m", model_file("w5"))
    assert service(made).register("m", model_file("w5")) == first
    assert service(made, None).register("m", model_file("w5")).number == first.number + 1


def test_the_answer_is_the_thing_as_it_is_now(made: World) -> None:
    first = service(made).enlist("m", Parts("folder", ()), PLAIN)
    Registry(made).tag(first.ref, {"later": "x"})
    again = service(made).enlist("m", Parts("folder", ()), PLAIN)
    assert again == replace(first, tags={"later": "x"})


def test_another_key_is_another_request(made: World) -> None:
    first = service(made).enlist("m", Parts("folder", ()), PLAIN)
    second = service(made, RequestKey("bob/k1", "f1")).enlist("m", Parts("folder", ()), PLAIN)
    assert second.number == first.number + 1


def test_a_refused_change_does_not_use_its_key_up(made: World) -> None:
    with pytest.raises(Conflict, match="choose another name"):
        service(made).new_model("m", "", {})
    with pytest.raises(NotFound):
        service(made).promote("m:99", "staging")
    with pytest.raises(Denied):
        Service(replace(acting(made, "eve", {"*": Role.READER}), request=KEY)).archive("m:1")
    assert service(made, RequestKey(KEY.key, "f9")).promote("m:1", "staging").stage == "staging"


def test_a_key_is_kept_with_the_change_or_not_at_all(made: World) -> None:
    def die(_: object) -> None:
        msg = "the disk is full"
        raise Unavailable(msg)

    before = events(made)
    with pytest.raises(Unavailable):
        once.change(replace(made, request=KEY), die)
    with made.store.read() as view:
        assert view.kept(once.KIND, KEY.key) is None
    assert events(made) == before
    service(made).promote("m:1", "staging")
    with made.store.read() as view:
        kept = view.kept(once.KIND, KEY.key)
    assert kept == {"fingerprint": "f1", "answer": ["version", "default", "m", 1]}


def test_a_key_is_forgotten_after_a_week(made: World) -> None:
    service(made).tag("m:1", {"a": "b"})
    now = made.clock.now()
    week = 7 * 24 * 3600 * 1_000_000
    assert made.store.change(lambda unit: unit.expire(now)) == 0
    assert made.store.change(lambda unit: unit.expire(now + week)) == 1
    service(made, RequestKey(KEY.key, "f2")).tag("m:1", {"a": "c"})


@pytest.mark.parametrize("request_key", [None, KEY])
@pytest.mark.parametrize("verb", VERBS)
def test_a_guard_looks_first_and_where_it_raises_nothing_happens(
    made: World, verb: str, request_key: RequestKey | None
) -> None:
    def refuse(view: View) -> None:
        assert view.model("default", "m") is not None
        msg = "it changed"
        raise Conflict(msg)

    before = events(made)
    with pytest.raises(Conflict, match="it changed"):
        VERBS[verb](service(made, request_key, refuse))
    assert events(made) == before + told(verb)
    with made.store.read() as view:
        assert view.kept(once.KIND, KEY.key) is None
    VERBS[verb](service(made, request_key, lambda _: None))
    assert events(made) == before + told(verb) + 1


def test_a_repeated_request_does_not_ask_the_guard_again(made: World) -> None:
    def refuse(_: View) -> None:
        msg = "it changed"
        raise Conflict(msg)

    service(made).tag("m:1", {"a": "b"})
    before = events(made)
    service(made, KEY, refuse).tag("m:1", {"a": "b"})
    assert events(made) == before


def test_a_secret_is_shown_once_however_often_it_is_asked_for(made: World) -> None:
    token = service(made).admin.create_token("ci", "nightly").token
    with pytest.raises(Conflict, match=f"modelry token revoke {token.id}") as refused:
        service(made).admin.create_token("ci", "nightly")
    assert refused.value.facts == {"token": token.id}
    assert service(made).admin.tokens("ci") == [token]


def test_what_was_ended_stays_ended(made: World) -> None:
    admin = service(made, None).admin
    token = admin.create_token("ci", "nightly").token
    for _ in range(2):
        service(made).admin.revoke_token(token.id)
    trusted = admin.trust_publisher("empty", ISSUER, CLAIMS, "ci")
    trust, distrust = RequestKey("ada/trust", "t"), RequestKey("ada/distrust", "d")
    assert service(made, trust).admin.trust_publisher("empty", ISSUER, CLAIMS, "ci") == trusted
    for _ in range(2):
        service(made, distrust).admin.distrust_publisher("empty", trusted.id)
    with pytest.raises(Conflict, match="is trusted no more"):
        service(made, trust).admin.trust_publisher("empty", ISSUER, CLAIMS, "ci")
    assert not Registry(made).audit().problems


def test_keys_are_no_part_of_a_backup(made: World) -> None:
    service(made).tag("m:1", {"a": "b"})
    stream = io.BytesIO()
    Registry(made).export(stream)
    assert KEY.key.encode() not in stream.getvalue()
