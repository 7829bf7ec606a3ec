"""Filters and orders mean what they mean to MLflow's own store, on the same data."""

# ruff: noqa: ANN401 - documents are whatever JSON holds

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from server_site import Site, site_on

from modelry.stores.sql import SqliteStore

pytestmark = pytest.mark.filterwarnings("ignore:.*:Warning")  # MLflow's own, of its libraries

API = "/api/2.0/mlflow"
NAMES = ["fraud", "Fraud2", "a_b", "a%b", "Größe XL", "[x]*", "zeta"]
VALUES = ["a", "A", "a%b", "a_b", "é", "[x]", "", 'say "hi"', "true", "x" * 130]
KEYS = ["team", "k.v", "a b", "n"]
RUNS = ["", "r1", "R1", "r_1"]
SOURCES = ["s3://bucket/one", "s3://bucket/TWO", "gs://b/%_*"]
PROMPT = "mlflow.prompt.is_prompt"


@dataclass
class Both:
    """The same data, here and in MLflow's own store."""

    site: Site
    store: Any

    def ours(self, noun: str, **asked: Any) -> object:
        path = {"models": "registered-models", "versions": "model-versions"}[noun]
        answer = self.site.admin.get(f"{API}/{path}/search", params=asked)
        assert answer.status_code in {200, 400}, answer.text
        if answer.status_code == 400:
            assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
            return "refused"
        found = answer.json().get("registered_models" if noun == "models" else "model_versions", [])
        return [(each["name"], each.get("version")) for each in found]

    def theirs(self, noun: str, filter: str, order_by: list[str]) -> object:  # noqa: A002 - as MLflow calls it
        from mlflow.exceptions import MlflowException

        search = {"models": self.store.search_registered_models,
                  "versions": self.store.search_model_versions}[noun]  # fmt: skip
        try:
            found = search(filter_string=filter, order_by=order_by, max_results=1000)
        except MlflowException:
            return "refused"
        return [(each.name, str(each.version) if noun == "versions" else None) for each in found]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    from mlflow.store.model_registry import sqlalchemy_store

    folder = tmp_path_factory.mktemp("both")
    clock = itertools.count(1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlalchemy_store, "get_current_time_millis", lambda: next(clock))
        theirs = sqlalchemy_store.SqlAlchemyStore(f"sqlite:///{folder}/theirs.db")
        with site_on(folder / "home", SqliteStore(folder / "home" / "registry.db")) as site:
            found = Both(site, theirs)
            fill(found)
            yield found


def fill(both: Both) -> None:
    """Make models and versions in both, in one order."""
    from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag

    def post(path: str, method: str = "POST", **body: Any) -> None:
        answer = both.site.admin(method, f"{API}/{path}", json=body)
        assert answer.status_code == 200, answer.text

    values = itertools.cycle(VALUES)
    for at, name in enumerate([*NAMES, "greet"]):
        prompt = {PROMPT: "true"} if name == "greet" else {PROMPT: "false"} if at == 1 else {}
        tags = {key: next(values) for key in KEYS[: at % 5]} | prompt
        post("registered-models/create", name=name, tags=pairs(tags))
        both.store.create_registered_model(
            name, [RegisteredModelTag(*each) for each in tags.items()]
        )
        for number in range(1 + at % 4):
            of_version = {key: next(values) for key in KEYS[number:]} | prompt
            source = "dummy-source" if name == "greet" else SOURCES[(at + number) % 3]
            run = RUNS[(at + number) % 4]
            post(
                "model-versions/create",
                name=name,
                source=source,
                run_id=run,
                tags=pairs(of_version),
            )
            made = [ModelVersionTag(*each) for each in of_version.items()]
            both.store.create_model_version(name, source, run, made)
    for name, stage in (("a_b", "Staging"), ("Größe XL", "Production"), ("zeta", "Archived")):
        post("model-versions/transition-stage", name=name, version="1", stage=stage,
             archive_existing_versions=False)  # fmt: skip
        both.store.transition_model_version_stage(name, 1, stage, archive_existing_versions=False)
    post("model-versions/update", "PATCH", name="a_b", version="2", description="told")
    both.store.update_model_version("a_b", 2, "told")
    post("registered-models/update", "PATCH", name="fraud", description="told")
    both.store.update_registered_model("fraud", "told")
    post("model-versions/delete", "DELETE", name="a%b", version="1")
    both.store.delete_model_version("a%b", 1)


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def cased(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word, word.lower(), word.capitalize()])


