from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import Command

MakeFile = Callable[[str, bytes], str]


def test_a_registration_prints_a_card_and_what_to_do_next(
    run: Command, model_file: MakeFile
) -> None:
    said = run("register", "churn", model_file("m.bin", b"x" * 1500), "--version", "1.0.0")

    assert said.lines[0] == "registered churn:1"
    assert "  Label       1.0.0" in said.lines
    assert "  Size        1.5 kB in 1 file" in said.lines
    assert any(line.startswith("  Digest      sha256:") for line in said.lines)
    assert said.lines[-1] == "  Next        modelry promote churn:1 production"
    assert said.err == ""


def test_everything_that_was_typed_is_in_the_json(
    run: Command, model_file: MakeFile, tmp_path: Path
) -> None:
    run("register", "base-model", model_file("base.bin", b"base"))
    data = model_file("train.csv", b"a,b\n1,2\n")
    digest = "sha256:" + "9" * 64
    said = run(
        "register", "churn", model_file("m.bin", b"x"), "--version", "v1.0", "--metric", "auc=0.9",
        "--metric", "rows=12", "--param", "C=1.0", "--param", "deep=true", "--param", "none=null",
        "--param", "layers=[1,2]", "--param", "solver=lbfgs", "--param", "id=007", "--tag",
        "team=risk", "--tag", "gpu", "--dataset", data, "--dataset", f"census={digest}",
        "--dataset", "web=https://example.org/a?b=c", "--dataset", "iris", "--description", "Ünïcode 模型",
        "--run-id", "run-7", "--base", "base-model:1", "--json",
    ).document  # fmt: skip

    assert said["ref"] == "churn:1"
    assert said["version"] == "v1.0"
    assert said["already_registered"] is False
    assert said["metrics"] == {"auc": 0.9, "rows": 12}
    assert said["params"] == {"C": 1.0, "deep": True, "none": None, "layers": [1, 2],
                              "solver": "lbfgs", "id": "007"}  # fmt: skip
    assert said["tags"] == {"team": "risk", "gpu": ""}
    names = {each["name"]: each for each in said["datasets"]}
    assert names["train.csv"]["digest"].startswith("sha256:")
    assert names["census"]["digest"] == digest
    assert names["web"]["uri"] == "https://example.org/a?b=c"
    assert names["iris"] == {"name": "iris", "digest": None, "uri": None}
    assert said["description"] == "Ünïcode 模型"
    assert said["run_id"] == "run-7"
    assert said["base"] == "base-model:1"
    assert said["created_at"].endswith("Z")
    assert said["source"] == str(tmp_path / "m.bin")


def test_the_same_bytes_under_the_same_label_are_said_to_be_there_already(
    run: Command, model_file: MakeFile
) -> None:
    path = model_file("m.bin", b"x")
    run("register", "churn", path, "--version", "1.0.0")
    said = run("register", "churn", path, "--version", "1.0.0")
    document = run("register", "churn", path, "--version", "1.0.0", "--json").document

    assert said.lines[0] == "already registered churn:1"
    assert said.lines[-1] == "  Next        modelry show churn:1"
    assert document["already_registered"] is True
    assert document["number"] == 1


def test_metadata_that_is_not_kept_is_a_note_and_no_warning_of_python(
    run: Command, model_file: MakeFile
) -> None:
    path = model_file("m.bin", b"x")
    run("register", "churn", path, "--version", "1", "--metric", "auc=0.8")
    said = run("register", "churn", path, "--version", "1", "--metric", "auc=0.9", "--json")

    assert said.err == "note: churn:1 is sealed already; the metrics given now are not kept\n"
    assert said.document["metrics"] == {"auc": 0.8}


def test_other_bytes_under_a_taken_label_are_refused_in_one_line(
    run: Command, model_file: MakeFile
) -> None:
    run("register", "churn", model_file("m.bin", b"x"), "--version", "1.0.0")
    said = run("register", "churn", model_file("n.bin", b"yy"), "--version", "1.0.0", code=1)

    assert said.out == ""
    assert said.err.startswith("modelry: churn 1.0.0 is taken: ")
    assert said.err.count("\n") == 1


def test_a_folder_is_registered_with_all_its_files(run: Command, model_file: MakeFile) -> None:
    for number in range(14):
        model_file(f"folder/part-{number:02}.txt", str(number).encode())
    said = run("register", "parts", "folder")
    page = run("show", "parts:1")

    assert "in 14 files" in said.out
    assert "  part-00.txt  1 B  sha256:" in page.out
    assert "  ... and 4 more files" in page.lines
    assert "part-10.txt" not in page.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--metric", "auc"], "'auc' has no value; write name=value"),
        (["--metric", "auc=high"], "the metric auc is 'high', and a metric is a finite number"),
        (["--metric", "auc=nan"], "the metric auc is 'nan'"),
        (["--metric", "auc=1e999"], "the metric auc is '1e999'"),
        (["--metric", "auc=1", "--metric", "auc=2"], "'auc' is given twice"),
        (["--param", "C"], "'C' has no value; write name=value"),
        (["--param", "=1"], "'=1' has no value; write name=value"),
        (["--tag", "=x"], "'=x' has no value"),
        (
            ["--dataset", "train=unknown"],
            "write a name, a local path, name=path, name=sha256:... or",
        ),
        (["--nonsense"], "No such option"),
    ],
)
def test_a_mistyped_value_is_wrong_usage(
    run: Command, model_file: MakeFile, words: list[str], says: str
) -> None:
    model_file("here.csv", b"x")
    said = run("register", "churn", model_file("m.bin", b"x"), *words, code=2)

    assert says in said.err
    assert said.out == ""
    assert run("models", "--json").document == {"models": [], "next": None}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["churn", "nowhere.bin"], "nowhere.bin"),
        (["Not A Name", "m.bin"], "'Not A Name' is not a model name"),
        (["churn:3", "m.bin"], "'churn:3' names a version; name the model alone"),
        (["churn", "m.bin", "--base", "nobody:1"], "nobody"),
        (["churn", "m.bin", "--version", "a b"], "'a b' is not a version label"),
        (["churn", "m.bin", "--description", "\x1b[31mred"], "holds U+001B"),
        (["team/churn", "m.bin"], "team"),
    ],
)
def test_what_the_registry_refuses_is_one_line_and_exit_code_1(
    run: Command, model_file: MakeFile, words: list[str], says: str
) -> None:
    model_file("m.bin", b"x")
    said = run("register", *words, code=1)

    assert said.err.startswith("modelry: ")
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_json_is_one_document_without_colour_even_where_colour_is_forced(
    run: Command, model_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    said = run("register", "churn", model_file("m.bin", b"x"), "--json")

    assert json.loads(said.out)["ref"] == "churn:1"
    assert "\x1b" not in said.out


def test_s2_15_a_registration_that_fails_is_in_the_log_once(
    run: Command, model_file: MakeFile
) -> None:
    run("register", "churn", model_file("m.bin", b"x"), "--version", "1.0.0")
    run("register", "churn", model_file("n.bin", b"y"), "--version", "1.0.0", code=1)
    run("register", "no name!", model_file("n.bin", b"y"), "--version", "1", code=1)
    run("register", "churn", "absent.bin", code=1)
    found = run("log", "--kind", "change.denied").lines
    told = [line for line in found if "was denied to register" in line]
    assert [part in line for part, line in zip(
        ("(churn): there is no", "(no name! 1): ", "(churn 1.0.0): churn 1.0.0 is taken"), told,
        strict=True)] == [True] * 3, found  # fmt: skip
