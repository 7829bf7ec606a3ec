"""A `registry.json` that people edit: what a hand did is recorded, or refused by its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from registry_json import EXAMPLE, NAME, Entries, edit, entries, opened, sentences, told

from modelry.core.errors import Corrupt
from modelry.stores.jsonfile.document import HAND


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.json"


@pytest.fixture
def example(path: Path) -> Path:
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


def test_the_example_of_the_design_loads_as_it_is(example: Path) -> None:
    with opened(example) as registry:
        first, second = (registry.resolve(f"{NAME}:{number}") for number in (1, 2))
        assert (first.stage, second.stage) == ("production", "staging")
        assert first.metrics == {"accuracy": 0.78, "latency_ms": 30}
        assert second.description == "Retrained with additional data."
        assert first.source == "models/yolov8n-coco/v1/model.onnx"
        assert (first.files, first.sealed, first.author) == ((), False, HAND)
        assert first.created_at.isoformat() == "2025-06-25T12:00:00+00:00"
        assert registry.resolve(f"{NAME}@production") == first
        assert sentences(told(registry)) == [
            ("version.registered", 1), ("version.registered", 2),
            ("version.promoted", 2), ("version.promoted", 1),
        ]  # fmt: skip
        assert {event.actor for event in told(registry)} == {HAND}
    assert example.read_text(encoding="utf-8") == EXAMPLE


def test_a_status_that_is_flipped_is_a_promotion_with_its_displacement(example: Path) -> None:
    with opened(example) as registry:
        registry.resolve(NAME)
        edit(example, lambda found: found[1].update(status="production"))
        assert registry.resolve(f"{NAME}@production").number == 2
        last = told(registry)[-1]
        assert (str(last.kind), last.actor, last.number) == ("version.promoted", HAND, 2)
        assert [each["status"] for each in entries(example)] == ["staging", "production"]
        edit(example, lambda found: found[1].update(status="archived"))
        assert registry.resolve(f"{NAME}@latest").stage == "archived"
        assert str(told(registry)[-1].kind) == "version.archived"
        assert registry.rollback(NAME).number == 2


def test_statuses_that_change_places_in_the_same_instant_are_seen(example: Path) -> None:
    def swap(found: Entries) -> None:
        found[0]["status"], found[1]["status"] = found[1]["status"], found[0]["status"]

    with opened(example) as registry:
        for turn in range(10):
            assert registry.resolve(f"{NAME}@production").number == 1 + turn % 2
            edit(example, swap)
        assert len(told(registry)) == 4 + 20


def test_an_entry_that_is_added_is_a_version_by_its_path(example: Path) -> None:
    with opened(example) as registry:
        registry.resolve(NAME)
        edit(example, lambda found: found.append({"model_name": NAME, "version": 4, "path": "p"}))
        made = registry.resolve(f"{NAME}:4")
        assert (made.source, made.stage, made.author, made.files) == ("p", "none", HAND, ())
        assert sentences(told(registry)[-1:]) == [("version.registered", 4)]
        assert entries(example)[2]["status"] == "none"
        model_file = example.parent / "model.bin"
        model_file.write_bytes(b"x")
        assert registry.register(NAME, model_file).number == 5


def test_an_entry_that_is_removed_is_deleted_and_no_pointer_names_it(example: Path) -> None:
    with opened(example) as registry:
        registry.alias(NAME, "champion", "1")
        edit(example, lambda found: found.pop(0))
        assert [each.number for each in registry.versions(NAME)] == [2]
        assert [each.name for each in registry.model(NAME).pointers] == ["staging"]
        assert sentences(told(registry)[-1:]) == [("version.deleted", 1)]
        edit(example, lambda found: found.clear())
        assert list(registry.versions(NAME)) == []
        assert registry.model(NAME).pointers == ()
        told(registry)


def test_the_next_in_an_open_stage_follows_one_that_is_removed(example: Path) -> None:
    with opened(example) as registry:
        registry.promote(f"{NAME}:1", "staging")
        assert registry.resolve(f"{NAME}@staging").number == 1
        edit(example, lambda found: found.pop(0))
        assert registry.resolve(f"{NAME}@staging").number == 2
        told(registry)


def test_words_tags_and_aliases_may_be_edited(example: Path) -> None:
    def reword(found: Entries) -> None:
        found[0]["metadata"] |= {"description": "New.", "modelry": {"aliases": ["Champion"]}}
        found[1]["metadata"] |= {"tags": {"team": "vision"}, "modelry": {}}

    with opened(example) as registry:
        registry.alias(NAME, "champion", "2")
        registry.alias(NAME, "rival", "2")
        edit(example, reword)
        assert registry.resolve(f"{NAME}@champion").description == "New."
        assert registry.resolve(f"{NAME}:2").tags == {"team": "vision"}
        assert registry.resolve(f"{NAME}:2").aliases == ()
        kinds = sentences(told(registry)[-4:])
        assert sorted(kinds) == [
            ("alias.removed", 2), ("alias.set", 1), ("version.described", 1), ("version.tagged", 2),
        ]  # fmt: skip


def test_what_has_no_field_stands_under_metadata_and_comes_back(path: Path) -> None:
    weights = path.parent / "m.bin"
    weights.write_bytes(b"weights")
    with opened(path) as registry:
        made = registry.register("m", weights, version="1.0", params={"tags": 1}, run_id="r1",
                                 tags={"a": "b"})  # fmt: skip
        registry.alias("m", "champion", "1")
        (entry,) = entries(path)
        assert entry["metadata"]["modelry"] == {
            "label": "1.0", "aliases": ["champion"], "digest": made.digest, "size": 7,
            "author": made.author, "run_id": "r1", "params": {"tags": 1},
        }  # fmt: skip
        path.write_text(json.dumps({"models": [entry]}, indent=8), encoding="utf-8")
        assert registry.resolve("m:1").aliases == ("champion",)
        assert len(told(registry, "m")) == 2
        path.unlink()
        assert registry.resolve("m:1").version == "1.0"
    assert entries(path) == [entry]


def sealed_path(found: Entries) -> None:
    found[1]["path"] = "elsewhere"


def sealed_metric(found: Entries) -> None:
    found[1]["metadata"]["metrics"]["accuracy"] = 0.99


def sealed_time(found: Entries) -> None:
    found[1]["creation_timestamp"] = "2025-07-01T15:30:01Z"


def sealed_parameter(found: Entries) -> None:
    found[1]["metadata"]["lr"] = 0.1


def forged_digest(found: Entries) -> None:
    found[1]["metadata"]["modelry"] = {"digest": "sha256:" + "0" * 64}


def foreign_digest(found: Entries) -> None:
    ours = {"modelry": {"digest": "sha256:" + "0" * 64}}
    found.append({"model_name": "n", "version": 1, "path": "p", "metadata": ours})


def twice(found: Entries) -> None:
    found.append(found[0])


def two_champions(found: Entries) -> None:
    for each in found:
        each["metadata"]["modelry"] = {"aliases": ["champion"]}


def unknown_stage(found: Entries) -> None:
    found[1]["status"] = "live"


def unknown_project(found: Entries) -> None:
    found[1]["model_name"] = "team/x"


def unknown_field(found: Entries) -> None:
    found[1]["owner"] = "ada"


def no_path(found: Entries) -> None:
    del found[1]["path"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (sealed_path, "path cannot be edited"),
        (sealed_metric, "metrics cannot be edited; put back {'accuracy': 0.82"),
        (sealed_time, "creation_timestamp cannot be edited"),
        (sealed_parameter, "parameters cannot be edited"),
        (forged_digest, "modelry cannot be edited"),
        (foreign_digest, "knows no such version; bring the history back"),
        (twice, "stands there twice"),
        (two_champions, "has the alias of another"),
        (unknown_stage, "there is no stage 'live'"),
        (unknown_project, "there is no project 'team'"),
        (unknown_field, "not owner"),
        (no_path, "path is missing"),
        (lambda found: found[1].update(version="2"), "a whole number from 1 on"),
        (lambda found: found[1].update(version=0), "a whole number from 1 on"),
        (lambda found: found[1].update(path=None), "a path is text"),
        (lambda found: found[1].update(model_name="a b"), "is not a model name"),
        (lambda found: found[1].update(creation_timestamp="soon"), "write it as 1970"),
        (lambda found: found[1].update(metadata=[]), "metadata is a map"),
        (lambda found: found[1].update(metadata={"modelry": 1}), "the registry's own map"),
        (lambda found: found[1].update(metadata={"modelry": {"aliases": "a"}}), "a list of names"),
        (lambda found: found[1]["metadata"].update(modelry={"aliases": ["staging"]}), "is a stage"),
        (lambda found: found.__setitem__(1, 5), "an entry is an object"),
    ],
)
def test_an_edit_that_cannot_be_is_named_by_its_line_and_never_overwritten(
    example: Path, change: Callable[[Entries], object], why: str
) -> None:
    with opened(example) as registry:
        registry.resolve(NAME)
        found = entries(example)
        change(found)
        text = json.dumps({"models": found}, indent=2)
        example.write_text(text, encoding="utf-8")
        index = len(found) - 1
        line = [at for at, row in enumerate(text.split("\n"), 1) if re.match(r" {4}[^ }]", row)][
            index
        ]
        for call in (registry.resolve, registry.archive):
            with pytest.raises(Corrupt, match=rf"(?s)line {line} column 5, .*{re.escape(why)}"):
                call(f"{NAME}:1")
        assert example.read_text(encoding="utf-8") == text
        example.write_text(EXAMPLE, encoding="utf-8")
        assert registry.resolve(f"{NAME}:1").stage == "production"
        assert len(told(registry)) == 4


def test_a_number_that_was_given_out_never_comes_back(example: Path) -> None:
    with opened(example) as registry:
        registry.resolve(NAME)
        edit(example, lambda found: found.pop(1))
        registry.resolve(NAME)
        edit(example, lambda found: found.append(json.loads(EXAMPLE)["models"][1]))
        with pytest.raises(Corrupt, match="never come back: the next of this model is 3"):
            registry.resolve(NAME)
        edit(example, lambda found: found.clear())
        registry.delete(NAME)
        edit(example, lambda found: found.append({"model_name": NAME, "version": 3, "path": ""}))
        with pytest.raises(Corrupt, match="was deleted and its name is not given out again"):
            registry.resolve(NAME)


def test_stages_that_forbid_a_move_forbid_it_to_a_hand(example: Path) -> None:
    with opened(example) as registry:
        production = {"name": "production", "exclusive": True, "after": ["staging"]}
        registry.configure_stages(
            ["none", "staging", production, {"name": "archived", "pointed": False}]
        )
        edit(example, lambda found: found.append({
            "model_name": NAME, "version": 3, "path": "p", "status": "production"}))  # fmt: skip
        with pytest.raises(Corrupt, match="a version comes to production from staging only"):
            registry.resolve(NAME)
