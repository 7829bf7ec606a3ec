"""The files of a `registry.json`: broken, gone, cut, held, linked, carried elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from codecs import BOM_UTF8
from pathlib import Path

import pytest
from registry_json import EXAMPLE, NAME, edit, entries, opened, sentences, told

from modelry.core.errors import Corrupt, Unavailable
from modelry.core.ports import Ledger, Unit
from modelry.stores.jsonfile import JsonStore, files
from modelry.stores.jsonfile.document import HAND
from modelry.stores.jsonfile.writes import RecordingUnit
from modelry.testing.fakes import registry_on
from modelry.wiring import connect


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.json"


@pytest.fixture
def example(path: Path) -> Path:
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


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
    assert names - set(vars(RecordingUnit)) == {"stamp"}, "the events say when versions changed"
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
