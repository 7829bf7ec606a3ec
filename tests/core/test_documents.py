"""Documents: what was written is read back as it was, to the microsecond."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelry.core import documents as docs
from modelry.core.access import Role
from modelry.core.accounts import Account, Member, Publisher, Token
from modelry.core.comparison import compare
from modelry.core.events import GENESIS, Event, EventKind, Problem
from modelry.core.lifecycle import DEFAULT_LIFECYCLE, lifecycle_from_json
from modelry.core.model import (
    Commit,
    Dataset,
    Deployment,
    File,
    Findings,
    Model,
    ModelSummary,
    Pointer,
    Signature,
    TensorSpec,
    Version,
)

TIMES = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
MAYBE_TIMES = st.none() | TIMES
TEXT = st.text(max_size=20)
MAYBE_TEXT = st.none() | TEXT
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
WHOLE = st.integers(1, 2**53)
MAPS = st.dictionaries(TEXT, TEXT, max_size=3)
ROLES = st.sampled_from(Role)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
FOUND = Findings(
    format="onnx", framework="sklearn", parameters=7, notes=("imports os",), details={"a": [1]},
    signature=Signature((TensorSpec("x", "float32", ("batch", None, 3)),), (TensorSpec("y", "i8"),)),
)  # fmt: skip
FILES = st.lists(st.builds(File, NAMES, st.just("a" * 64), WHOLE), max_size=2).map(tuple)
VERSIONS = st.builds(
    Version,
    id=st.just(0), project=NAMES, name=NAMES, number=WHOLE, version=NAMES, stage=NAMES,
    aliases=st.lists(NAMES, max_size=2).map(tuple), digest=TEXT,
    kind=st.sampled_from(["file", "folder"]), files=FILES, size=WHOLE,
    metrics=st.dictionaries(TEXT, WHOLE | st.floats(allow_nan=False, allow_infinity=False)),
    params=st.dictionaries(TEXT, JSON, max_size=2), tags=MAPS,
    datasets=st.lists(st.builds(Dataset, TEXT, MAYBE_TEXT, MAYBE_TEXT), max_size=2).map(tuple),
    description=TEXT, findings=st.sampled_from([None, FOUND, Findings(format="gguf")]),
    source=TEXT, run_id=MAYBE_TEXT, base=MAYBE_TEXT,
    commit=st.none() | st.builds(Commit, TEXT, MAYBE_TEXT, MAYBE_TEXT, st.booleans()),
    environment=TEXT, author=TEXT, created=TIMES, deleted=MAYBE_TIMES, purged=MAYBE_TIMES,
)  # fmt: skip
MODELS = st.builds(
    Model, id=st.just(0), project=NAMES, name=NAMES, description=TEXT, tags=MAPS,
    last_number=WHOLE, author=TEXT, created=TIMES, updated=TIMES, deleted=st.none(),
)  # fmt: skip
POINTERS = st.builds(Pointer, NAMES, st.sampled_from(["stage", "alias"]), WHOLE, WHOLE, WHOLE)
EVENTS = st.builds(
    Event, TEXT, WHOLE, st.sampled_from(EventKind), TEXT, TIMES, st.none() | WHOLE,
    st.dictionaries(TEXT, JSON, max_size=2), TEXT, TEXT,
)  # fmt: skip
NOUNS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "version": (VERSIONS, docs.version_document, docs.version_from),
    "model": (MODELS, docs.model_document, docs.model_from),
    "summary": (
        st.builds(ModelSummary, MODELS, WHOLE, st.lists(POINTERS, max_size=2).map(tuple)),
        docs.summary_document, docs.summary_from),
    "event": (EVENTS, docs.event_document, docs.event_from),
    "deployment": (
        st.builds(Deployment, project=NAMES, name=NAMES, seq=WHOLE, number=WHOLE, version=NAMES,
                  target=TEXT, actor=TEXT, at=TIMES, comment=TEXT),
        docs.deployment_document, docs.deployment_from),
    "account": (
        st.builds(Account, TEXT, st.sampled_from(["user", "service"]), TIMES, MAYBE_TIMES,
                  MAYBE_TEXT),
        docs.account_document, docs.account_from),
    "member": (st.builds(Member, TEXT, TEXT, ROLES, TIMES), docs.member_document, docs.member_from),
    "token": (
        st.builds(Token, TEXT, TEXT, TEXT, st.just(""), TIMES, MAYBE_TIMES, MAYBE_TEXT,
                  st.none() | ROLES, MAYBE_TIMES),
        docs.token_document, docs.token_from),
    "publisher": (
        st.builds(Publisher, TEXT, TEXT, TEXT, MAPS, TEXT, ROLES, TIMES),
        docs.publisher_document, docs.publisher_from),
}  # fmt: skip

VERSION = Version(
    id=9, project="lab", name="m", number=3, version="1.0", stage="none", aliases=("champion",),
    digest="sha256:d", kind="file", files=(File("a.bin", "f" * 64, 2),), size=2,
    metrics={"auc": 0.5}, params={"x": [1]}, tags={"a": "b"}, datasets=(Dataset("d"),),
    description="words", findings=FOUND, source="here", run_id="r", base="lab/m:1",
    commit=Commit("c" * 40), environment="e", author="ada", created=1_750_000_000_000_001,
)  # fmt: skip


@pytest.mark.parametrize("noun", NOUNS)
@given(data=st.data())
def test_a_noun_comes_back_as_it_was(noun: str, data: st.DataObject) -> None:
    strategy, write, read = NOUNS[noun]
    thing = data.draw(strategy)
    carried = json.loads(json.dumps(write(thing)))
    assert read(carried) == thing


@given(TIMES)
def test_times_are_exact(at: int) -> None:
    assert docs.time_of(docs.iso(at)) == at
    assert docs.time_or_none(docs.iso_or_none(at)) == at


def test_times_are_read_as_people_read_them() -> None:
    assert docs.iso(1_750_000_000_000_001) == "2025-06-15T15:06:40.000001Z"
    assert docs.iso_or_none(None) is None
    assert docs.time_or_none(None) is None
    assert docs.time_of("2025-06-15T17:06:40.000001+02:00") == 1_750_000_000_000_001


def test_an_id_of_a_store_is_not_carried() -> None:
    assert docs.version_from(docs.version_document(VERSION)) == replace(VERSION, id=0)
    assert docs.version_document(VERSION)["id"] == VERSION.uid
    assert docs.version_document(VERSION)["model_uri"] == "models:/lab/m/3"


def test_a_token_shows_no_digest() -> None:
    token = Token("i", "ada", "laptop", "d" * 64, 1, 2)
    assert "d" * 64 not in str(docs.token_document(token))
    assert docs.token_from(docs.token_document(token)) == replace(token, digest="")


def test_a_comparison_names_the_best() -> None:
    other = replace(VERSION, number=4, metrics={"auc": 0.75}, params={"x": [2]})
    document: Mapping[str, Any] = docs.comparison_document(compare((VERSION, other), (), ()))
    assert [each["ref"] for each in document["versions"]] == ["lab/m:3", "lab/m:4"]
    (row,) = document["metrics"]
    assert (row["name"], row["values"], row["best"]) == ("auc", [0.5, 0.75], ["lab/m:4"])
    assert document["params"] == {"x": [[1], [2]]}
    json.dumps(document)


def test_problems_and_stages_are_plain() -> None:
    assert docs.problems_document((Problem("m:1", "is gone"),)) == [
        {"where": "m:1", "what": "is gone"}]  # fmt: skip
    document = docs.lifecycle_document("lab", DEFAULT_LIFECYCLE)
    assert document["project"] == "lab"
    stages: Any = json.loads(json.dumps(document["stages"]))
    assert lifecycle_from_json(stages) == DEFAULT_LIFECYCLE


def test_an_event_shows_its_comment() -> None:
    event = Event("m", 1, EventKind.PROMOTED, "ada", 1, 1, {"comment": "why"}, GENESIS, "h")
    assert docs.event_document(event)["comment"] == "why"
