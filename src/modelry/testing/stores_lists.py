"""What lists, counts and opaque ids answer, in every store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelry.core.events import EventKind
from modelry.core.lifecycle import DEFAULT_LIFECYCLE
from modelry.core.model import Model, Move, Pointer, Stamp
from modelry.core.names import parse_ref
from modelry.core.ports import Store, Unit
from modelry.core.query import parse
from modelry.testing.examples import happen, keep, some_model, some_version

NAMES = {"default": ("50%-off", "credit-risk-2", "Credit_Risk", "fraud"), "team": ("CREDIT",)}


class ListConformance:
    """Each test is a promise of `View` about lists and counts, in a sentence."""

    def test_models_are_found_by_a_part_of_their_name(self, store: Store) -> None:
        store.change(_named)
        wanted = {
            "": ["50%-off", "credit-risk-2", "Credit_Risk", "fraud", "CREDIT"],
            "credit": ["credit-risk-2", "Credit_Risk", "CREDIT"],
            "CREDIT_": ["Credit_Risk"],
            "0%": ["50%-off"],
            "%": ["50%-off"],
            "_": ["Credit_Risk"],
            "\\": [],
            "x" * 10_000: [],
            "\N{KELVIN SIGN}": [],
            "crEdiT-": ["credit-risk-2"],
        }
        with store.read() as view:
            for contains, names in wanted.items():
                found, total = view.find_models(None, contains, 0, 50)
                assert [each.model.name for each in found] == names, contains
                assert total == len(names), contains
            found, total = view.find_models(None, "credit", 1, 1)
            assert ([each.model.name for each in found], total) == (["Credit_Risk"], 3)
            assert view.find_models({"team"}, "credit", 0, 9)[1] == 1
            assert view.find_models(set(), "credit", 0, 9)[1] == 0

    def test_lists_keep_to_the_projects_that_are_asked_for(self, store: Store) -> None:
        store.change(_named)
        with store.read() as view:
            names = {
                None: ["50%-off", "credit-risk-2", "Credit_Risk", "fraud", "CREDIT"],
                frozenset({"default", "team"}): [
                    "50%-off", "credit-risk-2", "Credit_Risk", "fraud", "CREDIT"],
                frozenset({"team", "nowhere"}): ["CREDIT"],
                frozenset[str](): [],
            }  # fmt: skip
            for projects, wanted in names.items():
                assert [each.model.name for each in view.models(projects, "", 9)] == wanted
                assert view.count_models(projects) == len(wanted)
                found, _ = view.search(parse("order by name asc"), projects, None, 9)
                assert {each.name for each in found} == set(wanted)
                assert sum(view.count_versions(projects).values()) == len(wanted)

    def test_models_and_versions_are_found_by_their_opaque_ids(self, store: Store) -> None:
        model = store.change(
            lambda unit: keep(unit, some_model("Credit-Risk"), some_version(some_model(), 1))
        )
        with store.read() as view:
            version = view.version(parse_ref("credit-risk:1"))
            assert version is not None
            assert view.find_model(model.uid) == model
            found = view.find_version(replace(version, name="Credit-Risk").uid)
            assert found == version
            for other in ("", "x", version.uid):
                assert view.find_model(other) is None
            for other in ("", "x", model.uid):
                assert view.find_version(other) is None
        store.change(lambda unit: unit.bury(model, 1, 5))
        with store.read() as view:
            found = view.find_version(version.uid)
            assert found is not None
            assert found.deleted == 5

    def test_counts_follow_every_way_a_version_changes_its_stage(self, store: Store) -> None:
        model = store.change(
            lambda unit: keep(
                unit, some_model(), *[some_version(some_model(), n) for n in range(1, 5)]
            )
        )
        self._counts(store, model, {"none": 4})
        store.change(lambda unit: unit.relabel(model, 1, "staging", 5))
        store.change(lambda unit: unit.relabel(model, 1, "staging", 6))
        self._counts(store, model, {"none": 3, "staging": 1})
        store.change(lambda unit: unit.relabel(model, 2, "staging", 7))
        store.change(lambda unit: unit.relabel(model, 1, "production", 8))
        self._counts(store, model, {"none": 2, "staging": 1, "production": 1})
        for _ in range(2):
            store.change(lambda unit: unit.bury(model, 2, 9))
            self._counts(store, model, {"none": 2, "production": 1})
        store.change(lambda unit: unit.relabel(model, 2, "production", 10))
        store.change(lambda unit: unit.purge(model, 2, 11))
        self._counts(store, model, {"none": 2, "production": 1})

    def _counts(self, store: Store, model: Model, wanted: Mapping[str, int]) -> None:
        with store.read() as view:
            assert dict(view.count_versions(None)) == wanted
            assert dict(view.count_versions({"default"}, model)) == wanted
            assert view.count_versions({"other"}, model) == {}
            assert view.summary(model).versions == sum(wanted.values())
            assert view.models(None, "", 9)[0].versions == sum(wanted.values())
            assert view.stages_in_use("default") == set(wanted)

    def test_a_list_of_versions_can_leave_some_out(self, store: Store) -> None:
        model = store.change(
            lambda unit: keep(
                unit, some_model(), *[some_version(some_model(), n) for n in range(1, 6)]
            )
        )
        with store.read() as view:
            assert [each.number for each in view.versions(model, None, None, 2, 1)] == [4, 3]
            assert [each.number for each in view.versions(model, None, 4, 9, 2)] == [1]
            assert not view.versions(model, None, None, 9, 5)

    def test_a_stamp_tells_the_last_change_and_who_moved_a_pointer_here(self, store: Store) -> None:
        def change(unit: Unit) -> Model:
            model = keep(unit, some_model(), *[some_version(some_model(), n) for n in (1, 2, 3)])
            for number, now in ((1, 10), (2, 20), (1, 30)):
                event = happen(unit, model, EventKind.PROMOTED, number, now)
                unit.add_move(
                    model,
                    Move("production", "stage", event.seq, number, event.seq, None, event.at),
                )
            happen(unit, model, EventKind.TAGGED, 2, 40)
            happen(unit, model, EventKind.DENIED, 2, 50)
            happen(unit, model, EventKind.REGISTERED, 3, 60)
            return model

        model = store.change(change)
        with store.read() as view:
            assert dict(view.stamps(model, [1, 2, 3, 9], "production")) == {
                1: Stamp(30, "ada", 30), 2: Stamp(40, "ada", 20), 3: Stamp(60),
            }  # fmt: skip
            assert dict(view.stamps(model, [1], None)) == {1: Stamp(30)}
            assert dict(view.stamps(model, [], "production")) == {}

    def test_blobs_of_a_project_are_those_of_its_living_versions(self, store: Store) -> None:
        first, second, other = (f"{n:064x}" for n in (1, 2, 3))

        def change(unit: Unit) -> Model:
            unit.set_lifecycle("team", DEFAULT_LIFECYCLE, 1)
            model = keep(unit, some_model(), *[some_version(some_model(), n) for n in (1, 2)])
            theirs = some_model("x", "team")
            keep(unit, theirs, some_version(theirs, 3))
            return model

        model = store.change(change)
        store.change(lambda unit: unit.bury(model, 2, 5))
        with store.read() as view:
            assert view.named([first, second, other]) == {first, second, other}
            assert view.named([first, second, other], {"default"}) == {first}
            assert view.named([first, other], {"team"}) == {other}
            assert view.named([first], set()) == set()

    def test_names_sort_by_their_characters_and_not_by_a_language(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            for each in ("a-b", "a.b", "a_b", "aB", "a0", "B", "z", "a-"):
                unit.add_model(some_model(each))
            for each in ("zeta", "alpha-b", "alpha_b", "alphab", "alpha.b"):
                unit.set_lifecycle(each, DEFAULT_LIFECYCLE, 1)

        store.change(change)
        with store.read() as view:
            names = [each.model.name.lower() for each in view.models(None, "", 99)]
            assert names == sorted(names)
            assert list(view.projects()) == sorted(view.projects())


def _named(unit: Unit) -> None:
    unit.set_lifecycle("team", DEFAULT_LIFECYCLE, 1)
    for project, names in NAMES.items():
        for name in names:
            model = some_model(name, project)
            kept = keep(unit, model, some_version(model, 1))
            unit.point(kept, Pointer("p", "alias", 1, 1, 1))
    gone = unit.add_model(some_model("credit-gone"))
    unit.update_model(replace(gone, deleted=5))
