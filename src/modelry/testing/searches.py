"""What searches answer, in every store: each query with the versions it means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelry.core.errors import Invalid
from modelry.core.lifecycle import DEFAULT_LIFECYCLE
from modelry.core.model import Dataset, Findings, Pointer
from modelry.core.ports import Store, Unit
from modelry.core.query import parse
from modelry.testing.examples import keep, some_model, some_version


class SearchConformance:
    """Each test is a promise of `View.search`, in a sentence."""

    def test_a_search_answers_what_its_words_and_conditions_mean(self, store: Store) -> None:
        store.change(_searchable)
        for text, wanted in SEARCHES.items():
            with store.read() as view:
                found, following = view.search(parse(text), None, None, 50)
            assert [f"{each.name}:{each.number}" for each in found] == wanted.split(), text
            assert following is None

    @pytest.mark.parametrize(
        "text", ["", "metrics.auc > 0 order by metrics.auc desc", "order by name", "risk"]
    )
    def test_pages_of_a_search_continue_where_the_last_ended(self, store: Store, text: str) -> None:
        store.change(_searchable)
        query = parse(text)
        with store.read() as view:
            whole = [each.id for each in view.search(query, None, None, 50)[0]]
            pages: list[int] = []
            found, cursor = view.search(query, None, None, 2)
            pages += [each.id for each in found]
            while cursor:
                found, cursor = view.search(query, None, cursor, 2)
                pages += [each.id for each in found]
        assert pages == whole
        assert len(whole) > 2

    @pytest.mark.parametrize(
        "cursor", ["x", "", "W10=", "eyJhIjoxfQ==", "WyJ4IiwgeyJhIjogMX0sIFtdXQ=="]
    )
    def test_a_cursor_of_something_else_is_refused(self, store: Store, cursor: str) -> None:
        with store.read() as view, pytest.raises(Invalid):
            view.search(parse("x"), None, cursor, 2)

    def test_a_search_keeps_to_its_project(self, store: Store) -> None:
        store.change(_searchable)
        with store.read() as view:
            found, _ = view.search(parse("order by name asc"), {"team"}, None, 9)
        assert [each.name for each in found] == ["other"]


def _searchable(unit: Unit) -> None:
    """Keep three models in two projects with everything that a search can ask for."""
    risk = replace(some_model("credit-risk"), description="Scoring of loans", tags={"owner": "bo"})
    long = "x" * 200
    model = keep(
        unit,
        risk,
        some_version(risk, 1, version="1.0.0", metrics={"auc": 0.8}, params={"C": 1.0, "s": "a"},
                     tags={"team": "risk"}, run_id="run-1", author="ada"),
        some_version(risk, 2, version="1.1.0", metrics={"auc": 0.9, "loss": 2}, params={"C": 10},
                     tags={"team": "Risk", "gpu": ""}, description="50% better_now",
                     findings=Findings(format="onnx", framework="scikit-learn"), author="bob"),
        some_version(risk, 3, metrics={"auc": 0.9}, params={"C": "1.0", "long": long + "a"},
                     datasets=(Dataset("loans.csv"),), base="credit-risk:1"),
        some_version(risk, 4, metrics={"auc": 0.99}),
    )  # fmt: skip
    unit.relabel(model, 2, "production", 9)
    unit.point(model, Pointer("champion", "alias", 3, 1, 1))
    unit.bury(model, 4, 5)
    fraud = some_model("Fraud")
    keep(unit, fraud, some_version(fraud, 1, created=5000, metrics={"auc": 0.7}))
    unit.set_lifecycle("team", DEFAULT_LIFECYCLE, 1)
    other = some_model("other", "team")
    keep(unit, other, some_version(other, 1, created=6000, tags={"x": "credit"}))


SEARCHES = {
    "": "other:1 Fraud:1 credit-risk:3 credit-risk:2 credit-risk:1",
    "order by created asc": "credit-risk:1 credit-risk:2 credit-risk:3 Fraud:1 other:1",
    "order by name": "credit-risk:1 credit-risk:2 credit-risk:3 Fraud:1 other:1",
    "credit": "other:1 credit-risk:3 credit-risk:2 credit-risk:1",
    "CREDIT-RISK": "credit-risk:3 credit-risk:2 credit-risk:1",
    "loan": "credit-risk:3 credit-risk:2 credit-risk:1",
    '"scoring loans"': "credit-risk:3 credit-risk:2 credit-risk:1",
    "nothing": "",
    "metrics.auc >= 0.9": "credit-risk:3 credit-risk:2",
    "metrics.auc > 0.9": "",
    "metrics.auc < 0.9 order by metrics.auc desc": "credit-risk:1 Fraud:1",
    "metrics.auc = 0.7 or metrics.loss <= 2": "Fraud:1 credit-risk:2",
    "metrics.auc != 0.9": "Fraud:1 credit-risk:1",
    "metrics.auc in (0.7, 0.8)": "Fraud:1 credit-risk:1",
    "metrics.loss": "credit-risk:2",
    "not metrics.auc": "other:1",
    "not metrics.auc >= 0.9": "other:1 Fraud:1 credit-risk:1",
    "order by metrics.auc": "Fraud:1 credit-risk:1 credit-risk:2 credit-risk:3",
    "stage = Production": "credit-risk:2",
    "stage != production and name = credit-risk": "credit-risk:3 credit-risk:1",
    "stage in (production, staging)": "credit-risk:2",
    "tag.team = risk": "credit-risk:1",
    "tag.team ~ risk": "credit-risk:2 credit-risk:1",
    "tag.team != risk": "credit-risk:2",
    "tag.gpu": "credit-risk:2",
    "tag.gpu = ''": "credit-risk:2",
    "params.C = 1": "credit-risk:1",
    "params.C = 1.0": "credit-risk:3 credit-risk:1",
    "params.C > 1": "credit-risk:2",
    "params.C != 10": "credit-risk:3 credit-risk:1",
    "params.s = a": "credit-risk:1",
    "params.s in (a, b)": "credit-risk:1",
    f"params.long = {'x' * 200}": "",
    f"params.long = {'x' * 200}a": "credit-risk:3",
    "alias = Champion": "credit-risk:3",
    "alias ~ champ": "credit-risk:3",
    "name ~ \N{KELVIN SIGN}": "",
    "description ~ '50% BETTER_'": "credit-risk:2",
    "author = bob or format = onnx or run_id = run-1": "credit-risk:2 credit-risk:1",
    "author = bob or author = nobody or dataset = loans.csv": "credit-risk:3 credit-risk:2",
    "author = bob or not metrics.auc": "other:1 credit-risk:2",
    "(name = fraud or stage = production) and (size > 5 or nothing)": "Fraud:1 credit-risk:2",
    "size > 11.5": "credit-risk:3 credit-risk:2",
    "size >= 12.0 and number != 3": "credit-risk:2",
    "size in (11, 12.5, 13)": "other:1 Fraud:1 credit-risk:3 credit-risk:1",
    "size < 1e300 and number > -1e999 and name = fraud": "Fraud:1",
    "number = 1.5": "",
    "number != 1.5 and name = fraud": "Fraud:1",
    "project = team or name = fraud": "other:1 Fraud:1",
    "name ~ RISK": "credit-risk:3 credit-risk:2 credit-risk:1",
    "name = fraud": "Fraud:1",
    "project = team": "other:1",
    "version = v1.1.0": "credit-risk:2",
    "version in (1.0.0, 3)": "credit-risk:3 credit-risk:1",
    "version ~ .0": "credit-risk:2 credit-risk:1",
    "number >= 2": "credit-risk:3 credit-risk:2",
    "size = 12": "credit-risk:2",
    "author = bob": "credit-risk:2",
    "bob": "credit-risk:2",
    "author != ada": "credit-risk:2",
    "description ~ '50%'": "credit-risk:2",
    "description ~ 'r_n'": "credit-risk:2",
    "description ~ '5_%'": "",
    "format = onnx": "credit-risk:2",
    "framework ~ SCIKIT": "credit-risk:2",
    "onnx": "credit-risk:2",
    "run_id = run-1": "credit-risk:1",
    "run != run-1": "",
    "base = credit-risk:1": "credit-risk:3",
    "dataset = loans.csv": "credit-risk:3",
    "dataset ~ loans": "credit-risk:3",
    "created < 1970-01-01T00:00:00.005": "credit-risk:3 credit-risk:2 credit-risk:1",
    "(credit or fraud) and not author = bob": "other:1 Fraud:1 credit-risk:3 credit-risk:1",
    "credit metrics.auc = 0.9 alias = champion": "credit-risk:3",
}
"""Searches over `_searchable` and the versions they answer, in order."""
