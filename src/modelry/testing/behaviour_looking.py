"""Lists, searches, comparisons, histories and the log, wherever the registry is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelry.core.errors import Invalid, NotFound
from modelry.core.events import EventKind, LogFilter
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour_fixtures import BehaviourFixtures, MakeFile


class LookingBehaviour(BehaviourFixtures):
    """Whatever is asked is answered in the same nouns."""

    def test_versions_come_in_pages_newest_first(self, three: RegistryRepository) -> None:
        first = three.versions("m", limit=2)
        assert [each.number for each in first] == [3, 2]
        rest = three.versions("m", limit=2, cursor=first.next)
        assert ([each.number for each in rest], rest.next) == ([1], None)
        three.promote("m:2", "staging")
        assert [each.number for each in three.versions("m", stage="Staging")] == [2]
        with pytest.raises(Invalid, match="there is no stage 'absent' here"):
            three.versions("m", stage="absent")

    def test_models_come_in_pages_by_name(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        for name in ("b", "a", "c"):
            registry.register(name, some_file())
        first = registry.models(limit=2)
        assert [each.model.name for each in first] == ["a", "b"]
        rest = registry.models("Default", limit=2, cursor=first.next)
        assert ([each.model.name for each in rest], rest.next) == (["c"], None)
        with pytest.raises(NotFound, match="no project 'absent'"):
            registry.models("absent")

    @pytest.mark.parametrize("limit", [0, -1, 1001, 10**9])
    def test_a_page_has_a_size(self, three: RegistryRepository, limit: int) -> None:
        for ask in (three.versions, three.history, three.search):
            with pytest.raises(Invalid, match="a page holds 1 to 1000"):
                ask("m", limit=limit)
        with pytest.raises(Invalid, match="a page holds 1 to 1000"):
            three.log(limit=limit)

    @pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "\u0663"])
    def test_a_cursor_of_something_else_is_refused(
        self, three: RegistryRepository, cursor: str
    ) -> None:
        for ask in (three.versions, three.history):
            with pytest.raises(Invalid, match="is not a cursor of this list; begin again"):
                ask("m", cursor=cursor)
        with pytest.raises(Invalid, match="is not a cursor of the log; begin again"):
            three.log(cursor=cursor)

    def test_a_search_is_paged_and_kept_to_a_project(self, three: RegistryRepository) -> None:
        text = "metrics.auc >= 0.1 order by metrics.auc desc"
        page = three.search(text, limit=2, project_name="Default")
        assert [each.number for each in page] == [3, 2]
        assert [each.number for each in three.search(text, limit=2, cursor=page.next)] == [1]
        assert len(three.search()) == 3
        with pytest.raises(NotFound, match="no project 'absent'"):
            three.search("m", project_name="absent")

    def test_a_mistake_in_a_search_is_told_with_its_place(
        self, registry: RegistryRepository
    ) -> None:
        words = "^search, at character 16: expected a number$"
        with pytest.raises(Invalid, match=words) as caught:
            registry.search("metrics.auc >= high")
        assert caught.value.facts["query"] == "metrics.auc >= high"
        assert caught.value.facts["position"] == 15

    def test_what_is_absent_is_not_found_and_says_what_there_is(
        self, three: RegistryRepository
    ) -> None:
        for ref, why in {
            "absent": "there is no model absent; register a first version",
            "m:9": "m has no version 9",
            "m:9.9": "m has no version 9.9",
            f"m@sha256:{'0' * 64}": "m has no version sha256:0000",
            "nowhere/m": "there is no project 'nowhere'",
        }.items():
            with pytest.raises(NotFound, match=why):
                three.resolve(ref)
            with pytest.raises(NotFound, match=why):
                three.use(ref)
        for ref in ("", "m:", "a/b/c", "m@", "../m", "m m"):
            with pytest.raises(Invalid):
                three.resolve(ref)
        with pytest.raises(NotFound):
            three.model("absent")

    def test_a_version_is_found_by_its_digest(self, three: RegistryRepository) -> None:
        version = three.resolve("m:3")
        assert three.resolve(f"m@{version.digest}").ref == version.ref == "m:3"
        assert three.resolve("models:/m/3").uid == version.uid

    def test_the_history_is_paged_and_ends_at_a_time(self, three: RegistryRepository) -> None:
        three.promote("m:1", "production")
        then = three.history("m").events[0].happened_at
        three.alias("m", "champion", "3")
        three.promote("m:2", "production")
        now = three.history("m", limit=3)
        assert [event.seq for event in now] == [6, 5, 4]
        assert [event.seq for event in three.history("m", cursor=now.next)] == [3, 2, 1]
        assert now.pointers == {"production": 2, "champion": 3}
        before = three.history("m", as_of=then)
        assert before.pointers == {"production": 1}
        assert [event.seq for event in before] == [4, 3, 2, 1]
        assert len(three.history("m", as_of=then, cursor="3")) == 2
        beginning = three.history("m", as_of=then.replace(tzinfo=None) - timedelta(days=1))
        assert (beginning.events, beginning.pointers) == ((), {})
        assert beginning.as_of is not None

    def test_the_history_of_a_version_holds_what_touched_it(
        self, three: RegistryRepository
    ) -> None:
        three.promote("m:1", "production")
        three.promote("m:2", "production")
        three.tag("m:1", {"seen": "yes"})
        assert [event.seq for event in three.history("m:1")] == [6, 5, 4, 1]
        assert [event.seq for event in three.history("m@production")] == [5, 2]
        with pytest.raises(NotFound):
            three.history("m:9")

    def test_a_comparison_marks_the_better_value_and_the_difference(
        self, registry: RegistryRepository, some_file: MakeFile
    ) -> None:
        registry.register("m", some_file("a"), metrics={"auc": 0.5, "log_loss": 2, "f": 1},
                          params={"C": 1, "kept": True})  # fmt: skip
        registry.register("m", some_file("b"), metrics={"auc": 0.75, "log_loss": 3},
                          params={"C": 2, "kept": True})  # fmt: skip
        found = registry.compare("m:1", "m:2")
        rows = {row.name: row for row in found.metrics}
        assert (rows["auc"].best, rows["auc"].differences) == (frozenset({1}), (0.0, 0.25))
        assert (rows["log_loss"].best, rows["log_loss"].lower_is_better) == (frozenset({0}), True)
        assert (rows["f"].values, rows["f"].differences) == ((1, None), (0, None))
        assert found.params == {"C": (1, 2)}
        assert list(found.files) == ["model.bin"]
        turned = registry.compare("m:2", "m:1", lower=["auc"], higher=["log_loss"]).metrics
        assert [row.best for row in turned if row.name in {"auc", "log_loss"}] == [{1}, {0}]
        with pytest.raises(NotFound, match="m has no version 9"):
            registry.compare("m:1", "m:9")

    def test_the_log_tells_of_every_model_latest_first(
        self, three: RegistryRepository, some_file: MakeFile
    ) -> None:
        three.register("other", some_file("x"))
        three.promote("m:1", "staging")
        kinds = frozenset({EventKind.REGISTERED, EventKind.PROMOTED})
        wanted = LogFilter(kinds=kinds)
        page = three.log(wanted=wanted, limit=2)
        assert [(event.chain, str(event.kind)) for event in page] == [
            ("default/m", "version.promoted"), ("default/other", "version.registered")]  # fmt: skip
        rest = three.log(wanted=wanted, cursor=page.next)
        assert [event.seq for event in rest] == [3, 2, 1]
        promoted = page.items[0]
        assert three.log(wanted=LogFilter(kinds=kinds, since=promoted.at)).items == (promoted,)
        until = LogFilter(kinds=kinds, until=rest.items[0].at, actor=promoted.actor)
        assert three.log(wanted=until).items == rest.items
        only = LogFilter(chain="default/other", kinds=kinds)
        assert [event.chain for event in three.log(wanted=only)] == ["default/other"]
        assert not three.log(wanted=LogFilter(actor="nobody"))
        assert not three.log(wanted=LogFilter(kinds=frozenset()))
