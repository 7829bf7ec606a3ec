from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import Command

MakeFile = Callable[[str, bytes], str]


def blob(home: Path, content: bytes) -> Path:
    (found,) = [path for path in (home / "blobs").rglob("*") if path.is_file()
                and path.read_bytes() == content]  # fmt: skip
    return found


@pytest.mark.usefixtures("three_versions")
def test_verify_reads_everything_or_one_version(run: Command) -> None:
    assert run("verify").lines == ["all good: 3 blobs read, 3.0 kB"]
    assert run("verify", "credit-risk:1").lines == ["all good: 1 blob read, 1.0 kB"]
    assert run("verify", "--json").document == {
        "ok": True, "blobs": 3, "bytes": 3003, "problems": []}  # fmt: skip


@pytest.mark.usefixtures("three_versions")
def test_a_damaged_file_is_named_by_verify_and_refused_by_use(run: Command, home: Path) -> None:
    damaged = blob(home, b"\x01" * 1001)
    damaged.chmod(0o600)
    damaged.write_bytes(b"\x02" * 1001)

    said = run("verify", code=1)
    document = run("verify", "--json", code=1).document
    used = run("use", "credit-risk:2", code=1)
    assert said.out.startswith("credit-risk:2 m1.bin: ")
    assert said.err.startswith("modelry: 1 problem found, the first: credit-risk:2 m1.bin: ")
    assert said.err.count("\n") == 1
    assert document["ok"] is False
    assert document["problems"][0]["where"] == "credit-risk:2 m1.bin"
    assert "m1.bin" in used.err
    assert used.out == ""


@pytest.mark.usefixtures("three_versions")
def test_use_prints_the_path_and_nothing_else(run: Command, tmp_path: Path) -> None:
    said = run("use", "credit-risk@production")
    document = run("use", "credit-risk", "--json").document
    there = run("use", "credit-risk:1", "--to", str(tmp_path / "there"))

    assert len(said.lines) == 1
    assert Path(said.lines[0]).read_bytes() == b"\x01" * 1001
    assert said.err == ""
    assert document == {"ref": "credit-risk:2", "path": said.lines[0],
                        "digest": document["digest"]}  # fmt: skip
    assert Path(there.lines[0]).read_bytes() == b"\x00" * 1000
    assert Path(there.lines[0]).is_relative_to(tmp_path / "there")


@pytest.mark.usefixtures("three_versions")
def test_delete_wants_yes_where_nobody_can_be_asked(run: Command) -> None:
    said = run("delete", "credit-risk:3", code=2)

    assert "there is nobody to ask; say --yes to delete it for good" in said.err
    assert len(run("versions", "credit-risk", "--json").document["versions"]) == 3


@pytest.mark.usefixtures("three_versions")
def test_delete_leaves_a_tombstone_and_purge_frees_the_bytes(run: Command, home: Path) -> None:
    said = run("delete", "credit-risk@latest", "--yes", "--comment", "wrong data")
    early = run("purge", "credit-risk:1", code=1)
    freed = run("purge", "credit-risk:3")
    again = run("purge", "credit-risk:3", "--json").document

    assert said.lines == ["deleted credit-risk:3 (1.2.0); its history stays"]
    assert early.err == "modelry: credit-risk:1 is not deleted; delete it first, then purge it\n"
    assert freed.lines == ["purged credit-risk:3: 1 blob, 1.0 kB freed"]
    assert again == {"blobs": 0, "bytes": 0}
    assert "“wrong data”" in run("history", "credit-risk").out
    assert not [path for path in (home / "blobs").rglob("*") if path.is_file()
                and path.read_bytes() == b"\x02" * 1002]  # fmt: skip


@pytest.mark.usefixtures("three_versions")
def test_delete_refuses_what_a_stage_names_and_takes_a_whole_model(run: Command) -> None:
    said = run("delete", "credit-risk:2", "-y", code=1)
    assert "credit-risk@champion names version 2" in said.err

    run("alias", "credit-risk", "champion", "--delete")
    run("archive", "credit-risk:2")
    document = run("delete", "credit-risk", "-y", "--json").document
    assert document == {"ref": "credit-risk", "deleted": True}
    assert run("models", "--json").document["models"] == []


def test_gc_removes_what_no_version_names_and_leaves_what_is_young(
    run: Command, model_file: MakeFile, home: Path
) -> None:
    run("register", "churn", model_file("a.bin", b"a" * 10))
    run("register", "churn", model_file("b.bin", b"b" * 20))
    run("delete", "churn:1", "--yes")
    database = sqlite3.connect(home / "registry.db")
    database.execute("PRAGMA journal_mode")
    database.close()

    assert run("gc").lines == ["collected: 0 blobs, 0 B freed"]
    assert run("gc", "--grace", "0", "--json").document["blobs"] in {0, 1}
    assert run("verify").lines[0].startswith("all good")
    assert "'soon' is not a duration" in run("gc", "--grace", "soon", code=2).err


