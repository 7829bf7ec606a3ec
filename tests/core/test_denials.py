"""Denials are recorded: enough of them to see, too few to fill a disk."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelry.core.access import Actor, Role
from modelry.core.denials import CALLERS, EACH, WINDOW, Denials
from modelry.core.errors import Denied, Invalid, NotFound
from modelry.core.events import EventKind, LogFilter
from modelry.core.registry import Registry
from modelry.core.service import Service
from modelry.core.verbs.world import Outdated, World
from modelry.testing.fakes import START, FixedSurroundings, TickingClock, acting

MakeFile = Callable[..., Path]
DENIED = LogFilter(kinds=frozenset({EventKind.DENIED}))


class StillClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        return self.at


def test_a_caller_is_counted_for_a_minute_and_the_next_record_tells_the_rest() -> None:
    denials = Denials()
    told = [denials.admit("eve", 0) for _ in range(EACH + 5)]
    assert told == [0] * EACH + [None] * 5
    assert denials.admit("bob", 1) == 0
    assert denials.admit("eve", WINDOW - 1) is None
    assert denials.admit("eve", WINDOW) == 6
    assert denials.admit("eve", WINDOW) == 0
    assert denials.admit("eve", 2 * WINDOW) == 0


def test_many_callers_do_not_fill_the_disk() -> None:
    denials = Denials(most=3)
    assert [denials.admit(str(number), 5) for number in range(5)] == [0, 0, 0, None, None]
    assert denials.admit("9", 5 + WINDOW) == 0, "the next window records again"


def test_many_callers_do_not_fill_the_memory() -> None:
    denials = Denials(each=1, most=2 * CALLERS)
    for number in range(CALLERS + 1):
        assert denials.admit(str(number), 0) == 0
    assert denials.admit("0", 0) == 0, "the oldest was forgotten"
    assert denials.admit(str(CALLERS), 0) is None


def test_denials_are_recorded_thirty_a_minute_for_each_caller(world: World) -> None:
    clock = StillClock()
    registry, world = Registry(world), replace(world, clock=clock)
    eve = Registry(acting(world, "eve", {"default": Role.READER}))
    for _ in range(EACH + 4):
        with pytest.raises(Denied):
            eve.create_model("m")
    assert len(registry.log(wanted=DENIED)) == EACH
    with pytest.raises(Denied):
        Registry(acting(world, "bob", {"default": Role.READER})).create_model("m")
    clock.at += WINDOW
    with pytest.raises(Denied):
        eve.create_model("m")
    last, other, *_ = registry.log(wanted=DENIED)
    assert (other.actor, "unrecorded" in other.body) == ("bob", False)
    assert (last.actor, last.body["unrecorded"]) == ("eve", 4)
    assert last.body["asked"] == "register"
    assert last.body["what"] == "m"
    assert "takes the role publisher, and eve is reader of default" in str(last.body["reason"])
    assert not registry.audit().problems


def test_nothing_is_recorded_of_a_caller_whose_rights_have_changed(world: World) -> None:
    def doubt() -> None:
        raise Outdated

    eve = world.acting(Actor("eve", {}), world.surroundings, {}, doubt=doubt)
    with pytest.raises(Outdated):
        Registry(eve).stages()
    wrong = Invalid("whatever was wrong with it")
    with pytest.raises(Outdated), Service(eve).registering("m"):
        raise wrong
    assert Registry(world).log(wanted=DENIED).items == ()


def test_the_same_account_from_another_address_is_another_caller(world: World) -> None:
    world = replace(world, clock=StillClock(), denials=Denials(each=1))
    for address in ("::1", "::2", "::2"):
        eve = replace(acting(world, "eve"), trace={"address": address})
        with pytest.raises(NotFound):
            Registry(eve).stages()
    found = Registry(world).log(wanted=DENIED).items
    assert [event.body["request"] for event in found] == [{"address": "::2"}, {"address": "::1"}]
    assert {event.chain for event in found} == {"@registry"}


def test_a_name_that_nobody_checked_is_recorded_as_what_can_be_seen(world: World) -> None:
    eve = Registry(acting(world, "eve"))
    with pytest.raises(Denied):
        eve.admin.create_account("\x1b[2J\u202e" + "x" * 1000)
    with pytest.raises(NotFound):
        Service(acting(world, "eve")).identify_model("\ud800")
    by_id, denied = (str(event.body["what"]) for event in Registry(world).log(wanted=DENIED))
    assert denied == "\ufffd[2J\ufffd" + "x" * 195
    assert by_id == "\ufffd"


def test_a_second_pair_of_eyes_is_somebody_else(world: World, model_file: MakeFile) -> None:
    registry = Registry(world)
    registry.configure_stages(["new", {"name": "live", "exclusive": True, "four_eyes": True}])
    roles = {"default": Role.APPROVER}
    denials = Denials(each=2)
    bob = Registry(replace(acting(world, "bob", roles), denials=denials))
    cyd = Registry(replace(acting(world, "cyd", roles), denials=denials))
    bob.register("m", model_file())
    for _ in range(3):
        with pytest.raises(Denied, match="asks for a second pair of eyes"):
            bob.promote("m:1", "live")
    assert cyd.promote("m:1", "live").stage == "live"
    promoted, *denied, _ = registry.history("m").events
    assert promoted.actor == "cyd"
    assert [(each.kind, each.number, each.actor) for each in denied] == [
        (EventKind.DENIED, 1, "bob")] * 2, "bounded as all denials are"  # fmt: skip
    assert (denied[0].body["asked"], denied[0].body["to"]) == ("promote", "live")
    assert not registry.audit().problems


def test_a_registry_of_ones_own_needs_no_account(world: World) -> None:
    assert Registry(world).admin.create_account("ada").name == "ada"
    assert isinstance(world.clock, TickingClock)
    nobody = replace(world, actor=Actor("x"), surroundings=FixedSurroundings("x"))
    assert Registry(nobody).projects() == []
