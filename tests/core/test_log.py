"""The log: everything that happened, latest first, in pages without gaps or doubles."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelry.core.access import EVERYWHERE, Role
from modelry.core.errors import Invalid, NotFound
from modelry.core.events import EVERYTHING, REGISTRY, Event, EventKind, LogFilter
from modelry.core.registry import Registry
from modelry.core.strict_json import dumps
from modelry.core.verbs.world import World
from modelry.testing.fakes import START, acting

MakeFile = Callable[..., Path]
ADDRESS = {"address": "203.0.113.7", "request": "r1"}


@pytest.fixture
def told(world: World, model_file: MakeFile) -> World:
    """Let some things happen in two projects and the registry; the clock stands at times."""
    registry = Registry(replace(world, trace=ADDRESS))
    for project in ("lab", "secret"):
        registry.create_project(project)
        registry.register(f"{project}/m", model_file(project))
        registry.tag(f"{project}/m:1", {"a": "b"})
    registry.register("m", model_file("default"))
    registry.admin.create_account("ada")
    bob = acting(world, "bob", {EVERYWHERE: Role.ADMIN})
    Registry(replace(bob, trace=ADDRESS)).admin.set_member("lab", "ada", "reader")
    return world


def paged(registry: Registry, limit: int, wanted: LogFilter = EVERYTHING) -> list[Event]:
    found, cursor = list[Event](), None
    while True:
        page = registry.log(wanted=wanted, limit=limit, cursor=cursor)
        assert len(page) <= limit
        found += page
        cursor = page.next
        if cursor is None:
            return found


def test_the_log_is_latest_first_and_pages_leave_nothing_out(told: World) -> None:
    registry = Registry(told)
    whole = registry.log(limit=1000)
    assert whole.next is None
    assert len(whole) == registry.audit().events == 9
    assert [(e.at, e.chain, e.seq) for e in whole] == sorted(
        ((e.at, e.chain, e.seq) for e in whole), reverse=True)  # fmt: skip
    for limit in (1, 2, 4, 8, 9, 10):
        assert paged(registry, limit) == list(whole.items)


def test_events_of_one_time_are_in_the_order_of_their_chains(world: World) -> None:
    registry = Registry(world)
    for name in ("b", "a", "c"):
        world.clock.set(START)  # type: ignore[attr-defined]  # a ticking clock
        registry.create_model(name)
        world.clock.set(START)  # type: ignore[attr-defined]  # a ticking clock
        registry.describe(name, "words")
    assert len({event.at for event in registry.log()}) == 1
    assert paged(registry, 1) == paged(registry, 4) == list(registry.log().items)
    assert "".join(event.chain[-1] for event in paged(registry, 2)) == "ccbbaa"


FILTERS: dict[str, tuple[LogFilter, Callable[[Event], bool]]] = {
    "an actor": (LogFilter(actor="ada"), lambda event: event.actor == "ada"),
    "nobody": (LogFilter(actor="eve"), lambda _: False),
    "kinds": (
        LogFilter(kinds=frozenset({EventKind.TAGGED, EventKind.MEMBER_SET})),
        lambda event: event.kind in {EventKind.TAGGED, EventKind.MEMBER_SET}),
    "a model": (LogFilter(chain="lab/m"), lambda event: event.chain == "lab/m"),
    "the registry": (LogFilter(chain=REGISTRY), lambda event: event.chain == REGISTRY),
    "since": (LogFilter(since=START + 8_000_000), lambda event: event.at >= START + 8_000_000),
    "until": (LogFilter(until=START + 8_000_000), lambda event: event.at <= START + 8_000_000),
    "projects": (
        LogFilter(projects=frozenset({"lab", REGISTRY})),
        lambda event: event.chain in {"lab", "lab/m", REGISTRY}),
    "no project": (LogFilter(projects=frozenset()), lambda _: False),
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_lets_through_what_it_says(told: World, name: str) -> None:
    wanted, lets = FILTERS[name]
    registry = Registry(told)
    expected = [event for event in registry.log() if lets(event)]
    assert list(registry.log(wanted=wanted)) == expected
    assert paged(registry, 2, wanted) == expected
    assert len(expected) < 9


def test_of_one_project_only_what_happened_in_it(told: World) -> None:
    found = Registry(told).log(project_name="Lab")
    assert {event.chain for event in found} == {"lab", "lab/m"}
    assert len(found) == 4
    with pytest.raises(NotFound, match="no project 'absent'"):
        Registry(told).log(project_name="absent")


def test_nobody_reads_of_a_project_that_is_not_theirs(told: World) -> None:
    ada = Registry(acting(told, "ada", {"lab": Role.READER}))
    own = ada.log()
    assert {event.chain for event in own} == {"lab", "lab/m"}
    secret = frozenset({"lab", "secret", REGISTRY})
    assert ada.log(wanted=LogFilter(projects=secret)) == own
    assert not ada.log(wanted=LogFilter(projects=frozenset({"secret"})))
    for chain in ("secret", "secret/m", REGISTRY):
        assert not ada.log(wanted=LogFilter(chain=chain))
    for project in ("secret", "absent"):
        with pytest.raises(NotFound, match=f"there is no project '{project}'"):
            ada.log(project_name=project)
    foreign = Registry(told).log(limit=1, wanted=LogFilter(chain="secret/m")).next
    assert all(event.chain.startswith("lab") for event in ada.log(cursor=foreign))
    assert not Registry(acting(told, "eve")).log()


def test_where_a_request_came_from_is_for_admins(told: World) -> None:
    def shown(registry: Registry) -> list[bool]:
        events = [*registry.log(project_name="lab"), *registry.history("lab/m"),
                  *registry.project_history("lab")]  # fmt: skip
        return ["request" in event.body for event in events]

    for role in (Role.READER, Role.PUBLISHER, Role.APPROVER):
        assert not any(shown(Registry(acting(told, "ada", {"lab": role}))))
        assert not any(shown(Registry(acting(told, "ada", {EVERYWHERE: role}))))
    for roles in ({"lab": Role.ADMIN}, {EVERYWHERE: Role.ADMIN}):
        assert all(shown(Registry(acting(told, "ada", roles))))
    both = acting(told, "ada", {EVERYWHERE: Role.READER, "lab": Role.ADMIN})
    for event in Registry(both).log():
        assert ("request" in event.body) == event.chain.startswith("lab")
    assert Registry(told).log().items[0].body["request"] == ADDRESS


@pytest.mark.parametrize(
    "value", ["", "{}", "[]", "[1,2]", '["x","lab",1]', "[1,2,3]", '[1,"lab","x"]', "[1",
              '[1,"\\u0000",1]', '[1,"lab",99999999999999999999]'])  # fmt: skip
def test_what_is_no_cursor_is_refused(registry: Registry, value: str) -> None:
    with pytest.raises(Invalid, match=r"the cursor|not a cursor of the log"):
        registry.log(cursor=base64.urlsafe_b64encode(value.encode()).decode())


def test_rubbish_is_refused(registry: Registry) -> None:
    for cursor in ("x", "é", "\ud800", dumps([1, "lab", 1])):
        with pytest.raises(Invalid, match="not a cursor of the log"):
            registry.log(cursor=cursor)
    for wanted in (LogFilter(actor="\0"), LogFilter(chain="\ud800")):
        with pytest.raises(Invalid, match="remove it"):
            registry.log(wanted=wanted)
    for limit in (0, 1001):
        with pytest.raises(Invalid, match="a page holds 1 to 1000"):
            registry.log(limit=limit)
