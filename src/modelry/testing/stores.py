"""The conformance suite of the `Store` port: what every adapter for metadata promises.

An adapter's own test is a subclass with a `store` fixture:

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from modelry.core.errors import Conflict
from modelry.core.events import EventKind, model_chain, verify_chain
from modelry.core.lifecycle import DEFAULT_LIFECYCLE, Lifecycle, Stage
from modelry.core.model import Dataset, Findings, Model, Move, Pointer, Version
from modelry.core.names import parse_ref
from modelry.core.ports import Store, Unit
from modelry.core.query import parse
from modelry.core.sealing import document
from modelry.testing.examples import happen, keep, some_model, some_version
from modelry.testing.searches import SearchConformance
from modelry.testing.selections import SelectionConformance
from modelry.testing.stores_lists import ListConformance
from modelry.testing.stores_log import LogConformance


class StoreConformance(SearchConformance, ListConformance, LogConformance, SelectionConformance):
    """Each test is a promise of `modelry.core.ports`, in a sentence."""

    @pytest.fixture
    def store(self) -> Store:
        """Give the store under test, empty."""
        raise NotImplementedError  # a subclass says which store

    def test_a_new_store_has_the_default_project_and_nothing_else(self, store: Store) -> None:
        with store.read() as view:
            assert list(view.projects()) == ["default"]
            assert view.lifecycle("default") == DEFAULT_LIFECYCLE
            assert view.lifecycle("other") is None
            assert not view.models(None, "", 10)
            assert not view.heads()
            assert view.head("default/credit-risk") is None

    def test_a_change_that_fails_leaves_nothing(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            model = keep(unit, some_model(), some_version(some_model(), 1))
            happen(unit, model, EventKind.REGISTERED, 1, 5)
            unit.point(model, Pointer("champion", "alias", 1, 1, 1))
            unit.set_lifecycle("other", DEFAULT_LIFECYCLE, 1)
            unit.add_environment("e" * 64, "{}")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.change(change)
        self.test_a_new_store_has_the_default_project_and_nothing_else(store)
        with store.read() as view:
            assert view.environment("e" * 64) is None

    def test_a_change_sees_its_own_writes_and_answers_what_its_work_answers(
        self, store: Store
    ) -> None:
        def change(unit: Unit) -> tuple[Model | None, Version | None]:
            keep(unit, some_model(), some_version(some_model(), 1))
            return unit.model("default", "credit-risk"), unit.version(parse_ref("credit-risk:1"))

        model, version = store.change(change)
        assert model is not None
        assert version is not None
        assert version.number == 1

    def test_a_model_is_found_in_any_letter_case_and_its_name_is_unique(self, store: Store) -> None:
        store.change(lambda unit: unit.add_model(some_model("Credit-Risk")))
        with store.read() as view:
            found = view.model("default", "CREDIT-risk")
        assert found is not None
        assert found.name == "Credit-Risk"
        with pytest.raises(Conflict):
            store.change(lambda unit: unit.add_model(some_model("credit-RISK")))

    def test_a_changed_model_is_kept_with_its_id(self, store: Store) -> None:
        model = store.change(lambda unit: unit.add_model(some_model()))
        changed = replace(
            model, description="x", tags={"a": "b"}, last_number=7, updated=9, deleted=9
        )
        store.change(lambda unit: unit.update_model(changed))
        with store.read() as view:
            assert view.model("default", "credit-risk") == changed

    def test_a_version_comes_back_as_it_was_sealed(self, store: Store) -> None:
        given = some_version(
            some_model(),
            1,
            version="1.0.0-rc1",
            metrics={"auc": 0.1 + 0.2, "steps": 12},
            params={"layers": [64, 32], "flag": True, "nothing": None},
            tags={"team": "risk", "empty": ""},
            datasets=(Dataset("train", "sha256:1", "s3://x"), Dataset("test")),
            description="ünïcode \n text",
            findings=Findings(format="onnx", framework="onnx", parameters=3),
        )
        kept = store.change(lambda unit: _kept(unit, given))
        with store.read() as view:
            found = view.version(parse_ref("credit-risk:1"))
        assert found is not None
        assert replace(found, id=0) == given
        assert document(found) == document(given)
        assert found == store.resolve(parse_ref("credit-risk:v1.0.0-RC1"))
        assert kept.id == found.id

    @pytest.mark.parametrize("facts", [{"number": 1, "version": "x"}, {"version": "V1.0"}])
    def test_a_number_and_a_label_are_given_out_once(
        self, store: Store, facts: dict[str, object]
    ) -> None:
        first = some_version(some_model(), 1, version="1.0")
        model = store.change(lambda unit: keep(unit, some_model(), first))
        store.change(lambda unit: unit.bury(model, 1, 5))
        with pytest.raises(Conflict):
            store.change(
                lambda unit: unit.add_version(
                    model,
                    replace(some_version(some_model(), 2), **facts),  # type: ignore[arg-type]  # fields by name
                )
            )

    def test_every_kind_of_ref_selects_its_version(self, store: Store) -> None:
        versions = [some_version(some_model(), n, version=f"1.{n}.0") for n in (1, 2, 3)]

        def change(unit: Unit) -> Model:
            model = keep(unit, some_model(), *versions)
            unit.point(model, Pointer("champion", "alias", 2, 1, 1))
            unit.point(model, Pointer("production", "stage", 1, 1, 1))
            return model

        model = store.change(change)
        digest = versions[1].digest
        wanted = {
            "credit-risk:3": 3,
            "CREDIT-RISK:v2": 2,
            "credit-risk:v1.2.0": 2,
            "credit-risk@champion": 2,
            "credit-risk@production": 1,
            f"credit-risk@{digest}": 2,
            "credit-risk": 3,
            "credit-risk@latest": 3,
            "credit-risk:9": None,
            "credit-risk:9.9": None,
            "credit-risk@nobody": None,
            f"credit-risk@sha256:{0:064x}": None,
            "nothing:1": None,
            "nothing": None,
        }
        self._selects(store, wanted)
        store.change(lambda unit: unit.bury(model, 3, 7))
        self._selects(store, {"credit-risk": 2, "credit-risk@latest": 2, "credit-risk:3": 3})
        resolved = store.resolve(parse_ref("credit-risk:3"))
        assert resolved is not None
        assert resolved.deleted == 7

    def _selects(self, store: Store, wanted: dict[str, int | None]) -> None:
        for text, number in wanted.items():
            ref = parse_ref(text)
            with store.read() as view:
                found = view.version(ref)
            assert (found.number if found else None) == number, text
            assert store.resolve(ref) == found, text

    def test_aliases_stand_on_the_version_they_point_at(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            model = keep(unit, some_model(), *[some_version(some_model(), n) for n in (1, 2)])
            for name, number in (("b", 1), ("a", 1), ("c", 2)):
                unit.point(model, Pointer(name, "alias", number, 1, 1))
            unit.point(model, Pointer("production", "stage", 1, 1, 1))

        store.change(change)
        first = store.resolve(parse_ref("credit-risk:1"))
        assert first is not None
        assert first.aliases == ("a", "b")

    def test_a_pointer_has_one_target_and_can_be_taken_away(self, store: Store) -> None:
        model = store.change(
            lambda unit: keep(unit, some_model(), *[some_version(some_model(), n) for n in (1, 2)])
        )
        for number in (1, 2):
            store.change(lambda unit, n=number: unit.point(model, Pointer("p", "stage", n, n, n)))  # type: ignore[misc]  # one argument
        with store.read() as view:
            assert list(view.pointers(model)) == [Pointer("p", "stage", 2, 2, 2)]
        store.change(lambda unit: unit.unpoint(model, "p"))
        store.change(lambda unit: unit.unpoint(model, "p"))
        with store.read() as view:
            assert not view.pointers(model)

    def test_moves_are_found_by_sequence_last_and_before_another(self, store: Store) -> None:
        moves = [
            Move("production", "stage", 1, 1, 1, None, 10),
            Move("production", "stage", 3, 2, 3, 1, 30),
            Move("staging", "stage", 2, 1, 2, None, 20),
            Move("staging", "stage", 4, None, 4, 2, 40),
        ]

        def change(unit: Unit) -> Model:
            model = keep(unit, some_model(), some_version(some_model(), 1))
            for move in moves:
                unit.add_move(model, move)
            return model

        model = store.change(change)
        with store.read() as view:
            assert view.move(model, "production", None) == moves[1]
            assert view.move(model, "production", 1) == moves[0]
            assert view.move(model, "production", 2) is None
            assert view.move(model, "other", None) is None
            assert list(view.moves_before(model, 1)) == []
            assert list(view.moves_before(model, 3)) == [moves[0], moves[2]]
            assert list(view.moves_before(model, 99)) == [moves[1], moves[3]]

    def test_versions_are_listed_newest_first_without_tombstones(self, store: Store) -> None:
        def change(unit: Unit) -> Model:
            numbers = range(1, 8)
            model = keep(unit, some_model(), *[some_version(some_model(), n) for n in numbers])
            for number, seq in ((2, 11), (5, 12), (3, 13)):
                unit.relabel(model, number, "staging", seq)
            unit.bury(model, 7, 5)
            return model

        model = store.change(change)
        with store.read() as view:
            numbers = [each.number for each in view.versions(model, None, None, 3)]
            assert numbers == [6, 5, 4]
            assert [each.number for each in view.versions(model, None, 4, 9)] == [3, 2, 1]
            assert [each.number for each in view.versions(model, "staging", None, 9)] == [5, 3, 2]
            assert list(view.members(model, "staging")) == [3, 5, 2]
            assert view.stages_in_use("default") == {"none", "staging"}
            assert [each.number for each in view.every_version(model)] == [1, 2, 3, 4, 5, 6, 7]
            assert view.summary(model).versions == 6

    def test_models_are_listed_by_project_and_name_with_their_pointers(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            unit.set_lifecycle("alpha", DEFAULT_LIFECYCLE, 1)
            for name, project in (("b", "default"), ("A", "default"), ("z", "alpha")):
                model = keep(unit, some_model(name, project))
                unit.add_version(model, some_version(model, 1))
                unit.point(model, Pointer("p", "alias", 1, 1, 1))
            gone = unit.add_model(some_model("gone"))
            unit.update_model(replace(gone, deleted=5))

        store.change(change)
        with store.read() as view:
            everything = view.models(None, "", 10)
            assert [each.model.full_name for each in everything] == ["alpha/z", "A", "b"]
            assert [(each.versions, each.pointers[0].name) for each in everything] == [(1, "p")] * 3
            assert [each.model.name for each in view.models({"default"}, "default/a", 9)] == ["b"]
            assert [each.model.name for each in view.models(None, "alpha/z", 1)] == ["A"]

    def test_tags_and_descriptions_change_and_are_found(self, store: Store) -> None:
        model = store.change(
            lambda unit: keep(unit, some_model(), some_version(some_model(), 1, tags={"old": "x"}))
        )
        store.change(lambda unit: unit.describe(model, 1, {"new": "y"}, "fresh words"))
        found = store.resolve(parse_ref("credit-risk:1"))
        assert found is not None
        assert (found.tags, found.description) == ({"new": "y"}, "fresh words")
        for text, number in {"fresh": 1, "tag.new = y": 1, "tag.old": 0, "ada": 1}.items():
            with store.read() as view:
                assert len(view.search(parse(text), None, None, 9)[0]) == number, text

    def test_events_are_answered_newest_first_and_by_version(self, store: Store) -> None:
        def change(unit: Unit) -> Model:
            model = keep(unit, some_model(), some_version(some_model(), 1))
            for number in (1, 2, 1, None):
                happen(unit, model, EventKind.TAGGED, number, 100)
            return model

        model = store.change(change)
        chain = model_chain(model.project, model.name)
        with store.read() as view:
            assert [each.seq for each in view.events(chain, None, None, 9)] == [4, 3, 2, 1]
            assert [each.seq for each in view.events(chain, None, 4, 2)] == [3, 2]
            assert [each.seq for each in view.events(chain, 1, None, 9)] == [3, 1]
            assert [each.seq for each in view.every_event(chain)] == [1, 2, 3, 4]
            assert [view.last_at(chain, at) for at in (99, 100, 200)] == [0, 4, 4]
            head = view.head(chain)
            assert head is not None
            assert [each.chain for each in view.heads()] == [chain]
            assert not list(verify_chain(view.every_event(chain), head))

    def test_a_record_of_a_chain_is_written_once(self, store: Store) -> None:
        model = store.change(lambda unit: keep(unit, some_model()))
        event = store.change(lambda unit: happen(unit, model, EventKind.TAGGED, None, 1))
        with pytest.raises(Conflict):
            store.change(lambda unit: unit.append(event))

    def test_stages_of_a_project_are_kept_as_given(self, store: Store) -> None:
        stages = Lifecycle((Stage("new", pointed=False), Stage("live", exclusive=True)))
        store.change(lambda unit: unit.set_lifecycle("team", stages, 1))
        with store.read() as view:
            assert view.lifecycle("team") == stages
            assert list(view.projects()) == ["default", "team"]

    def test_a_purged_version_names_no_blobs(self, store: Store) -> None:
        first, second = f"{1:064x}", f"{2:064x}"
        model = store.change(
            lambda unit: keep(unit, some_model(), *[some_version(some_model(), n) for n in (1, 2)])
        )
        with store.read() as view:
            assert view.named([first, second, "f" * 64]) == {first, second}
            assert view.known_size(11)
            assert not view.known_size(10)
        store.change(lambda unit: unit.purge(model, 1, 5))
        with store.read() as view:
            assert view.named([first, second]) == {second}
            assert not view.has_content(some_version(model, 1).digest)
            assert view.has_content(some_version(model, 2).digest)
            assert not view.known_size(11)
            assert next(iter(view.every_version(model))).purged == 5

    def test_an_environment_is_kept_once(self, store: Store) -> None:
        for text in ("first", "second"):
            store.change(lambda unit, text=text: unit.add_environment("d" * 64, text))  # type: ignore[misc]  # one argument
        with store.read() as view:
            assert view.environment("d" * 64) == "first"

    def test_a_look_is_of_one_moment(self, store: Store) -> None:
        store.change(lambda unit: keep(unit, some_model(), some_version(some_model(), 1)))
        with store.snapshot() as view:
            before = view.version(parse_ref("credit-risk"))
            store.change(lambda unit: _another(unit, 2))
            assert view.version(parse_ref("credit-risk")) == before
        latest = store.resolve(parse_ref("credit-risk"))
        assert latest is not None
        assert latest.number == 2

    def test_changes_of_many_threads_happen_one_after_another(self, store: Store) -> None:
        store.change(lambda unit: keep(unit, some_model()))

        def work() -> None:
            for _ in range(10):
                store.change(_count)

        _in_threads(work, 8)
        with store.read() as view:
            model = view.model("default", "credit-risk")
        assert model is not None
        assert model.last_number == 80

    def test_a_closed_store_opens_again(self, store: Store) -> None:
        store.change(lambda unit: keep(unit, some_model(), some_version(some_model(), 1)))
        assert store.resolve(parse_ref("credit-risk:1"))
        store.close()
        assert store.resolve(parse_ref("credit-risk:1"))


def _kept(unit: Unit, version: Version) -> Version:
    return unit.add_version(unit.add_model(some_model()), version)


def _another(unit: Unit, number: int) -> None:
    model = unit.model("default", "credit-risk")
    assert model is not None
    unit.add_version(model, some_version(model, number))


def _count(unit: Unit) -> None:
    model = unit.model("default", "credit-risk")
    assert model is not None
    unit.update_model(replace(model, last_number=model.last_number + 1))


def _in_threads(work: Callable[[], None], count: int) -> None:
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
