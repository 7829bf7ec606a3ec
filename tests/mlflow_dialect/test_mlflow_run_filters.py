"""The filters and orders of runs: read as MLflow's own parser reads them, refused in its words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelry.core.tracking.search import Clause, Order
from modelry.server.dialects.mlflow.refusals import Refusal
from modelry.server.dialects.mlflow.run_filters import (
    EXPERIMENTS,
    MODELS,
    RUNS,
    parse_filter,
    parse_model_order,
    parse_model_orders,
    parse_order,
)

_WORD = st.text("abcxyz_019", min_size=1, max_size=6).filter(lambda text: text[0].isalpha())
_KEY = st.one_of(_WORD, st.text("ab .-/", min_size=1, max_size=5).map(lambda text: f"`{text}`"))
_TEXT = st.one_of(
    st.text("abz% _019é", max_size=8).map(lambda text: f"'{text}'"),
    st.text("abz% 019", min_size=1, max_size=8).map(lambda text: f'"{text}"'),
)
_NUMBER = st.one_of(
    st.integers(0, 10**9).map(str), st.floats(0, 1e6).map(lambda value: f"{value:.4f}")
)
_CLAUSES = st.one_of(
    st.builds("{}.{} {} {}".format, st.sampled_from(["metrics", "metric"]), _KEY,
              st.sampled_from(["=", "!=", ">", ">=", "<", "<="]), _NUMBER),
    st.builds("{}.{} {} {}".format, st.sampled_from(["params", "parameters", "tags", "tag"]), _KEY,
              st.sampled_from(["=", "!=", "LIKE", "ILIKE"]), _TEXT),
    st.builds("{} {} {}".format, st.sampled_from(["attributes.status", "run_name", "attr.user_id"]),
              st.sampled_from(["=", "!=", "LIKE"]), _TEXT),
    st.builds("{} {} {}".format, st.sampled_from(["start_time", "attribute.end_time", "created"]),
              st.sampled_from(["=", ">=", "<"]), st.integers(0, 2**62).map(str)),
    st.builds("tags.{} IS {}NULL".format, _KEY, st.sampled_from(["", "NOT "])),
    st.builds("run_id {} ('{}', '{}')".format, st.sampled_from(["IN", "NOT IN"]), _WORD, _WORD),
    st.builds("dataset.{} = {}".format, st.sampled_from(["name", "digest", "context"]), _TEXT),
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(_CLAUSES, min_size=1, max_size=3).map(" AND ".join))
def test_a_filter_is_read_as_mlflow_reads_it(text: str) -> None:
    from mlflow.utils.search_utils import SearchUtils

    theirs = [
        ({"parameter": "param"}.get(each["type"], each["type"]),
         SearchUtils.translate_key_alias(each["key"]), each["comparator"].upper(),
         float(each["value"]) if each["type"] == "metric" else each["value"])
        for each in SearchUtils.parse_search_filter(text)
    ]  # fmt: skip
    ours = [
        (each.entity, each.key, each.op,
         float(each.value) if each.entity == "metric" else each.value)  # type: ignore[arg-type]  # a number
        for each in parse_filter(text, RUNS)
    ]  # fmt: skip
    assert ours == theirs


REFUSED: tuple[tuple[str, str], ...] = (
    ("metrics.a > 'x'", "Expected numeric value type for metric. Found 'x'"),
    ("metrics.a LIKE 1", "Invalid comparator 'LIKE' not one of"),
    ("params.a > '1'", "Invalid comparator '>' not one of"),
    ("params.a = 1", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1"),
    ("tags.a = x", "Parameter value is either not quoted or unidentified quote types used for string"),
    ("status = RUNNING", "Parameter value is either not quoted"),
    ("status = 5", "Expected a quoted string value for attributes. Got value 5"),
    ("start_time = '5'", "Expected numeric value type for numeric attribute: start_time"),
    ("start_time > 1e400", "too large"),
    ("nothing = 'x'", "Invalid attribute key 'nothing' specified"),
    ("attribute.nothing = 'x'", "Invalid attribute key 'nothing' specified"),
    ("other.a = 'x'", "Invalid entity type 'other'. Valid values are"),
    ("dataset.size = 'x'", "Invalid dataset key 'size' specified"),
    ("params.a = '1' OR params.b = '2'", "Invalid clause(s) in filter string: 'OR params.b = '2''"),
    ("(params.a = '1')", "Invalid clause(s) in filter string"),
    ("params.a = '1' AND", "Invalid clause(s) in filter string: 'AND'"),
    ("AND", "Invalid attribute key 'AND' specified"),
    ("params.a", "Invalid comparison clause. Expected comparison found"),
    ("params.a NOT '1'", "Invalid comparison clause"),
    ("metrics.a IS NULL", "IS NULL / IS NOT NULL is only supported for tags and params"),
    ("status IN ('x')", "Only ['run_id'] attributes support comparison with a list"),
    ("run_id IN ()", "expected a non-empty list of string values, but got empty list"),
    ("run_id IN (1)", "got different type in list"),
    ("run_id IN ('a' 'b')", "ill-formed list"),
    ("run_id IN (a)", "ill-formed list"),
    ("run_id IN 'a'", "ill-formed list"),
    ("params.a = 'x\0'", "NUL"),
    ("; DROP TABLE runs", "Invalid clause(s) in filter string"),
    (" AND ".join(["a.b = 'x'".replace("a", "tag")] * 101), "more than 100 clauses"),
    ("params.a = '" + "x" * 20_000 + "'", "at most 20000 are read"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_filter_that_means_nothing_is_refused_in_the_words_of_mlflow(text: str, why: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_filter(text, RUNS)
    assert why in refusal.value.message
    assert refusal.value.code == "INVALID_PARAMETER_VALUE"


def test_experiments_and_logged_models_have_attributes_of_their_own() -> None:
    assert parse_filter("name ILIKE 'a%' AND tags.`x y` IS NULL", EXPERIMENTS) == (
        Clause("attribute", "name", "ILIKE", "a%"), Clause("tag", "x y", "IS NULL"))  # fmt: skip
    assert parse_filter("creation_time > 5", MODELS) == (
        Clause("attribute", "creation_timestamp", ">", 5),)  # fmt: skip
    assert parse_filter("", MODELS) == ()
    for text, grammar in (("metrics.a > 1", EXPERIMENTS), ("tags.a IS NULL", MODELS)):
        with pytest.raises(Refusal):
            parse_filter(text, grammar)


def test_an_order_names_what_to_sort_by_and_which_way() -> None:
    texts = [
        "metrics.`a b` DESC",
        "params.C",
        "start_time asc",
        "tag.x   desc",
        "`attribute`.end_time",
    ]
    assert parse_order(texts, RUNS) == (
        Order("metric", "a b", descending=True), Order("param", "C"),
        Order("attribute", "start_time"), Order("tag", "x", descending=True),
        Order("attribute", "end_time"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["metrics.a UP"], "Invalid ordering key in order_by clause 'metrics.a UP'."),
        (["metrics.a DESC NOW"], "Could not be parsed."),
        (["'; DROP"], "Could not be parsed."),
        ([""], "Could not be parsed."),
        (["dataset.name"], "Invalid identifier type"),
        (["nothing"], "Invalid attribute key"),
        (["created", "start_time DESC"], "`order_by` contains duplicate fields"),
        ([f"tags.t{number}" for number in range(21)], "at most 20 are taken"),
    ],
)
def test_an_order_that_means_nothing_is_refused(texts: list[str], why: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_order(texts, RUNS)
    assert why in refusal.value.message


def test_logged_models_are_sorted_by_few_things() -> None:
    orders = [{"field_name": f"metrics.m{number}"} for number in range(21)]
    assert len(parse_model_orders(orders[:20])) == 20
    with pytest.raises(Refusal, match="at most 20 are taken"):
        parse_model_orders(orders)


def test_logged_models_are_sorted_by_a_metric_on_a_data_set_or_an_attribute() -> None:
    read: Callable[..., Order] = lambda **given: parse_model_order(given)  # noqa: E731 - short
    assert read(field_name="metrics.auc", ascending=False, dataset_name="d", dataset_digest="1") == (
        Order("metric", "auc", True, ("d", "1")))  # noqa: FBT003 - as the noun has it  # fmt: skip
    assert read(field_name="creation_time") == Order("attribute", "creation_timestamp")
    for wrong in ({}, {"field_name": "tags.x"}, {"field_name": "x"},
                  {"field_name": "name", "ascending": "no"},
                  {"field_name": "metrics.a", "dataset_digest": "1"}):  # fmt: skip
        with pytest.raises(Refusal):
            parse_model_order(wrong)
