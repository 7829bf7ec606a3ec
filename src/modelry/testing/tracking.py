"""The conformance suite of tracking, for stores that keep experiments and runs.

Beside `StoreConformance`: the same `store` fixture serves both.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from modelry.core.errors import Conflict
from modelry.core.ports import Store, Unit
from modelry.core.tracking.model import DatasetSummary, Link, UsedDataset
from modelry.core.tracking.search import Search
from modelry.testing.tracking_examples import (
    at,
    looked,
    run_id,
    some_experiment,
    some_file,
    some_logged_model,
    some_run,
    written,
)
from modelry.testing.tracking_searches import TrackingSearchConformance


class TrackingConformance(TrackingSearchConformance):
    """Each test is a promise of `modelry.core.ports.tracking`, in a sentence."""

    def test_an_experiment_comes_back_and_its_name_is_unique_in_its_project(
        self, store: Store
    ) -> None:
        kept = some_experiment("11", tags={"b": "2", "a": "ü"})
        store.change(lambda unit: written(unit).add_experiment(kept))
        with store.read() as view:
            assert looked(view).experiment("11") == kept
            assert looked(view).experiment_named("default", kept.name) == kept
            assert looked(view).experiment_named("lab", kept.name) is None
            assert looked(view).experiment("12") is None
        for taken in (some_experiment("12", name=kept.name), some_experiment("11", name="other")):
            with pytest.raises(Conflict):
                store.change(lambda unit, taken=taken: written(unit).add_experiment(taken))  # type: ignore[misc]  # bound now
        elsewhere = some_experiment("12", name=kept.name, project="lab")
        store.change(lambda unit: written(unit).add_experiment(elsewhere))

    def test_an_experiment_changes_its_name_but_to_none_that_is_taken(self, store: Store) -> None:
        store.change(lambda unit: written(unit).add_experiment(some_experiment("11")))
        store.change(lambda unit: written(unit).add_experiment(some_experiment("12")))
        changed = some_experiment("11", name="new", updated=9, deleted=8)
        store.change(lambda unit: written(unit).update_experiment(changed))
        store.change(lambda unit: written(unit).set_tags("11", {"a": "1", "b": "2"}))
        store.change(lambda unit: written(unit).set_tags("11", {"a": "3"}))
        store.change(lambda unit: written(unit).drop_tag("11", "b"))
        with store.read() as view:
            assert looked(view).experiment("11") == replace(changed, tags={"a": "3"})
        with pytest.raises(Conflict):
            store.change(
                lambda unit: written(unit).update_experiment(replace(changed, name="experiment 12"))
            )

    def test_a_run_comes_back_with_all_that_was_logged(self, store: Store) -> None:
        data = UsedDataset(name="d", digest="1", source="{}", schema="s", tags={"t": "v"})
        run = some_run(
            1, params={"a": "1", "b": "ü"}, tags={"k": ""}, datasets=(data,),
            links=(Link("input", "m-1"), Link("output", "m-2", 3)),
        )  # fmt: skip
        store.change(lambda unit: written(unit).add_run(run))
        with pytest.raises(Conflict):
            store.change(lambda unit: written(unit).add_run(some_run(1)))
        changed = replace(run, name="n", status="FINISHED", start=5, end=7, deleted=9)
        store.change(lambda unit: written(unit).update_run(changed))
        with store.read() as view:
            assert looked(view).run(run.id) == changed
            bare = replace(changed, params={}, tags={}, datasets=(), links=())
            assert looked(view).bare_run(run.id) == bare
            assert looked(view).bare_run(run_id(2)) is None
            assert looked(view).run(run_id(2)) is None

    def test_parameters_stay_and_tags_are_replaced(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            tracking = written(unit)
            tracking.add_run(some_run(1, params={"a": "1"}, tags={"x": "1"}))
            tracking.add_params(run_id(1), {"a": "2", "b": "3"})
            tracking.set_tags(run_id(1), {"x": "2", "y": "3"})
            tracking.drop_tag(run_id(1), "y")
            tracking.drop_tag(run_id(1), "absent")

        store.change(change)
        with store.read() as view:
            run = looked(view).run(run_id(1))
        assert run is not None
        assert (run.params, run.tags) == ({"a": "1", "b": "3"}, {"x": "2"})

    def test_every_measurement_is_kept_and_the_newest_is_where_a_metric_stands(
        self, store: Store
    ) -> None:
        store.change(lambda unit: written(unit).add_run(some_run(1)))
        first = [at("auc", 0.5, step=1), at("auc", 0.4, step=2), at("auc", 0.9, step=0),
                 at("loss", math.inf), at("z", 1.5, timestamp=2), at("z", 2.5, timestamp=2)]  # fmt: skip
        store.change(lambda unit: written(unit).add_points(run_id(1), first))
        later = [at("auc", 0.1, step=1), at("auc", 0.4, step=2), at("loss", -math.inf)]
        store.change(lambda unit: written(unit).add_points(run_id(1), later))
        store.change(lambda unit: written(unit).add_points(run_id(1), []))
        with store.read() as view:
            run = looked(view).run(run_id(1))
            history = looked(view).history(run_id(1), "auc", 10)
            rest = looked(view).history(run_id(1), "auc", 2, 3)
            every = looked(view).history(run_id(1), None, 100)
        assert run is not None
        assert run.metrics == (at("auc", 0.4, step=2), at("loss", math.inf),
                               at("z", 2.5, timestamp=2))  # fmt: skip
        assert [(each.step, each.value) for each in history] == [(0, 0.9), (1, 0.1), (1, 0.5), (2, 0.4)]  # fmt: skip
        assert [each.value for each in rest] == [0.4]
        assert len(every) == 8

    def test_a_measurement_that_is_no_number_is_one_of_its_own(self, store: Store) -> None:
        store.change(lambda unit: written(unit).add_run(some_run(1)))
        nan = at("a", math.nan, step=3)
        for _ in range(2):
            store.change(lambda unit: written(unit).add_points(run_id(1), [nan, at("a", 0.0)]))
        with store.read() as view:
            run, history = looked(view).run(run_id(1)), looked(view).history(run_id(1), "a", 10)
        assert run is not None
        assert [math.isnan(each.value) for each in run.metrics] == [True]
        assert [each.step for each in history] == [0, 3]

    def test_a_measurement_tells_which_model_on_which_data(self, store: Store) -> None:
        model = some_logged_model(1)
        other = some_logged_model(2)
        point = at("auc", 0.5, model=model.id, dataset="d", digest="1")
        same = replace(point, model=other.id, dataset=None, digest=None)

        def change(unit: Unit) -> None:
            written(unit).add_run(some_run(1))
            written(unit).add_logged_model(model)
            written(unit).add_logged_model(other)
            written(unit).add_points(run_id(1), [at("auc", 0.5), at("auc", 0.6, step=1)])
            written(unit).add_points(run_id(1), [point, same])
            written(unit).add_points(run_id(1), [point])

        store.change(change)
        with store.read() as view:
            history = looked(view).history(run_id(1), "auc", 9)
            found = looked(view).logged_model(model.id)
            beside = looked(view).logged_model(other.id)
        assert history == [at("auc", 0.5), at("auc", 0.6, step=1)]
        assert found == replace(model, metrics=((run_id(1), point),))
        assert beside == replace(other, metrics=((run_id(1), same),))

    def test_data_sets_and_links_are_kept_once_in_the_order_they_came(self, store: Store) -> None:
        def used(name: str, context: str) -> UsedDataset:
            return UsedDataset(name=name, digest="1", tags={"mlflow.data.context": context})

        def change(unit: Unit) -> None:
            written(unit).add_run(some_run(1))
            written(unit).add_run(some_run(2, experiment="12", datasets=(used("c", "x"),)))
            written(unit).add_datasets(run_id(1), [used("b", "training")])
            written(unit).add_datasets(run_id(1), [used("b", "other"), used("a", "eval")])
            written(unit).add_datasets(run_id(1), [])
            written(unit).add_links(run_id(1), [Link("output", "m-1"), Link("output", "m-1")])

        store.change(change)
        with store.read() as view:
            run = looked(view).run(run_id(1))
            summaries = looked(view).datasets(["11"], 10)
            both = looked(view).datasets(["11", "12"], 2)
        assert run is not None
        assert run.datasets == (used("b", "training"), used("a", "eval"))
        assert run.links == (Link("output", "m-1"),)
        assert summaries == [
            DatasetSummary("11", "a", "1", "eval"), DatasetSummary("11", "b", "1", "training"),
        ]  # fmt: skip
        assert len(both) == 2

    def test_a_logged_model_comes_back_and_changes(self, store: Store) -> None:
        model = some_logged_model(1, params={"a": "1"}, tags={"t": "v"})
        store.change(lambda unit: written(unit).add_logged_model(model))
        with pytest.raises(Conflict):
            store.change(lambda unit: written(unit).add_logged_model(some_logged_model(1)))
        changed = replace(model, status="READY", updated=5, deleted=6)
        store.change(lambda unit: written(unit).update_logged_model(changed))
        store.change(lambda unit: written(unit).add_params(model.id, {"b": "2"}))
        store.change(lambda unit: written(unit).set_tags(model.id, {"u": "w"}))
        with store.read() as view:
            assert looked(view).logged_model(model.id) == replace(
                changed, params={"a": "1", "b": "2"}, tags={"t": "v", "u": "w"}
            )
            assert looked(view).logged_model("m-absent") is None

    def test_artefacts_are_found_by_path_and_by_folder_and_replaced(self, store: Store) -> None:
        run = some_run(1)

        def change(unit: Unit) -> None:
            tracking = written(unit)
            tracking.add_run(run)
            for path, number in (("a/x", 1), ("a/b/y", 2), ("a-b", 3), ("a.b", 4), ("a/x", 5)):
                tracking.put_file(run, some_file(path, number))
            tracking.put_file(some_logged_model(1), some_file("a/x", 9))

        store.change(change)
        with store.read() as view:
            tracking = looked(view)
            assert [each.path for each in tracking.files(run.id)] == ["a-b", "a.b", "a/b/y", "a/x"]
            assert tracking.files(run.id, "a") == [some_file("a/b/y", 2), some_file("a/x", 5)]
            assert tracking.files(run.id, "absent") == []
            assert tracking.file(run.id, "a/x") == some_file("a/x", 5)
            assert tracking.file(run.id, "a") is None
        assert store.change(lambda unit: written(unit).drop_files(run.id, "a")) == 2
        assert store.change(lambda unit: written(unit).drop_files(run.id, "a.b")) == 1
        assert store.change(lambda unit: written(unit).drop_files(run.id, "")) == 1
        with store.read() as view:
            assert looked(view).files(some_logged_model(1).id) == [some_file("a/x", 9)]

    def test_blobs_of_artefacts_are_named_in_the_project_of_their_run(self, store: Store) -> None:
        run = some_run(1, project="lab")
        mine, other = some_file("x", 1), some_file("x", 2)
        store.change(lambda unit: written(unit).put_file(run, mine))
        asked = [mine.sha256, other.sha256]
        with store.read() as view:
            assert view.named(asked) == {mine.sha256}
            assert view.named(asked, {"lab"}) == {mine.sha256}
            assert view.named(asked, {"default"}) == frozenset()
        store.change(lambda unit: written(unit).put_file(run, other))
        with store.read() as view:
            assert view.named(asked) == {other.sha256}

    def test_everything_can_be_gone_through_in_order(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            for number in (3, 1, 2):
                written(unit).add_experiment(some_experiment(str(number), deleted=number))
                written(unit).add_run(some_run(number, experiment=str(number)))
                written(unit).add_logged_model(some_logged_model(number))

        store.change(change)
        with store.read() as view:
            tracking = looked(view)
            assert [each.key for each in tracking.every_experiment()] == ["1", "2", "3"]
            assert [each.id for each in tracking.every_run()] == [run_id(n) for n in (1, 2, 3)]
            ids = [each.id for each in tracking.every_logged_model()]
            assert ids == [some_logged_model(number).id for number in (1, 2, 3)]

    def test_a_change_that_fails_leaves_no_run(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            written(unit).add_experiment(some_experiment())
            written(unit).add_run(some_run(1, params={"a": "1"}))
            written(unit).add_points(run_id(1), [at("a", 1.0)])
            written(unit).put_file(some_run(1), some_file("x"))
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.change(change)
        with store.read() as view:
            tracking = looked(view)
            assert tracking.run(run_id(1)) is None
            assert tracking.files(run_id(1)) == []
            assert tracking.history(run_id(1), None, 9) == []
            assert tracking.find_experiments(Search(within=("default",))) == []
