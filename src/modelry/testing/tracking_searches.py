"""What searches over experiments, runs and logged models mean, for every store alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from modelry.core.ports import Store, Unit
from modelry.core.tracking.model import UsedDataset
from modelry.core.tracking.search import Clause, Order, Search
from modelry.testing.tracking_examples import (
    at,
    looked,
    run_id,
    some_experiment,
    some_logged_model,
    some_run,
    written,
)

_RUN_CLAUSES: Sequence[tuple[Clause, set[int]]] = (
    (Clause("metric", "auc", ">", 0.5), {2, 3}),
    (Clause("metric", "auc", "<=", 0.5), {1}),
    (Clause("metric", "auc", "=", math.inf), {3}),
    (Clause("metric", "auc", "!=", 0.5), {2, 3}),
    (Clause("metric", "auc", "IS NULL"), {5}),
    (Clause("metric", "auc", "IS NOT NULL"), {1, 2, 3, 4}),
    (Clause("param", "c", "=", "One"), {1}),
    (Clause("param", "c", "!=", "One"), {2, 3}),
    (Clause("param", "c", "LIKE", "%n%"), {1, 2}),
    (Clause("param", "c", "LIKE", "o%"), {2}),
    (Clause("param", "c", "ILIKE", "o_E"), {1, 2}),
    (Clause("param", "c", "LIKE", "[*]?\\"), {3}),
    (Clause("param", "c", "LIKE", "[%\\"), {3}),
    (Clause("param", "c", "IN", ("One", "x")), {1}),
    (Clause("param", "c", "NOT IN", ("One", "x")), {2, 3}),
    (Clause("tag", "t", "IS NULL"), {2, 3, 4, 5}),
    (Clause("tag", "t", "=", ""), {1}),
    (Clause("attribute", "status", "=", "FINISHED"), {2}),
    (Clause("attribute", "start_time", ">=", 1003), {3, 4}),
    (Clause("attribute", "start_time", "!=", 1003), {1, 2, 4}),
    (Clause("attribute", "end_time", "<", 50), {2}),
    (Clause("attribute", "run_id", "IN", (run_id(1), run_id(4))), {1, 4}),
    (Clause("attribute", "run_name", "LIKE", "run-_"), {1, 2, 3, 4, 5}),
    (Clause("attribute", "user_id", "ILIKE", "ADA"), {1, 2, 3, 4, 5}),
    (Clause("attribute", "artifact_uri", "LIKE", "mlflow-artifacts:/11/%1/artifacts"), {1}),
    (Clause("dataset", "name", "=", "train"), {1, 2}),
    (Clause("dataset", "digest", "!=", "1"), {2}),
    (Clause("dataset", "context", "LIKE", "%ing"), {1}),
)
_RUN_ORDERS: Sequence[tuple[Sequence[Order], list[int]]] = (
    ((), [4, 3, 2, 1, 5]),
    ((Order("metric", "auc"),), [1, 2, 3, 4, 5]),
    ((Order("metric", "auc", descending=True),), [3, 2, 1, 4, 5]),
    ((Order("param", "c"),), [1, 3, 2, 4, 5]),
    ((Order("param", "c", descending=True),), [2, 3, 1, 4, 5]),
    ((Order("tag", "t"),), [1, 4, 3, 2, 5]),
    ((Order("attribute", "start_time"),), [1, 2, 3, 4, 5]),
    ((Order("attribute", "end_time", descending=True),), [2, 4, 3, 1, 5]),
    ((Order("attribute", "status"), Order("metric", "auc")), [2, 1, 3, 4, 5]),
)


def _five_runs(unit: Unit) -> None:
    train = UsedDataset(name="train", digest="1", tags={"mlflow.data.context": "training"})
    other = UsedDataset(name="train", digest="2")
    tracking = written(unit)
    tracking.add_run(some_run(1, params={"c": "One"}, tags={"t": ""}, datasets=(train,)))
    tracking.add_run(
        some_run(2, params={"c": "one"}, status="FINISHED", end=20, datasets=(other,)))  # fmt: skip
    tracking.add_run(some_run(3, params={"c": "[*]?\\"}))
    tracking.add_run(some_run(4))
    tracking.add_run(some_run(5, start=None))
    tracking.add_run(some_run(6, deleted=9))
    tracking.add_run(some_run(7, experiment="12"))
    for number, value in ((1, 0.5), (2, 0.75), (3, math.inf), (4, math.nan), (6, 0.9), (7, 0.9)):
        tracking.add_points(run_id(number), [at("auc", 0.1), at("auc", value, step=1)])


class TrackingSearchConformance:
    """Each test is a promise of the searches in `TrackingView`."""

    def test_a_search_for_runs_finds_those_for_which_each_clause_holds(self, store: Store) -> None:
        store.change(_five_runs)
        with store.read() as view:
            for clause, wanted in _RUN_CLAUSES:
                found = looked(view).find_runs(Search(within=("11",), clauses=(clause,)))
                assert {int(each.id, 16) for each in found} == wanted, clause
            both = (Clause("metric", "auc", ">", 0.5), Clause("param", "c", "=", "one"))
            found = looked(view).find_runs(Search(within=("11", "12"), clauses=both))
        assert [each.id for each in found] == [run_id(2)]

    def test_a_search_for_runs_is_sorted_and_what_lacks_the_value_comes_last(
        self, store: Store
    ) -> None:
        store.change(_five_runs)
        with store.read() as view:
            for order, wanted in _RUN_ORDERS:
                found = looked(view).find_runs(Search(within=("11",), order=tuple(order)))
                assert [int(each.id, 16) for each in found] == wanted, order

    def test_a_search_answers_a_part_and_the_deleted_where_they_are_wanted(
        self, store: Store
    ) -> None:
        store.change(_five_runs)
        with store.read() as view:
            part = looked(view).find_runs(Search(within=("11",), skip=1, limit=2))
            deleted = looked(view).find_runs(Search(within=("11",), standing="deleted"))
            every = looked(view).find_runs(Search(within=("11", "12", "13"), standing="all"))
            none = looked(view).find_runs(Search(within=()))
        assert [int(each.id, 16) for each in part] == [3, 2]
        assert [int(each.id, 16) for each in deleted] == [6]
        assert len(every) == 7
        assert len(none) == 0

    def test_a_search_for_experiments_looks_in_projects(self, store: Store) -> None:
        def change(unit: Unit) -> None:
            written(unit).add_experiment(
                some_experiment("0/default", name="Default", tags={"t": "x"}))  # fmt: skip
            written(unit).add_experiment(some_experiment("11", name="b", created=7000))
            written(unit).add_experiment(some_experiment("12", name="c", project="lab"))
            written(unit).add_experiment(some_experiment("13", name="d", deleted=1))

        store.change(change)
        wanted: Sequence[tuple[Search, list[str]]] = (
            (Search(within=("default",)), ["11", "0/default"]),
            (Search(within=("default",), standing="deleted"), ["13"]),
            (Search(within=("default", "lab"), clauses=(Clause("attribute", "name", "ILIKE", "D%"),)),
             ["0/default"]),
            (Search(within=("default",), clauses=(Clause("tag", "t", "=", "x"),)), ["0/default"]),
            (Search(within=("default",), clauses=(Clause("attribute", "creation_time", ">", 5),)),
             ["11"]),
            (Search(within=("default",), clauses=(Clause("attribute", "experiment_id", "=", "0"),)),
             ["0/default"]),
            (Search(within=("default",), order=(Order("attribute", "name"),)), ["0/default", "11"]),
        )  # fmt: skip
        with store.read() as view:
            for search, keys in wanted:
                found = looked(view).find_experiments(search)
                assert [each.key for each in found] == keys, search

    @pytest.mark.parametrize(
        ("clauses", "order", "wanted"),
        [
            ((), (), [3, 2, 1]),
            ((Clause("metric", "auc", ">", 0.5),), (), [2, 1]),
            ((Clause("metric", "auc", "<", 0.5, (("d", None),)),), (), [1]),
            ((Clause("metric", "auc", "<", 0.5, (("d", "2"), ("e", None))),), (), []),
            ((Clause("metric", "", "IS NOT NULL", None, (("d", "1"),)),), (), [1]),
            ((Clause("param", "p", "=", "1"),), (), [2]),
            ((Clause("tag", "t", "LIKE", "a%"),), (), [1]),
            ((Clause("attribute", "status", "=", "READY"),), (), [3]),
            ((Clause("attribute", "last_updated_timestamp", "=", 2),), (), [2]),
            ((), (Order("metric", "auc", descending=True),), [2, 1, 3]),
            ((), (Order("metric", "auc", dataset=("d", "1")),), [1, 3, 2]),
            ((), (Order("attribute", "creation_timestamp"),), [1, 2, 3]),
        ],
    )
    def test_a_search_for_logged_models_looks_at_all_that_was_measured(
        self, store: Store, clauses: tuple[Clause, ...], order: tuple[Order, ...], wanted: list[int]
    ) -> None:
        one, two = some_logged_model(1, tags={"t": "ab"}), some_logged_model(2, params={"p": "1"})

        def change(unit: Unit) -> None:
            tracking = written(unit)
            tracking.add_run(some_run(1))
            for model in (one, two, some_logged_model(3, status="READY")):
                tracking.add_logged_model(model)
            tracking.add_points(run_id(1), [
                at("auc", 0.4, model=one.id, dataset="d", digest="1"),
                at("auc", 0.6, timestamp=2, model=one.id, dataset="e", digest="1"),
                at("auc", 0.9, timestamp=3, model=two.id),
            ])  # fmt: skip

        store.change(change)
        with store.read() as view:
            search = Search(within=("11",), clauses=clauses, order=order)
            found = looked(view).find_logged_models(search)
        assert [each.created // 1000 for each in found] == wanted
