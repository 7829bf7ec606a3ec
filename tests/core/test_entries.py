"""Entries of a `registry.json`: what was said comes back as it was said, over any store."""

from pathlib import Path
from typing import Any

import pytest

from modelry.core import entry_book
from modelry.core.access import Role
from modelry.core.entries import draft_of, entry_of, metadata_of, said_of, timestamp
from modelry.core.entry_book import EntryBook
from modelry.core.errors import Conflict, Denied, Invalid, NotFound
from modelry.core.service import Service
from modelry.core.verbs.world import World
from modelry.testing.examples import some_model, some_version
from modelry.testing.fakes import acting

SAID: dict[str, Any] = {
    "description": "Fine-tuned.", "metrics": {"auc": 0.5, "steps": 3}, "tags": {"team": "risk"},
    "dataset": "coco", "layers": [64, 32], "nested": {"a": None},
}  # fmt: skip


@pytest.fixture
def book(world: World) -> EntryBook:
    return EntryBook(Service(acting(world, "ada", {"default": Role.APPROVER})))


@pytest.mark.parametrize("said", [{}, SAID, {"tags": ["a", "b"]}, {"tags": {"a": 1}}])
def test_metadata_comes_back_as_it_was_given(book: EntryBook, said: dict[str, Any]) -> None:
    entry = book.register("m", 1, "p/m.bin", said, None)
    assert entry["metadata"] == said
    assert book.entries() == book.entries("m") == [entry]
    assert said_of(entry["metadata"]) == said_of(said)


def test_a_parameter_that_would_read_as_something_else_is_not_shown_as_one() -> None:
    facts = {"params": {"metrics": 1, "tags": ["x"], "lr": 0.1}, "tags": {"a": "b"}}
    version = some_version(some_model(), 1, **facts)
    assert metadata_of(version) == {"tags": {"a": "b"}, "lr": 0.1}
    alone = some_version(some_model(), 1, params={"tags": ["x"]})
    assert metadata_of(alone) == {"tags": ["x"]}


def test_nothing_said_is_nothing() -> None:
    assert said_of(None) == said_of({}) == said_of({"description": None, "metrics": None})


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ("text", "metadata is a map"),
        ({"metrics": [1]}, "metrics are a map of numbers"),
        ({"metrics": {"auc": "high"}}, "a metric is a number"),
        ({"modelry": {}}, "the registry's own"),
    ],
)
def test_metadata_that_cannot_be_is_refused(metadata: object, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        said_of(metadata)


@pytest.mark.parametrize("version", ["1", True, 1.0])
def test_a_version_is_a_whole_number(version: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(Invalid, match="whole number"):
        draft_of(version, {})


def test_times_are_as_short_as_they_can_be() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_500_000) == "1970-01-01T00:00:01.500000Z"


def test_a_model_of_another_project_is_named_with_it() -> None:
    assert entry_of(some_version(some_model("m", "team"), 1))["model_name"] == "team/m"


def test_bytes_are_sealed_under_the_path_that_was_given(book: EntryBook, tmp_path: Path) -> None:
    place = tmp_path / "here.bin"
    place.write_bytes(b"weights")
    entry = book.register("m", 1, "models/m/1.bin", {}, place)
    assert entry["path"] == "models/m/1.bin"
    place.write_bytes(b"longer weights")
    with pytest.raises(Conflict, match="is taken"):
        book.register("m", 1, "models/m/1.bin", {}, place)
    place.write_bytes(b"weights")
    with pytest.raises(Conflict, match="is there already"):
        book.register("m", 1, "models/m/1.bin", {}, place)
    with pytest.raises(NotFound):
        book.register("m", 2, "models/m/2.bin", {}, tmp_path / "nothing")


def test_activation_sends_only_the_old_production_to_staging(book: EntryBook) -> None:
    for number in (1, 2, 3):
        book.register("m", number, f"p/{number}", {}, None)
    assert book.production("m") is None
    for number in (1, 3):
        assert book.activate("m", number)["status"] == "production"
    assert [each["status"] for each in book.entries("m")] == ["staging", "none", "production"]
    assert book.production("m") == book.entries("m")[2]
    for name, number in (("m", 4), ("n", 1)):
        with pytest.raises(NotFound):
            book.activate(name, number)


def test_long_lists_are_whole(book: EntryBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_book, "_PAGE", 3)
    for number in range(1, 9):
        book.register("m", number, "p", {}, None)
    wanted = list(range(1, 9))
    assert [each["version"] for each in book.entries()] == wanted
    assert [each["version"] for each in book.entries("m")] == wanted
    assert book.entries("nothing") == []


def test_whoever_may_not_is_refused(world: World) -> None:
    reader = EntryBook(Service(acting(world, "bo", {"default": Role.READER})))
    with pytest.raises(Denied):
        reader.register("m", 1, "p", {}, None)
    with pytest.raises(Invalid):
        reader.production("a:b:c")
    assert EntryBook(Service(acting(world, "eve", {}))).entries() == []
