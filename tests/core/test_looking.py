"""Listing, searching, comparing, reading the history, verifying bytes."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from modelry.core.errors import Corrupt, Invalid, NotFound
from modelry.core.model import micros, moment
from modelry.core.registry import Registry
from modelry.core.verbs.world import World
from modelry.testing.fakes import TickingClock

MakeFile = Callable[..., Path]


@pytest.fixture
def five(registry: Registry, model_file: MakeFile) -> Registry:
    for number in range(1, 6):
        registry.register("m", model_file(f"weights {number}"), metrics={"auc": number / 10})
    return registry


def test_versions_come_in_pages_newest_first(five: Registry) -> None:
    first = five.versions("m", limit=2)
    assert [each.number for each in first] == [5, 4]
    second = five.versions("m", limit=2, cursor=first.next)
    last = five.versions("m", limit=2, cursor=second.next)
    assert [each.number for each in (*second, *last)] == [3, 2, 1]
    assert (len(last), last.next) == (1, None)


def test_models_come_in_pages_by_name(registry: Registry, model_file: MakeFile) -> None:
    for name in ("b", "a", "c"):
        registry.register(name, model_file())
    first = registry.models(limit=2)
    assert [each.model.name for each in first] == ["a", "b"]
    rest = registry.models("Default", limit=2, cursor=first.next)
    assert ([each.model.name for each in rest], rest.next) == (["c"], None)
    with pytest.raises(NotFound, match="no project 'absent'"):
        registry.models("absent")


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**9])
def test_row_14_a_page_has_a_size(five: Registry, limit: int) -> None:
    for ask in (five.versions, five.history, five.search):
        with pytest.raises(Invalid, match="a page holds 1 to 1000"):
            ask("m", limit=limit)
    with pytest.raises(Invalid):
        five.models(limit=limit)


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "\u0663"])
def test_a_cursor_of_something_else_is_refused(five: Registry, cursor: str) -> None:
    with pytest.raises(Invalid, match="begin again"):
        five.versions("m", cursor=cursor)
    with pytest.raises(Invalid, match="begin again"):
        five.history("m", cursor=cursor)


def test_a_search_is_paged_and_kept_to_a_project(five: Registry) -> None:
    text = "metrics.auc >= 0.2 order by metrics.auc desc"
    page = five.search(text, limit=3, project_name="Default")
    assert [each.number for each in page] == [5, 4, 3]
    assert [each.number for each in five.search(text, limit=3, cursor=page.next)] == [2]
    assert len(five.search()) == 5
    with pytest.raises(NotFound):
        five.search("m", project_name="absent")


def test_what_is_absent_is_not_found_and_says_what_there_is(five: Registry) -> None:
    for ref, why in {
        "absent": "there is no model absent; register a first version",
        "m:9": "m has no version 9",
        "m:9.9": "m has no version 9.9",
        f"m@sha256:{'0' * 64}": "m has no version sha256:0000",
        "nowhere/m": "there is no project 'nowhere'",
    }.items():
        with pytest.raises(NotFound, match=why):
            five.resolve(ref)


def test_a_version_is_found_by_its_digest(five: Registry) -> None:
    version = five.resolve("m:3")
    assert five.resolve(f"m@{version.digest}") == version


def test_the_history_is_paged_and_ends_at_a_time(five: Registry) -> None:
    five.promote("m:1", "production")
    then = five.history("m").events[0].happened_at
    five.alias("m", "champion", "5")
    five.promote("m:2", "production")
    five.remove_alias("m", "champion")
    now = five.history("m", limit=3)
    assert [event.seq for event in now] == [9, 8, 7]
    assert [event.seq for event in five.history("m", cursor=now.next)] == [6, 5, 4, 3, 2, 1]
    assert now.pointers == {"production": 2}
    before = five.history("m", as_of=then)
    assert before.pointers == {"production": 1}
    assert [event.seq for event in before] == [6, 5, 4, 3, 2, 1]
    middle = five.history("m", as_of=then + timedelta(seconds=1.5), limit=1)
    assert middle.pointers == {"production": 1, "champion": 5}
    assert len(five.history("m", as_of=then, cursor="3")) == 2
    beginning = five.history("m", as_of=then - timedelta(days=1))
    assert (beginning.events, beginning.pointers, len(beginning)) == ((), {}, 0)


def test_the_history_of_a_version_holds_what_touched_it(five: Registry) -> None:
    five.promote("m:1", "production")
    five.promote("m:2", "production")
    five.tag("m:1", {"seen": "yes"})
    assert [event.seq for event in five.history("m:1")] == [8, 7, 6, 1]
    assert [event.seq for event in five.history("m@production")] == [7, 2]
    with pytest.raises(NotFound):
        five.history("m:9")
    with pytest.raises(NotFound):
        five.history("absent")


def test_row_49_order_is_by_sequence_when_the_clock_goes_back(
    registry: Registry, world: World, model_file: MakeFile
) -> None:
    clock = world.clock
    assert isinstance(clock, TickingClock)
    registry.register("m", model_file())
    before = registry.history("m").events[0]
    clock.set(before.at - 10**9)
    registry.promote("m:1", "staging")
    after = registry.history("m").events[0]
    assert after.at == before.at
    assert after.body["clock"] == before.at - 10**9 + 10**6
    assert "clock" not in before.body
    assert registry.history("m", as_of=before.happened_at).pointers == {"staging": 1}
    assert not registry.audit().problems


def test_times_are_whole_microseconds_both_ways() -> None:
    assert micros(moment(1_750_000_000_123_457)) == 1_750_000_000_123_457
    assert micros(moment(5).replace(tzinfo=None)) == 5


def test_a_comparison_marks_the_better_value_and_the_difference(
    registry: Registry, model_file: MakeFile
) -> None:
    registry.register("m", model_file("a"), metrics={"auc": 0.5, "log_loss": 2, "same": 1, "f": 1},
                      params={"C": 1, "kept": True})  # fmt: skip
    registry.register("m", model_file("b"), metrics={"auc": 0.75, "log_loss": 3, "same": 1},
                      params={"C": 2, "kept": True})  # fmt: skip
    found = registry.compare("m:1", "m:2")
    assert [version.number for version in found.versions] == [1, 2]
    rows = {row.name: row for row in found.metrics}
    assert rows["auc"].best == {1}
    assert rows["auc"].differences == (0.0, 0.25)
    assert rows["log_loss"].best == {0}
    assert rows["log_loss"].lower_is_better
    assert rows["same"].best == frozenset()
    assert (rows["f"].values, rows["f"].differences) == ((1, None), (0, None))
    assert found.params == {"C": (1, 2)}
    assert list(found.files) == ["model.bin"]
    turned = registry.compare("m:2", "m:1", lower=["auc"], higher=["log_loss"]).metrics
    assert [row.best for row in turned if row.name in {"auc", "log_loss"}] == [{1}, {0}]
    assert turned[1].differences == (None, None)


def test_tags_and_descriptions_change_with_a_record(five: Registry) -> None:
    five.tag("m:1", {"team": "risk", "old": "x"})
    five.tag("m:1", ["gpu"], remove=["old"])
    assert five.resolve("m:1").tags == {"team": "risk", "gpu": ""}
    five.describe("m:1", "the first")
    assert five.resolve("m:1").description == "the first"
    five.describe("m", "all of them")
    five.tag("m", {"owner": "bo"})
    model = five.model("m").model
    assert (model.description, model.tags) == ("all of them", {"owner": "bo"})
    kinds = [str(event.kind) for event in five.history("m", limit=4)]
    assert kinds == ["model.tagged", "model.described", "version.described", "version.tagged"]
    before = len(five.history("m"))
    five.describe("m", "all of them")
    assert len(five.history("m")) == before
    with pytest.raises(NotFound, match="m:1 has no tag 'absent'"):
        five.tag("m:1", remove=["absent"])
    with pytest.raises(NotFound, match="m has no tag 'absent'"):
        five.tag("m", remove=["absent"])
    assert not five.audit().problems


def test_verifying_reads_every_byte_and_names_what_is_damaged(
    five: Registry, tmp_path: Path
) -> None:
    five.delete("m:5")
    five.purge("m:5")
    whole = five.verify()
    assert (whole.blobs, whole.bytes, whole.problems) == (4, 36, ())
    damaged = five.resolve("m:2").files[0].sha256
    path = next(path for path in tmp_path.rglob("*") if path.name.endswith(damaged[2:]))
    path.chmod(0o600)
    path.write_bytes(b"weights X")
    seen: list[int] = []
    found = five.verify("m", progress=lambda what, done, total: seen.append(done))  # noqa: ARG005 - the port's signature
    assert [problem.where for problem in found.problems] == ["m:2 model.bin"]
    assert seen[-1] == 36
    assert not five.verify("m:1").problems
    with pytest.raises(Corrupt, match=r"model\.bin"):
        five.use("m:2")


def test_an_environment_that_was_edited_is_corrupt(
    registry: Registry, world: World, model_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.register("m", model_file())
    assert registry.environment("m:1").python == "3.11.7"
    with world.store.read() as view:
        monkeypatch.setattr(type(view), "environment", lambda *_: "{}")
    with pytest.raises(Corrupt, match="was edited"):
        registry.environment(version.ref)


def test_a_registry_closes_as_a_context(registry: Registry, model_file: MakeFile) -> None:
    with registry as same:
        same.register("m", model_file())
    assert registry.resolve("m").number == 1
