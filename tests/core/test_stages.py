"""Promoting, archiving, rolling back and aliases."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelry.core.errors import Conflict, Denied, Invalid, NotFound
from modelry.core.registry import Registry
from modelry.core.verbs.world import World
from modelry.testing.fakes import FixedSurroundings

MakeFile = Callable[..., Path]


@pytest.fixture
def three(registry: Registry, model_file: MakeFile) -> Registry:
    for number in (1, 2, 3):
        registry.register("m", model_file(f"weights {number}"))
    return registry


def stages(registry: Registry) -> dict[int, str]:
    return {version.number: version.stage for version in registry.versions("m")}


def test_a_promotion_moves_the_pointer_and_archives_what_it_displaces(three: Registry) -> None:
    assert three.promote("m:1", "Production", comment="first").stage == "production"
    three.promote("m:2", "production")
    assert three.resolve("m@production").number == 2
    assert stages(three) == {1: "archived", 2: "production", 3: "none"}
    event = three.history("m").events[0]
    assert (event.number, event.body["from"], event.body["to"]) == (2, "none", "production")
    assert three.history("m").events[1].comment == "first"


@pytest.mark.parametrize(
    ("displace", "stage"), [("keep", "production"), ("staging", "staging"), ("archive", "archived")]
)
def test_the_caller_may_say_where_the_displaced_version_goes(
    three: Registry, displace: str, stage: str
) -> None:
    three.promote("m:1", "production")
    three.promote("m:2", "production", displace=displace)
    assert stages(three)[1] == stage
    assert three.resolve("m@production").number == 2


def test_a_promotion_that_changes_nothing_leaves_no_record(three: Registry) -> None:
    three.promote("m:1", "production")
    before = three.history("m").events
    assert three.promote("m@production", "production").number == 1
    assert three.history("m").events == before


def test_a_promotion_says_which_version(three: Registry) -> None:
    with pytest.raises(Invalid, match="say which version to promote"):
        three.promote("m", "production")
    assert three.promote("m@latest", "staging").number == 3


def test_row_52_of_two_who_looked_one_wins(three: Registry) -> None:
    three.promote("m:1", "production", expect="none")
    with pytest.raises(Conflict, match="names version 1 now, not none"):
        three.promote("m:2", "production", expect="none")
    three.promote("m:2", "production", expect="v1")
    with pytest.raises(Conflict, match="names version 2 now, not 1"):
        three.promote("m:3", "production", expect="1")
    with pytest.raises(Conflict, match="names nothing now"):
        three.promote("m:3", "staging", expect="1")
    assert three.resolve("m@production").number == 2


def test_row_6_a_stage_that_the_project_does_not_have_is_refused(three: Registry) -> None:
    with pytest.raises(Invalid, match="choose one of"):
        three.promote("m:1", "prod")
    with pytest.raises(NotFound, match="no version of m is in production"):
        three.resolve("m@PRODUCTION")
    with pytest.raises(NotFound, match="no stage or alias 'prod'; there are: none yet"):
        three.resolve("m@prod")


def test_rollbacks_go_back_one_by_one_until_nothing_is_left(three: Registry) -> None:
    for number in (1, 2, 3):
        three.promote(f"m:{number}", "production")
    assert three.rollback("m", comment="slow").number == 2
    assert three.rollback("m", "production").number == 1
    assert stages(three) == {1: "production", 2: "archived", 3: "archived"}
    with pytest.raises(Conflict, match="no earlier version"):
        three.rollback("m")
    three.promote("m:3", "production")
    assert three.rollback("m").number == 1


def test_a_rollback_skips_the_same_version_and_emptiness(three: Registry) -> None:
    three.promote("m:1", "production")
    three.archive("m@production", comment="stop everything")
    with pytest.raises(NotFound, match="no version of m is in production"):
        three.resolve("m@production")
    three.promote("m:2", "production")
    assert three.rollback("m").number == 1
    three.archive("m:1")
    assert three.rollback("m").number == 1


def test_there_is_nothing_to_roll_back_where_nothing_was(three: Registry) -> None:
    with pytest.raises(Conflict, match="no earlier version"):
        three.rollback("m")
    with pytest.raises(NotFound):
        three.rollback("absent")


def test_row_55_a_rollback_to_a_deleted_version_is_refused(three: Registry) -> None:
    three.promote("m:1", "production")
    three.promote("m:2", "production")
    three.delete("m:1")
    with pytest.raises(Conflict, match="named version 1 before, which was deleted"):
        three.rollback("m")
    assert three.resolve("m@production").number == 2


def test_an_open_stage_names_the_last_that_came_and_holds_the_others(three: Registry) -> None:
    three.promote("m:1", "staging")
    three.promote("m:3", "staging")
    assert three.resolve("m@staging").number == 3
    assert [each.number for each in three.versions("m", stage="Staging")] == [3, 1]
    three.promote("m:3", "production")
    assert three.resolve("m@staging").number == 1
    assert three.rollback("m", "staging").number == 3
    assert three.rollback("m", "staging").number == 1


def test_an_archived_version_can_come_back(three: Registry) -> None:
    assert three.archive("m:1").stage == "archived"
    assert three.promote("m:1", "none").stage == "none"
    with pytest.raises(Invalid, match="say which version to archive"):
        three.archive("m")


def test_a_model_alone_means_production_else_the_latest(three: Registry) -> None:
    assert three.resolve("m").number == 3
    three.promote("m:1", "production")
    assert three.resolve("m").number == 1
    assert three.use("m").read_text() == "weights 1"


def test_aliases_point_where_they_were_last_put(three: Registry) -> None:
    three.alias("m", "Champion", "1")
    three.alias("m", "champion", "m:2")
    three.promote("m:2", "production")
    three.alias("m", "live", "@production", comment="for the dashboard")
    assert three.resolve("m@champion").aliases == ("champion", "live")
    assert three.resolve("m:1").aliases == ()
    before = len(three.history("m"))
    assert three.alias("m", "champion", "2").number == 2
    assert len(three.history("m")) == before
    three.remove_alias("m", "CHAMPION")
    with pytest.raises(NotFound, match="there are: live, production"):
        three.resolve("m@champion")
    with pytest.raises(NotFound, match="it has: live"):
        three.remove_alias("m", "champion")


def test_aliases_keep_to_their_model_and_out_of_the_stages(three: Registry) -> None:
    with pytest.raises(Conflict, match="'staging' is a stage"):
        three.alias("m", "Staging", "1")
    with pytest.raises(Invalid, match="not a version of m"):
        three.alias("m", "x", "other:1")
    with pytest.raises(Invalid):
        three.alias("m", "v1", "1")
    with pytest.raises(NotFound):
        three.alias("m", "x", "9")


def test_a_project_has_the_stages_it_wants(three: Registry) -> None:
    wanted = [
        "none",
        "staging",
        {"name": "canary", "after": ["staging"]},
        {"name": "production", "exclusive": True, "displaced": "staging", "after": ["canary"]},
        {"name": "archived", "pointed": False},
    ]
    lifecycle = three.configure_stages(wanted)
    assert three.configure_stages(wanted) == three.stages("Default") == lifecycle
    changed = three.project_history("Default")
    assert [str(event.kind) for event in changed] == ["project.stages_changed"]
    assert changed.next is None
    with pytest.raises(Conflict, match="comes to production from canary only"):
        three.promote("m:1", "production")
    for number in (1, 2):
        for stage in ("staging", "canary", "production"):
            three.promote(f"m:{number}", stage)
    assert stages(three) == {1: "staging", 2: "production", 3: "none"}
    assert three.rollback("m").number == 1


def test_row_53_a_self_approval_is_denied_and_the_denial_recorded(
    three: Registry, world: World
) -> None:
    three.configure_stages(["none", {"name": "production", "exclusive": True, "four_eyes": True}])
    before = (three.models(), three.versions("m"))
    with pytest.raises(Denied, match="ada registered it, and production asks"):
        three.promote("m:1", "production", comment="mine")
    assert (three.models(), three.versions("m")) == before
    event = three.history("m:1").events[0]
    assert (event.kind, event.actor, event.number) == ("change.denied", "ada", 1)
    assert (event.body["asked"], event.body["to"]) == ("promote", "production")
    assert isinstance(world.surroundings, FixedSurroundings)
    world.surroundings.name = "bob"
    assert three.promote("m:1", "production").stage == "production"
    assert not three.audit().problems


def test_a_stage_that_is_in_use_stays(three: Registry) -> None:
    three.promote("m:1", "production")
    with pytest.raises(Conflict, match="versions are in the stage production"):
        three.configure_stages(["none", "staging"])
    with pytest.raises(Conflict, match="staging cannot become not pointed"):
        three.configure_stages(["none", {"name": "staging", "pointed": False}, "production"])
    three.alias("m", "canary", "1")
    with pytest.raises(Conflict, match="m has an alias 'canary'"):
        three.configure_stages(["none", "canary", "production"])
    with pytest.raises(NotFound):
        three.configure_stages(["a", "b"], "absent")


def test_a_stage_that_was_pointed_can_rest_no_more(three: Registry) -> None:
    with pytest.raises(Conflict, match="archived cannot become pointed"):
        three.configure_stages(["none", "archived"])


def test_a_project_without_an_exclusive_stage_says_so(
    registry: Registry, model_file: MakeFile
) -> None:
    registry.create_project("lab")
    assert registry.create_project("LAB") == registry.stages("lab")
    assert list(registry.projects()) == ["default", "lab"]
    registry.configure_stages(["new", "better"], "lab")
    first = registry.project_history("lab", limit=1)
    assert registry.project_history("lab", cursor=first.next).events[0].kind == "project.created"
    with pytest.raises(NotFound):
        registry.project_history("absent")
    registry.configure_stages(["new", "good"], "lab")
    registry.register("lab/m", model_file())
    with pytest.raises(Invalid, match="no exclusive stage"):
        registry.rollback("lab/m")
    with pytest.raises(Invalid, match="no stage to archive to"):
        registry.archive("lab/m:1")
    assert registry.resolve("lab/m").number == 1
