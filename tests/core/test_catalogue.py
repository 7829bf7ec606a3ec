"""Models with their latest versions, selections, and names that are titles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from modelry.core.access import Actor, Role
from modelry.core.draft import checked_tags, draft
from modelry.core.errors import Invalid, NotFound
from modelry.core.names import MAX_TAG, check_model
from modelry.core.selection import (
    TITLE,
    Comparison,
    Match,
    Selection,
    Sort,
    holds,
    name_for,
    title_of,
)
from modelry.core.service import Service
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.world import World

MakeFile = Callable[..., Path]
BY_NAME = (Sort("name"),)


@pytest.fixture
def service(world: World, model_file: MakeFile) -> Service:
    made = Service(world)
    for number in (1, 2, 3):
        made.register("fraud", model_file(f"bytes {number}"), tags={"n": str(number)})
    made.promote("fraud:1", "production")
    made.alias("fraud", "champion", "2")
    return made


def test_an_entry_has_the_highest_version_of_each_stage(service: Service) -> None:
    entry = service.entry("fraud")
    latest = [(each.number, each.stage) for each, _ in entry.latest]
    assert latest == [(3, "none"), (1, "production")]
    assert [(each.name, each.number) for each in entry.front.aliases] == [("champion", 2)]
    changed = {each.number: at for each, at in entry.latest}
    assert changed[1] == entry.front.changed > changed[3]
    assert service.known("fraud") == entry.model


def test_an_entry_with_one_stage_has_one_latest_version(
    service: Service, model_file: MakeFile
) -> None:
    service.register("churn", model_file())
    assert [(each.number, each.stage) for each, _ in service.entry("churn").latest] == [(1, "none")]


def test_a_sheet_is_a_version_beside_its_model(service: Service) -> None:
    sheet = service.sheet("fraud@champion")
    assert (sheet.model.name, sheet.version.number) == ("fraud", 2)
    assert sheet.changed == sheet.version.created
    with pytest.raises(NotFound):
        service.sheet("fraud:9")


def test_selections_are_of_one_project(service: Service) -> None:
    match = Match("tag", ">=", ("2",), "n")
    _, found = service.select_versions("default", Selection((match,), BY_NAME, 0, 9))
    assert {each.version.number for each in found} == {2, 3}
    assert [each.model.name for each in service.select_models(
        "default", Selection((), BY_NAME, 0, 9))] == ["fraud"]  # fmt: skip
    nothing = Selection((Match("name", "=", ("other",)),), BY_NAME, 0, 9)
    assert service.select_models("default", nothing) == []
    with pytest.raises(NotFound):
        service.select_models("nowhere", Selection((), BY_NAME, 0, 9))


@pytest.mark.usefixtures("service")
def test_whoever_may_not_read_learns_nothing(world: World) -> None:
    stranger = Service(replace(world, actor=Actor("eve", {"other": Role.ADMIN})))
    for look in (
        lambda: stranger.entry("fraud"),
        lambda: stranger.known("fraud"),
        lambda: stranger.sheet("fraud:1"),
        lambda: stranger.select_models("default", Selection((), BY_NAME, 0, 9)),
        lambda: stranger.select_versions("default", Selection((), BY_NAME, 0, 9)),
        lambda: stranger.rename("fraud", "mine"),
        lambda: stranger.retire("fraud:2"),
    ):
        with pytest.raises(NotFound, match="there is no project 'default'"):
            look()


@pytest.mark.parametrize("name", ["fraud", "Credit_Risk.2", "a" * 128])
def test_what_can_be_a_name_is_its_own_name(name: str) -> None:
    assert name_for(name) == name


@pytest.mark.parametrize(
    "title", ["card fraud", "Größe", "模型", "versions", "a" * 129, "-x", "a@b", "..", "x" * 300]
)
def test_every_title_has_a_name(title: str) -> None:
    name = name_for(title)
    assert check_model(name) == name
    assert name != name_for(f"{title} ")


def test_a_model_borrows_no_title(service: Service) -> None:
    with pytest.raises(Invalid, match="is not its title"):
        service.tag("fraud", {TITLE: "card fraud"})
    with pytest.raises(Invalid, match="is not its title"):
        service.create_model("other", tags={TITLE: "card fraud"})
    service.tag("fraud", {TITLE: "fraud"})


def test_a_version_of_a_model_that_has_to_be_there(service: Service) -> None:
    parts = Parts("folder", (), "s3://bucket/model")
    said = draft(version=None, metrics=None, params=None, tags=None, datasets=(),
                 description=None, run_id=None)  # fmt: skip
    assert service.enlist("fraud", parts, said, known=True).number == 4
    files = Parts("folder", service.resolve("fraud:1").files)
    assert service.enlist("fraud", files, said, known=True).number == 5
    for each in (parts, files):
        with pytest.raises(NotFound, match="there is no model other"):
            service.enlist("other", each, said, known=True)


def test_a_version_says_whether_it_is_sealed(service: Service) -> None:
    version = service.resolve("fraud:1")
    named = replace(version, files=(), source="s3://bucket/model")
    assert (version.sealed, named.sealed, replace(named, source="").sealed) == (True, False, True)


def test_a_model_is_called_by_its_title(service: Service) -> None:
    made = service.create_model(name_for("card fraud"), tags={TITLE: "card fraud"})
    assert title_of(made) == "card fraud"
    assert title_of(service.known("fraud")) == "fraud"


PATTERNS = {
    "credit": True, "c%": True, "%t": True, "c%t": True, "c_edit": True, "%": True, "%%": True,
    "%red%it": True, "%e%d%": True, "C%": False, "x%": False, "%x": False, "credit%t": False,
    "%d%r%": False, "cred": False, "c%edit%credit": False, "______": True, "%_____": True,
    "%_______": False, "c.edit": False, "c%x%t": False,
}  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_matches_what_it_says(pattern: str) -> None:
    assert holds(Match("name", "like", (pattern,)), "credit") == PATTERNS[pattern]
    assert holds(Match("name", "ilike", (pattern.upper(),)), "Credit") >= PATTERNS[pattern]


def test_nothing_holds_of_what_is_not_there() -> None:
    assert not holds(Match("tag", "!=", ("x",), "k"), None)


@pytest.mark.parametrize(
    ("comparison", "wanted"),
    [("=", [2]), ("!=", [1, 3]), (">", [3]), (">=", [2, 3]), ("<", [1]), ("<=", [1, 2]),
     ("in", [2]), ("not in", [1, 3])],
)  # fmt: skip
def test_numbers_are_compared(comparison: Comparison, wanted: list[int]) -> None:
    match = Match("number", comparison, (2,))
    assert [number for number in (1, 2, 3) if holds(match, number)] == wanted


def test_tags_are_long_and_bounded(service: Service) -> None:
    service.tag("fraud:1", {"prompt": "x" * MAX_TAG, "größe/ü": "ü"})
    assert service.resolve("fraud:1").tags["größe/ü"] == "ü"
    with pytest.raises(Invalid, match="at most 100000"):
        service.tag("fraud:1", {"prompt": "x" * (MAX_TAG + 1)})
    with pytest.raises(Invalid, match="in all"):
        checked_tags({f"k{n}": "x" * MAX_TAG for n in range(10)})
    for n in range(8):
        service.tag("fraud:1", {f"k{n}": "x" * MAX_TAG})
    with pytest.raises(Invalid, match="in all"):
        service.tag("fraud:1", {"k9": "x" * MAX_TAG})