def quoted(value: str) -> st.SearchStrategy[str]:
    marks = [mark for mark in "'\"" if mark not in value] or ["'"]
    return st.sampled_from([f"{mark}{value}{mark}" for mark in marks])


VALUE = st.sampled_from([*VALUES, *NAMES, *RUNS, *SOURCES, "false"]).flatmap(quoted)
PATTERN = st.text(st.sampled_from([*"aA%_éx[]*rfs3:/"]), max_size=6).flatmap(quoted)
EQUAL = st.tuples(st.sampled_from(["=", "!="]), VALUE)
LIKE = st.tuples(st.one_of(cased("LIKE"), cased("ILIKE")), PATTERN)
LIST = st.tuples(
    st.one_of(cased("IN"), cased("NOT IN")),
    st.lists(VALUE, min_size=1, max_size=3).map(lambda each: f"({', '.join(each)})"),
)
TEXT = st.one_of(EQUAL, LIKE)
TAG = st.tuples(st.sampled_from(["tag", "tags"]), st.sampled_from([*KEYS, PROMPT])).map(
    lambda each: f"{each[0]}.`{each[1]}`" if " " in each[1] or "." in each[1] else ".".join(each)
)
NUMBER = st.tuples(st.sampled_from(["=", "!=", ">", ">=", "<", "<="]), st.sampled_from("0123"))
ATTRIBUTE = st.sampled_from(["", "attribute."])


