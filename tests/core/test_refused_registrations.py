"""A registration that is refused leaves one record: who, what, when and why (S2.15)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import pytest

from modelry.core.access import Role
from modelry.core.denials import EACH
from modelry.core.draft import draft
from modelry.core.errors import Conflict, Denied, Invalid, NotFound, RegistryError, Unavailable
from modelry.core.events import REGISTRY, Event, EventKind, LogFilter
from modelry.core.model import File
from modelry.core.ports import Store, Unit
from modelry.core.registry import Registry
from modelry.core.service import Service
from modelry.core.verbs.attempt import registering
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.world import RequestKey, World
from modelry.stores.jsonfile.store import JsonStore
from modelry.testing.fakes import TickingClock, acting, world_on

MakeFile = Callable[..., Path]
T = TypeVar("T")
DENIED = LogFilter(kinds=frozenset({EventKind.DENIED}))
SAID = draft(version="1.0", metrics=None, params=None, tags=None, datasets=(), description=None,
             run_id=None)  # fmt: skip


def records(world: World) -> tuple[Event, ...]:
    registry = Registry(world)
    assert not registry.audit().problems
    return tuple(registry.log(wanted=DENIED).items)


def refuse(do: Callable[[], object], kind: type[RegistryError] = Invalid) -> RegistryError:
    with pytest.raises(kind) as refusal:
        do()
    return refusal.value


def test_a_duplicate_is_recorded_with_who_wanted_what_when_and_why(
    world: World, model_file: MakeFile
) -> None:
    registry = Registry(world)
    registry.register("m", model_file("one"), version="1.0")
    error = refuse(lambda: registry.register("m", model_file("two"), version="1.0"), Conflict)
    (event,) = records(world)
    assert (event.kind, event.actor, event.chain) == (EventKind.DENIED, "ada", "default")
    assert event.at > registry.resolve("m:1").created
    assert dict(event.body) == {
        "asked": "register", "reason": error.message, "what": "m", "version": "1.0",
    }  # fmt: skip
    assert (event.number, registry.model("m").model.last_number) == (None, 1)


BROKEN: dict[str, tuple[Callable[[Registry, Path], object], type[RegistryError]]] = {
    "a metric that is none": (lambda r, f: r.register("m", f, metrics={"auc": "high"}), Invalid),
    "a label that is none": (lambda r, f: r.register("m", f, version="no label!"), Invalid),
    "a name that is none": (lambda r, f: r.register("no name!", f), Invalid),
    "a file that is absent": (lambda r, f: r.register("m", f / "absent"), NotFound),
    "a base that is absent": (lambda r, f: r.register("m", f, base="none"), NotFound),
    "a project that is absent": (lambda r, f: r.register("none/m", f), NotFound),
    "a name in no project": (lambda r, f: r.register("No Project/m", f), Invalid),
}


@pytest.mark.parametrize("what", BROKEN)
def test_whatever_a_rule_refuses_is_recorded_once(
    world: World, model_file: MakeFile, what: str
) -> None:
    do, kind = BROKEN[what]
    error = refuse(lambda: do(Registry(world), model_file()), kind)
    (event,) = records(world)
    assert (event.body["reason"], event.chain) == (
        error.message, REGISTRY if "project that is absent" in what else "default")  # fmt: skip
    assert not Registry(world).models()


def test_a_role_that_is_too_small_is_recorded_once(world: World, model_file: MakeFile) -> None:
    reader = Registry(acting(world, "eve", {"default": Role.READER}))
    refuse(lambda: reader.register("m", model_file()), Denied)
    refuse(lambda: reader.register("m", model_file(), version="no label!"), Invalid)
    assert [(each.actor, each.chain) for each in records(world)] == [("eve", "default")] * 2


def test_a_stranger_learns_nothing_of_a_project_and_leaves_the_same_record(
    world: World, model_file: MakeFile
) -> None:
    Registry(world).create_project("secret")
    eve = Service(acting(world, "eve", {"default": Role.PUBLISHER}))
    for metrics in (None, {"auc": "high"}):
        errors = [refuse(partial(eve.register, f"{project}/m", model_file(), metrics=metrics),
                         RegistryError) for project in ("secret", "absent")]  # fmt: skip
        assert errors[0].message.replace("secret", "absent") == errors[1].message
    found = records(world)
    assert {(each.actor, each.chain) for each in found} == {("eve", REGISTRY)}
    told = [str(dict(each.body)) for each in reversed(found)]
    assert [text.replace("secret", "absent") for text in told[::2]] == told[1::2]
    refuse(lambda: eve.register("m", model_file(), base="secret/m"), NotFound)
    last, *_ = records(world)
    assert (len(records(world)), last.chain) == (5, REGISTRY), "one record: of what was denied"


def test_a_client_that_asks_which_bytes_it_must_bring_leaves_none(world: World) -> None:
    service = Service(acting(world, "ada", {"default": Role.PUBLISHER}))
    absent = Parts("file", (File("m.bin", "a" * 64, 5),))
    error = refuse(lambda: service.enlist("m", absent, SAID), NotFound)
    assert "upload them first" in error.message
    assert records(world) == ()


def test_a_retry_that_is_answered_from_memory_leaves_none(world: World) -> None:
    asked = replace(world, request=RequestKey("ada/1", "same"))
    parts = Parts("folder", (), "s3://elsewhere")
    made = [Service(asked).enlist("m", parts, SAID) for _ in range(2)]
    assert made[0] == made[1]
    assert records(world) == ()
    other = Service(replace(world, request=RequestKey("ada/1", "other")))
    refuse(lambda: other.enlist("m", parts, SAID))
    assert len(records(world)) == 1


class Failing:
    """A store in whose place the changes numbered `at` fail as if it were away."""

    def __init__(self, store: Store, *at: int) -> None:
        self._store, self._at, self._count = store, at, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        self._count += 1
        if self._count in self._at:
            msg = "the database is away"
            raise Unavailable(msg)
        return self._store.change(work, alone=alone)


def test_a_store_that_is_away_refused_nothing(world: World, model_file: MakeFile) -> None:
    away = replace(world, store=cast("Store", Failing(world.store, 1)))
    refuse(lambda: Registry(away).register("m", model_file()), Unavailable)
    assert records(world) == ()


def test_where_the_record_cannot_be_written_the_refusal_is_raised_and_the_log_says_so(
    world: World, model_file: MakeFile, caplog: pytest.LogCaptureFixture
) -> None:
    away = replace(world, store=cast("Store", Failing(world.store, 1)))
    service = Service(away)
    with caplog.at_level(logging.WARNING), service.registering("m"):
        refuse(lambda: service.take("m", model_file().parent / "absent", SAID), NotFound)
    (line,) = [each for each in caplog.records if each.name == "modelry.registry"]
    assert "could not be recorded: Unavailable('the database is away')" in line.getMessage()
    assert records(world) == ()


def test_refusals_within_refusals_are_recorded_once_and_one_after_another_each(
    world: World, model_file: MakeFile
) -> None:
    service = Service(world)

    def outer() -> None:
        with service.registering("m", "2.0"):
            try:
                service.take("m", model_file().parent / "absent", SAID)
            except NotFound:
                msg = "told in other words"
                raise Invalid(msg) from None

    refuse(outer)
    assert [each.body["version"] for each in records(world)] == ["1.0"]
    try:
        outer()
    except Invalid:
        refuse(lambda: service.register("m", model_file(), version="no label!"))
    found = records(world)
    assert [each.body["version"] for each in found] == ["no label!", "1.0", "1.0"]


def test_a_dialect_has_refusals_of_its_own(world: World) -> None:
    service = Service(world)

    class TheirsError(Exception):
        pass

    def theirs() -> None:
        msg = "in other words"
        raise TheirsError(msg)

    with pytest.raises(TheirsError), service.registering("m"):
        theirs()
    assert records(world) == ()
    with pytest.raises(TheirsError), service.registering("m", None, TheirsError):
        theirs()
    (event,) = records(world)
    assert dict(event.body) == {"asked": "register", "reason": "in other words", "what": "m"}


def test_what_cannot_be_read_is_recorded_once(world: World) -> None:
    service, refusal = Service(world), Invalid("no JSON")
    service.refused("m", refusal)
    service.refused("m", refusal)
    assert [each.body["reason"] for each in records(world)] == ["no JSON"]


def test_a_record_holds_no_secret_and_not_all_that_was_sent(world: World) -> None:
    token = "modelry_abcdefghijkl_" + "s" * 40
    long = f"s3://ann:sesame@host/{token}?" + "x" * 3000
    for name in (long, "m"):
        Service(world).refused(name, Invalid(f"\x1b[2J{'y' * 950} {long}"))
    last, first = records(world)
    assert [len(str(last.body["reason"])), len(str(first.body["what"]))] == [1000, 200]
    for text in (str(last.body["reason"]), str(first.body["what"])):
        assert "sesame" not in text
        assert "sss" not in text
        assert "\x1b" not in text


def test_refused_registrations_are_bounded_as_all_denials_are(world: World) -> None:
    class Still(TickingClock):
        def now(self) -> int:
            return 1_800_000_000_000_000

    registry = Registry(replace(world, clock=Still()))
    for _ in range(EACH + 3):
        refuse(lambda: registry.register("no name!", "m.bin"))
    assert len(registry.log(wanted=DENIED)) == EACH


def test_a_registry_json_keeps_them_beside_its_entries(
    tmp_path: Path, model_file: MakeFile
) -> None:
    world = world_on(JsonStore(tmp_path / "registry.json"), tmp_path / "home")
    registry = Registry(world)
    registry.register("m", model_file("one"), version="1")
    refuse(lambda: registry.register("m", model_file("two"), version="1"), Conflict)
    before = (tmp_path / "registry.json").read_text()
    refuse(lambda: registry.register("m", model_file("two"), version="1"), Conflict)
    assert [each.body["what"] for each in records(world)] == ["m", "m"]
    assert (tmp_path / "registry.json").read_text() == before


def test_errors_that_lead_to_one_another_are_recorded_once_and_raised(world: World) -> None:
    refusal, cause = Conflict("it is there already"), KeyError("row")
    refusal.__cause__, cause.__context__ = cause, refusal

    def register() -> None:
        with registering(world, "m"):
            raise refusal

    refuse(register, Conflict)
    (event,) = records(world)
    assert event.body["reason"] == "it is there already"