@pytest.mark.usefixtures("three_versions")
def test_a_backup_is_restored_into_an_empty_registry_only(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("backup", "all.tar")
    full = run("restore", "all.tar", code=1)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "second"))
    back = run("restore", "all.tar", "--json").document

    assert said.lines == ["backed up to all.tar: 1 model, 3 versions, 6 events, 3.0 kB"]
    assert "empty registry" in full.err
    assert back == {"file": "all.tar", "models": 1, "versions": 3, "events": 6, "blobs": 3,
                    "bytes": 3003}  # fmt: skip
    assert run("show", "credit-risk@champion").lines[0] == "credit-risk:2  1.1.0"
    assert run("audit", "verify").lines == [
        "all good: 6 records in 1 chain, none edited, removed or reordered"
    ]


@pytest.mark.usefixtures("three_versions")
def test_one_model_is_exported_and_imported_with_its_history(
    run: Command, model_file: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("register", "other", model_file("o.bin", b"o"))
    said = run("export", "one.tar", "credit-risk")
    whole = run("export", "all.tar", "--json").document
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "second"))
    taken = run("import", "one.tar")
    again = run("import", "one.tar", "--json").document

    assert said.lines == ["exported to one.tar: 1 model, 3 versions, 6 events, 3.0 kB"]
    assert whole["models"] == 2
    assert taken.lines[0].startswith("imported from one.tar: 1 model, 3 versions")
    assert again["models"] == 0
    assert "imported the model and its 6 records from another registry" in run(
        "history", "credit-risk").out  # fmt: skip


@pytest.mark.parametrize("words", [["backup"], ["export"], ["audit", "checkpoint"]])
@pytest.mark.usefixtures("three_versions")
def test_a_file_that_is_there_is_not_written_over_without_force(
    run: Command, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "out").write_text("precious")
    (tmp_path / "folder").mkdir()
    said = run(*words, "out", code=1)

    assert said.err == (
        "modelry: out exists already; name another file, or write over it with --force\n"
    )
    assert (tmp_path / "out").read_text() == "precious"
    run(*words, "out", "--force")
    assert (tmp_path / "out").read_bytes() != b"precious"
    assert run(*words, "folder", code=2).out == ""
    missing = run(*words, "nowhere/out", code=1)
    assert "nowhere" in missing.err
    assert missing.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []


@pytest.mark.usefixtures("three_versions")
def test_a_failed_export_leaves_no_file(run: Command, tmp_path: Path) -> None:
    run("export", "out.tar", "nobody", code=1)

    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


@pytest.mark.usefixtures("three_versions")
def test_an_edited_record_is_found_and_named(run: Command, home: Path) -> None:
    database = sqlite3.connect(home / "registry.db")
    database.execute("UPDATE events SET actor = 'mallory' WHERE seq = 4")
    database.commit()
    database.close()

    said = run("audit", "verify", code=1)
    document = run("audit", "verify", "credit-risk", "--json", code=1).document
    assert "default/credit-risk#4: was edited" in said.out
    assert said.err.startswith("modelry: 1 problem found, the first: default/credit-risk#4")
    assert document["ok"] is False
    assert document["problems"][0]["where"] == "default/credit-risk#4"


def test_a_checkpoint_shows_that_records_are_gone(
    run: Command, model_file: MakeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("register", "churn", model_file("a.bin", b"a"))
    run("backup", "old.tar")
    run("register", "churn", model_file("b.bin", b"b"))
    said = run("audit", "checkpoint", "point.json")
    document = run("audit", "checkpoint", "two.json", "--json").document
    fine = run("audit", "verify", "--checkpoint", "point.json", "--json").document
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "second"))

    assert said.lines == ["wrote point.json, the last records of 1 chain; keep it elsewhere"]
    assert document["chains"] == 1
    assert fine == {"ok": True, "chains": 1, "events": 2, "problems": []}
    assert "checkpoint" in run("restore", "old.tar", "--checkpoint", "point.json", code=1).err
    run("restore", "old.tar")
    gone = run("audit", "verify", "--checkpoint", "point.json", code=1)
    assert "default/churn#2: was there at the checkpoint and is gone" in gone.out
    assert "not a checkpoint" in run("audit", "verify", "--checkpoint", "old.tar", code=1).err or (
        "JSON" in run("audit", "verify", "--checkpoint", "old.tar", code=1).err)  # fmt: skip
