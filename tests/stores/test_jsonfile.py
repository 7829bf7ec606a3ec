"""A `registry.json` that people edit: what a hand did is seen, recorded, or refused by its line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelry.core.errors import Corrupt, Unavailable
from modelry.core.events import Event
from modelry.core.ports import Ledger, Unit
from modelry.core.repository import RegistryRepository
from modelry.stores.jsonfile import JsonStore, files
from modelry.stores.jsonfile.document import HAND
from modelry.stores.jsonfile.writes import RecordingUnit
from modelry.testing.fakes import registry_on
from modelry.wiring import connect

NAME = "yolov8n-coco"
EXAMPLE = """{
  "models": [
    {
      "model_name": "yolov8n-coco",
      "version": 1,
      "path": "models/yolov8n-coco/v1/model.onnx",
      "status": "production",
      "creation_timestamp": "2025-06-25T12:00:00Z",
      "metadata": {
        "description": "Initial YOLOv8 Nano model trained on COCO.",
        "metrics": {
          "accuracy": 0.78,
          "latency_ms": 30
        }
      }
    },
    {
      "model_name": "yolov8n-coco",
      "version": 2,
      "path": "models/yolov8n-coco/v2/model.onnx",
      "status": "staging",
      "creation_timestamp": "2025-07-01T15:30:00Z",
      "metadata": {
        "description": "Retrained with additional data.",
        "metrics": {
          "accuracy": 0.82,
          "latency_ms": 32
        }
      }
    }
  ]
}
"""
Entries = list[dict[str, Any]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.json"


@pytest.fixture
def example(path: Path) -> Path:
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


def opened(path: Path) -> RegistryRepository:
    return connect(f"json:{path}", home=path.parent / "home")


def entries(path: Path) -> Entries:
    found: Entries = json.loads(path.read_bytes())["models"]
    return found


def edit(path: Path, change: Callable[[Entries], object]) -> None:
    """Edit the file as an editor does: in place, with its own taste of white space."""
    found = entries(path)
    change(found)
    path.write_text(json.dumps({"models": found}), encoding="utf-8")


def told(registry: RegistryRepository, name: str = NAME) -> list[Event]:
    """Answer what happened, oldest first, where the whole history is sound."""
    assert registry.audit().problems == ()
    return list(registry.history(name))[::-1]


def sentences(events: list[Event]) -> list[tuple[str, int | None]]:
    return [(str(event.kind), event.number) for event in events]


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


@pytest.mark.parametrize(
    ("text", "line", "column", "why"),
    [
        ("", 1, 1, "Expecting value"),
        (EXAMPLE[:300], 11, 1, "not acceptable JSON"),
        (EXAMPLE.replace("30\n", "NaN\n", 1), 3, 5, "NaN is not a JSON number"),
        (
            EXAMPLE.replace('"version": 2,', '"version": 2, "version": 3,'),
            17,
            5,
            "stands in it twice",
        ),
        ("[]", 1, 1, "must be a JSON object"),
        ('{"models": {}}', 1, 1, 'one key "models"'),
        ('{"models": [], "more": 1}', 1, 1, 'one key "models"'),
        ('{"models": [], "models": []}', 1, 1, "stands in it twice"),
        ("\udcff", 1, 1, "not UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_line_and_column_and_never_overwritten(
    path: Path, text: str, line: int, column: int, why: str
) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    with opened(path) as registry:
        for call in (registry.models, lambda: registry.create_model("m")):
            with pytest.raises(Corrupt, match=why) as refusal:
                call()
            assert (refusal.value.facts["line"], refusal.value.facts["column"]) == (line, column)
    assert path.read_bytes() == before
    assert not path.with_name("registry.history.jsonl").exists()


def test_the_command_line_says_why_and_a_byte_order_mark_is_no_matter(example: Path) -> None:
    example.write_bytes(BOM_UTF8 + EXAMPLE.replace("staging", "live").encode())
    command = [sys.executable, "-m", "modelry.cli.main", "--uri", f"json:{example}", "models"]
    environment = {**os.environ, "MODELRY_HOME": str(example.parent / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("modelry: registry.json, line 17 column 5, is not as it must be")
    assert "yolov8n-coco:2: there is no stage 'live' here" in second
    example.write_bytes(BOM_UTF8 + EXAMPLE.encode())
    with opened(example) as registry:
        assert registry.resolve(NAME).number == 1


def test_a_link_to_the_file_is_the_file(example: Path, tmp_path: Path) -> None:
    link = tmp_path / "linked" / "models.json"
    link.parent.mkdir()
    link.symlink_to(example)
    with opened(link) as registry, opened(example) as same:
        registry.archive(f"{NAME}:2")
        assert same.resolve(f"{NAME}:2").stage == "archived"
    assert link.is_symlink()


def test_a_file_that_is_gone_is_written_again_from_its_history(example: Path) -> None:
    with opened(example) as registry:
        registry.resolve(NAME)
        example.unlink()
        assert registry.resolve(NAME).number == 1
    assert json.loads(example.read_text(encoding="utf-8")) == json.loads(EXAMPLE)


def test_a_history_that_is_gone_is_missed_where_something_was_sealed(path: Path) -> None:
    weights = path.parent / "m.bin"
    weights.write_bytes(b"weights")
    with opened(path) as registry:
        registry.register("m", weights)
        path.with_name("registry.history.jsonl").unlink()
        with pytest.raises(Corrupt, match="bring the history back"):
            registry.resolve("m")


def test_a_history_that_was_edited_is_named_by_its_line(example: Path) -> None:
    history = example.with_name("registry.history.jsonl")
    with opened(example) as registry:
        registry.promote(f"{NAME}:1", "archived")
        registry.promote(f"{NAME}:2", "archived")
    text = history.read_text(encoding="utf-8")
    history.write_text(text.replace("archived", "Archived", 1), encoding="utf-8")
    with opened(example) as registry, pytest.raises(Corrupt, match=r"line 3 of .*was edited"):
        registry.resolve(NAME)
    history.write_bytes(text.partition("\n")[2].encode())
    with opened(example) as registry, pytest.raises(Corrupt, match="is not a history"):
        registry.resolve(NAME)


@pytest.mark.parametrize("left", range(1, 400, 57))
def test_a_change_that_was_cut_in_the_history_never_happened(example: Path, left: int) -> None:
    history = example.with_name("registry.history.jsonl")
    with opened(example) as registry:
        registry.resolve(NAME)
        whole, before = history.read_bytes(), example.read_bytes()
        registry.promote(f"{NAME}:2", "production")
        after = history.read_bytes()
    history.write_bytes(after[: len(whole) + left])  # killed while it wrote its line
    example.write_bytes(before)
    with opened(example) as registry:
        assert registry.resolve(NAME).number == 1
        registry.archive(f"{NAME}:2")
        assert len(told(registry)) == 5


def test_a_change_whose_file_was_not_put_in_place_never_happened(example: Path) -> None:
    history = example.with_name("registry.history.jsonl")
    with opened(example) as registry:
        registry.resolve(NAME)
        before = example.read_bytes()
        registry.promote(f"{NAME}:2", "production")
        told_now = history.read_bytes()
        assert told_now.endswith(b'{"done":true}\n')
        history.write_bytes(told_now[: told_now[:-1].rindex(b"\n") + 1])
        with opened(example) as other:  # killed between putting it in place and saying so
            assert other.resolve(NAME).number == 2
        example.write_bytes(before)  # killed before: and then a hand added something
        edit(example, lambda found: found.append({"model_name": NAME, "version": 3, "path": "p"}))
    with opened(example) as registry:
        assert registry.resolve(NAME).number == 1
        assert sentences(told(registry)[4:]) == [("version.registered", 3)]


def test_a_file_that_is_put_back_as_it_was_is_an_edit(example: Path) -> None:
    with opened(example) as registry:
        before = example.read_bytes()
        registry.promote(f"{NAME}:2", "production")
        example.write_bytes(before)
        assert registry.resolve(f"{NAME}@production").number == 1
        assert told(registry)[-1].actor == HAND


def test_a_file_that_others_hold_for_too_long_is_unavailable(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    one, other = JsonStore(example), JsonStore(example)
    with one._held(), pytest.raises(Unavailable, match="was busy for 0 s"):
        other.change(lambda unit: unit.projects())
    assert other.change(lambda unit: list(unit.projects())) == ["default"]


def test_a_look_from_inside_a_change_does_not_wait_for_it(example: Path) -> None:
    store = JsonStore(example)

    def work(unit: Unit) -> list[str]:
        unit.keep("k", "a", {})
        with store.read() as view:
            assert view.kept("k", "a") is None
            return list(view.projects())

    assert store.change(work) == ["default"]


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are POSIX")
def test_a_folder_that_cannot_be_written_can_be_read(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: files.Files) -> None:
        raise PermissionError(13, "Permission denied", str(self.path))

    monkeypatch.setattr(files.Files, "acquire", refuse)  # root may write everywhere
    registry = registry_on(JsonStore(example), example.parent)
    for status in ("production", "archived", "production"):
        edit(example, lambda found, status=status: found[0].update(status=status))  # type: ignore[misc]  # one argument
        assert registry.resolve(f"{NAME}:1").stage == status
    with pytest.raises(Unavailable, match="Permission denied"):
        registry.archive(f"{NAME}:1")
    assert sorted(each.name for each in example.parent.glob("registry*")) == ["registry.json"]


def test_the_mode_of_the_file_stays(example: Path) -> None:
    example.chmod(0o640)
    with opened(example) as registry:
        registry.archive(f"{NAME}:1")
    assert example.stat().st_mode & 0o777 == 0o640


def test_every_write_of_a_ledger_reaches_the_history() -> None:
    names = {name for kind in Ledger.__mro__ for name in vars(kind) if not name.startswith("_")}
    assert names - set(vars(RecordingUnit)) == set()
    assert "append" in names


def test_registries_go_from_a_file_to_a_database_and_back(example: Path, tmp_path: Path) -> None:
    weights = tmp_path / "m.bin"
    weights.write_bytes(b"weights")
    carried, back = tmp_path / "one.tar", tmp_path / "two.tar"
    address = f"sqlite:///{tmp_path}/db/registry.db"
    with opened(example) as source, connect(address, home=tmp_path / "h") as target:
        source.register(NAME, weights, version="1.0", metrics={"auc": 0.5})
        source.alias(NAME, "champion", "3")
        with carried.open("wb") as stream:
            source.export(stream)
        with carried.open("rb") as stream:
            assert target.import_(stream).versions == 3
        assert told(target) == [*told(source), told(target)[-1]]
        assert target.use(f"{NAME}@champion").read_bytes() == b"weights"
        assert target.resolve(f"{NAME}@production").source == "models/yolov8n-coco/v1/model.onnx"
        with back.open("wb") as stream:
            target.export(stream)
    again = tmp_path / "again" / "registry.json"
    with opened(again) as empty, back.open("rb") as stream:
        empty.import_(stream)
        assert empty.use(f"{NAME}@champion").read_bytes() == b"weights"
    assert entries(again) == entries(example)