def clause(keys: list[str], listed: list[str], *, numbers: bool) -> st.SearchStrategy[str]:
    def about(names: list[str], rest: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
        space = st.sampled_from(["", " ", "  "])
        named = st.tuples(ATTRIBUTE, st.sampled_from(names)).map("".join)
        return st.tuples(named, space, rest).map(lambda each: joined(each[0], each[1], *each[2]))

    kinds = [about(keys, TEXT), about(listed, LIST)]
    kinds += [about(["version_number"], NUMBER)] if numbers else []
    tagged = st.tuples(TAG, st.just(" "), TEXT).map(lambda each: joined(each[0], each[1], *each[2]))
    return st.one_of(*kinds, tagged, tagged)


def joined(key: str, space: str, op: str, value: str) -> str:
    space = space or (" " if op[0].isalpha() else "")
    return f"{key}{space}{op}{space}{value}"


def filters(one: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(one, max_size=3).flatmap(lambda found: cased("AND").map(
        lambda word: f" {word} ".join(found)))  # fmt: skip


def orders(keys: list[str]) -> st.SearchStrategy[list[str]]:
    way = st.sampled_from(["", " ASC", " desc", "  DESC"])
    one = st.tuples(st.sampled_from(keys), way).map("".join)
    return st.lists(one, max_size=2)


MODELS = filters(clause(["name"], ["name"], numbers=False))
VERSIONS = filters(clause(["name", "run_id", "source_path"], ["name", "run_id"], numbers=True))
MODEL_ORDERS = orders(["name", "timestamp", "last_updated_timestamp"])
VERSION_ORDERS = orders(["name", "version_number", "creation_timestamp", "last_updated_timestamp"])
QUICK = settings(
    max_examples=120, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def same(both: Both, noun: str, text: str, order: list[str]) -> None:
    told = both.theirs(noun, text, order)
    assert both.ours(noun, filter=text, order_by=order) == told


@QUICK
@given(text=MODELS, order=MODEL_ORDERS)
@example(text="", order=[])
@example(text=f"name LIKE 'a%' AND tag.`{PROMPT}` != 'true'", order=[])
@example(text=f"tags.`{PROMPT}` = 'true'", order=["name DESC"])
def test_models_are_found_as_mlflow_finds_them(both: Both, text: str, order: list[str]) -> None:
    same(both, "models", text, order)


@QUICK
@given(text=VERSIONS, order=VERSION_ORDERS)
@example(text="", order=[])
@example(text="run_id = ''", order=[])
@example(text="name NOT IN ('fraud',)", order=[])
def test_versions_are_found_as_mlflow_finds_them(both: Both, text: str, order: list[str]) -> None:
    same(both, "versions", text, order)


REFUSED = [
    "name", "name =", "= 'a'", "name = a", "name = 1", "name > 'a'", "nothing = 'a'",
    "name = 'a' OR name = 'b'", "(name = 'a')", "NOT name = 'a'",     "name IN ()", "name IN (1, 2)",     "name = 'a", "tags.a = 1", "tags.a > 'x'", "tags.a IN ('x')", "params.a = 'x'",
    "name = 'a'; name = 'b'", "name LIKE", "description = 'x'", ";", "name NOT LIKE 'a'",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("noun", ["models", "versions"])
def test_what_mlflow_refuses_is_refused(both: Both, noun: str, text: str) -> None:
    assert both.theirs(noun, text, []) == "refused"
    assert both.ours(noun, filter=text) == "refused"


@pytest.mark.parametrize(
    "text", ["name = 'a' name = 'b'", "name = 'a' AND", "AND name = 'a'", "name IN ('a' 'b')"]
)
def test_what_mlflow_only_guesses_at_is_refused(both: Both, text: str) -> None:
    assert both.ours("models", filter=text) == both.ours("versions", filter=text) == "refused"


@pytest.mark.parametrize(
    "text",
    ["version_number = 'x'", "version_number = 1.5", "version_number LIKE '1'",
     "version_number IN (1)", "source_path IN ('x')", "version_number > abc"],
)  # fmt: skip
def test_a_number_is_compared_with_whole_numbers_alone(both: Both, text: str) -> None:
    assert both.theirs("versions", text, []) == both.ours("versions", filter=text) == "refused"


@pytest.mark.parametrize(
    "order", ["", "nothing", "name up", "name ASC DESC", "name, name", "name; x", "1", "'name'"]
)
@pytest.mark.parametrize("noun", ["models", "versions"])
def test_an_order_that_is_none_is_refused(both: Both, noun: str, order: str) -> None:
    assert both.ours(noun, order_by=[order]) == "refused"


def test_two_orders_by_one_field_are_refused_with_no_fault_of_the_server(both: Both) -> None:
    twice = ["name ASC", "name DESC"]
    assert both.theirs("models", "", twice) == both.ours("models", order_by=twice) == "refused"


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("noun", ["models", "versions"])
def test_pages_join_to_the_whole(both: Both, noun: str, limit: int) -> None:
    whole, found, token = both.ours(noun), list[object](), ""
    path = {"models": "registered-models", "versions": "model-versions"}[noun]
    name = {"models": "registered_models", "versions": "model_versions"}[noun]
    read: Callable[[dict[str, Any]], object] = lambda each: (each["name"], each.get("version"))  # noqa: E731 - said once
    while True:
        asked = {"max_results": limit, "page_token": token}
        page = both.site.admin.get(f"{API}/{path}/search", params=asked).json()
        found += [read(each) for each in page[name]]
        token = page.get("next_page_token", "")
        if not token:
            break
        assert len(page[name]) == limit
    assert found == whole


@pytest.mark.parametrize(
    "token", ["x", "e30=", "eyJvZmZzZXQiOiAtMX0=", "eyJvZmZzZXQiOiAieCJ9", "W10="]
)
def test_a_page_token_of_something_else_is_refused(both: Both, token: str) -> None:
    assert both.ours("models", page_token=token) == "refused"


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "9" * 30])
def test_how_many_is_bounded(both: Both, limit: str) -> None:
    assert both.ours("models", max_results=limit) == "refused"
