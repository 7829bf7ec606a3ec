"""`modelry run`: register after training, promote after evaluation, deploy (S0.12, S2.19)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from answers import Answer, Command
from jsonschema import Draft202012Validator

TRAIN = """
import json, os, pathlib
auc = float(os.environ.get("AUC", "0.9"))
pathlib.Path("model.bin").write_text(f"weights {auc}")
pathlib.Path("metrics.json").write_text(json.dumps({"auc": auc}))
print("trained")
"""
EVALUATE = """
import pathlib
def evaluate(loss): return {"metrics": {"loss": loss}}
def broken(): raise RuntimeError("https://ada:sesame@host is away")
def odd(): return 3
def flat(): return {"metrics": [0.9]}
def leave(): raise SystemExit(2)
def train():
    pathlib.Path("called.bin").write_text("weights")
    return {"path": "called.bin", "metrics": {"auc": 0.7}, "params": {"lr": 0.1}}
"""
PIPELINE = """
jobs:
  - job: register
    name: train
    run: {command: [PYTHON, train.py]}
    model: churn
    path: model.bin
    metrics: metrics.json
    params: {lr: 0.1}
    tags: {team: risk}
  - job: promote
    model: churn
    stage: production
    run: {call: "evaluate:evaluate", args: {loss: 0.1}}
    when:
      - {metric: auc, at_least: 0.85, better_than: production}
      - {metric: loss, at_most: 0.2}
  - job: deploy
    model: churn
    target: eu
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delitem(sys.modules, "evaluate", raising=False)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    (tmp_path / "pipe.yaml").write_text(PIPELINE.replace("PYTHON", sys.executable))
    return tmp_path


def write(folder: Path, text: str) -> str:
    (folder / "other.yaml").write_text(text.replace("PYTHON", sys.executable))
    return "other.yaml"


def outcomes(answer: Answer) -> list[tuple[str, str]]:
    return [(each["name"], each["outcome"]) for each in answer.document["jobs"]]


def events(run: Command, model: str = "churn") -> list[str]:
    found = run("history", model, "--json").document["events"]
    return [each["kind"] for each in found]


def test_a_version_is_registered_after_training_promoted_after_evaluation_and_deployed(
    run: Command,
) -> None:
    done = run("run", "pipe.yaml")
    assert done.lines == [
        "train: registered churn:1 (1)",
        "promote: promoted churn:1 (1) to production",
        "deploy: deployed churn:1 (1) to eu",
    ]
    assert events(run) == ["version.deployed", "version.promoted", "version.registered"]
    shown = run("show", "churn@production", "--json").document
    assert (shown["metrics"], shown["params"], shown["tags"]) == (
        {"auc": 0.9}, {"lr": 0.1}, {"team": "risk"},
    )  # fmt: skip
    (promotion,) = [
        each for each in run("history", "churn", "--json").document["events"]
        if each["kind"] == "version.promoted"
    ]  # fmt: skip
    assert "auc 0.9 is at least 0.85; nothing is in production yet" in promotion["comment"]


def test_a_worse_version_is_registered_and_not_promoted(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("run", "pipe.yaml")
    monkeypatch.setenv("AUC", "0.8")
    refused = run("run", "pipe.yaml", "--json", code=1)
    assert outcomes(refused) == [
        ("train", "registered"), ("promote", "failed"), ("deploy", "not run")
    ]  # fmt: skip
    assert "pipe.yaml, line 11, jobs[1] (promote): churn:2 is not promoted" in refused.err
    assert "auc 0.8 is not better than the 0.9 of churn:1" in refused.err
    assert run("show", "churn@production", "--json").document["number"] == 1
    monkeypatch.setenv("AUC", "0.95")
    better = run("run", "pipe.yaml", "--json")
    assert all(each["holds"] for each in better.document["jobs"][1]["conditions"])
    assert run("show", "churn@production", "--json").document["number"] == 3


def test_a_dry_run_checks_everything_and_does_nothing(run: Command, files: Path) -> None:
    done = run("run", "pipe.yaml", "--dry-run")
    assert "then register model.bin as churn" in done.lines[0]
    assert done.lines[1].endswith("promote the new churn to production if 2 conditions hold")
    assert not (files / "model.bin").exists()
    assert run("models", "--json").document["models"] == []


REGISTER = "jobs:\n  - {job: register, model: m, path: train.py"
MISTAKES = {
    "jobs: []": "line 1, jobs: needs entries",
    "jobs:\n  - {job: rgister}": "line 2, jobs[0].job: is one of register, promote, deploy",
    "jobs:\n  - {job: register, model: m}": "line 2, jobs[0]: path is missing",
    f"{REGISTER}, metrcs: 1}}": "line 2, jobs[0].metrcs: means nothing here; there are base",
    f"{REGISTER},\n     metrics: {{auc: sesame}}}}": "line 3, jobs[0].metrics.auc: takes a number",
    f"{REGISTER}, run: {{}}}}": "jobs[0].run: says too little",
    f"{REGISTER}, run: {{command: x, call: 'a:b'}}}}": "jobs[0].run: takes exactly one of its forms",
    f"{REGISTER}, description: '${{oc.env:NO_SUCH}}'}}": "line 2, jobs[0].description: KeyError",
    "jobs:\n  - {job: register, model: m, path: absent}": "no file or folder at 'absent'",
    "jobs:\n  - {job: promote, model: m, stage: prod, version: 1}": "there is no stage 'prod'",
    "jobs:\n  - {job: promote, model: m, stage: staging}": "say which version of m",
    "jobs:\n  - {job: deploy, model: m, target: eu}": "say which version of m",
    "jobs: 3": "line 1, jobs: takes a list",
    "- 1": "other.yaml: takes a mapping",
    "jobs: [": "line 1, column",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_named_with_its_line_and_field(run: Command, files: Path, text: str) -> None:
    refused = run("run", write(files, text), code=1)
    assert MISTAKES[text] in refused.err
    assert "sesame" not in refused.err
    assert run("models", "--json").document["models"] == []


FAILING = {
    "command: 'PYTHON -c \"raise SystemExit(3)\"'": "ended with 3",
    "command: no-such-program": "cannot be started: No such file or directory",
    "command: [PYTHON, -c, 'import time; time.sleep(30)'], timeout_seconds: 0.2": "ended after 0.2",
    "call: 'evaluate:broken'": "raised RuntimeError: https://********@host is away",
    "call: 'evaluate:absent'": "evaluate:absent cannot be imported",
    "call: 'evaluate:odd'": "answers nothing, or a mapping of path, metrics, params",
    "call: 'evaluate:flat'": "the metrics that evaluate:flat answers are no mapping",
    "call: 'evaluate:leave'": "evaluate:leave raised SystemExit: 2",
}


@pytest.mark.parametrize("text", FAILING)
def test_work_that_fails_registers_nothing(run: Command, files: Path, text: str) -> None:
    refused = run("run", write(files, f"{REGISTER}, run: {{{text}}}}}"), code=1)
    assert "other.yaml, line 2, jobs[0] (register): " in refused.err
    assert FAILING[text] in refused.err
    assert run("models", "--json").document["models"] == []


def test_a_callable_says_where_its_model_is_and_how_good(run: Command, files: Path) -> None:
    text = "jobs:\n  - {job: register, model: m, path: x, run: {call: 'evaluate:train'}}"
    run("run", write(files, text))
    shown = run("show", "m:1", "--json").document
    assert (shown["files"][0]["path"], shown["metrics"], shown["params"]) == (
        "called.bin", {"auc": 0.7}, {"lr": 0.1},
    )  # fmt: skip


def test_data_sets_begin_at_the_folder_and_metrics_are_numbers(
    run: Command, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "train.csv").write_text("x,y")
    (files / "eval.json").write_text('{"auc": "high"}')
    text = (
        f"{REGISTER}, version: a, metrics: {{auc: 1}}, datasets: [train.csv, adult]}}\n"
        "  - {job: promote, model: m, stage: production, metrics: eval.json,\n"
        "     when: [{metric: auc, at_least: 1}]}\n"
    )
    file = files / write(files, text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    refused = run("run", str(file), code=1)
    assert "the metric auc is 'high'; a metric is a number" in refused.err
    told = run("show", "m:1", "--json").document["datasets"]
    assert [(each["name"], bool(each["digest"])) for each in told] == [
        ("train.csv", True), ("adult", False),
    ]  # fmt: skip
    file.write_text(file.read_text().replace("auc: 1}, d", "auc: 2}, d"))
    again = run("run", str(file), code=1)
    assert "m:1 is sealed already; the metrics given now are not kept" in again.err


def test_a_condition_may_let_the_run_go_on(run: Command, files: Path) -> None:
    text = (
        f"{REGISTER}, metrics: {{loss: 0.5}}}}\n"
        "  - {job: promote, model: m, stage: production, otherwise: go on,\n"
        "     when: [{metric: loss, at_most: 0.1}, {metric: auc, at_least: 1}]}\n"
    )
    done = run("run", write(files, text))
    assert "loss 0.5 is not at most 0.1; m:1 has no metric auc" in done.lines[1]
    assert events(run, "m") == ["version.registered"]


def test_a_lower_loss_is_better_by_as_much_as_is_wanted(run: Command, files: Path) -> None:
    text = (
        "jobs:\n  - {job: register, model: m, path: train.py, metrics: {loss: LOSS}, version: LABEL}\n"
        "  - {job: promote, model: m, stage: production, when: [{metric: loss,\n"
        "     better_than: production, by: 0.1}]}\n"
    )
    run("run", write(files, text.replace("LOSS", "0.5").replace("LABEL", "a")))
    near = run("run", write(files, text.replace("LOSS", "0.45").replace("LABEL", "b")), code=1)
    assert "loss 0.45 is not better than the 0.5 of m:1 by more than 0.1" in near.err
    run("run", write(files, text.replace("LOSS", "0.3").replace("LABEL", "c")))
    assert run("show", "m@production", "--json").document["version"] == "c"


def test_a_deployment_that_fails_goes_back_to_the_version_before(run: Command, files: Path) -> None:
    run("run", "pipe.yaml")
    os.environ["AUC"] = "0.95"
    try:
        run("run", "pipe.yaml")
    finally:
        del os.environ["AUC"]
    text = (
        "jobs:\n  - {job: deploy, model: churn, version: '@production', target: eu,\n"
        "     rollback: production, run: {command: [PYTHON, -c, 'raise SystemExit(1)']}}"
    )
    refused = run("run", write(files, text), code=1)
    assert "ended with 1; production of churn is back at churn:1" in refused.err
    assert run("show", "churn@production", "--json").document["number"] == 1
    assert events(run)[0] == "stage.rolled_back"


def test_a_later_file_wins_and_says_which_registry(run: Command, files: Path) -> None:
    (files / "base.yaml").write_text("registry: sqlite:///base.db\njobs: []\n")
    over = write(files, f"registry: sqlite:///over.db\n{REGISTER}}}")
    run("run", "base.yaml", over)
    assert (files / "over.db").exists()
    assert not (files / "base.db").exists()
    run("--uri", "sqlite:///flag.db", "run", over)
    assert (files / "flag.db").exists()


def test_whoever_is_named_is_told_how_it_ended(
    run: Command, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"alerts: ['nowhere://${{oc.env:ALERT_PASSWORD,sesame}}@host']\n{REGISTER}}}"
    run("run", write(files, text))
    assert "no alert can be sent to nowhere" in caplog.text
    assert "sesame" not in caplog.text


def test_the_schema_is_published_and_the_page_shows_what_it_takes(run: Command) -> None:
    schema = json.loads(run("run", "--schema").out)
    Draft202012Validator.check_schema(schema)
    assert set(schema["$defs"]) >= {"register", "promote", "deploy", "condition"}
    assert "--schema" in run("run", code=2).err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_ended_leaves_nothing_half_done(
    run: Command, files: Path, number: signal.Signals, code: int
) -> None:
    text = f'{REGISTER}, run: {{command: [PYTHON, -c, \'open("begun", "w"); import time; time.sleep(60)\']}}}}'
    command = [str(Path(sys.executable).parent / "modelry"), "run", write(files, text)]
    process = subprocess.Popen(command, cwd=files, start_new_session=True)
    while not (files / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(30) == code
    assert run("models", "--json").document["models"] == []
    assert run("audit", "verify", "--json").document["problems"] == []


def test_the_pipeline_on_the_page_runs(run: Command, files: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "pipelines.md").read_text(encoding="utf-8")
    text = page.split("```yaml\n")[1].split("```")[0]
    done = run("run", write(files, text.replace('"python ', f'"{sys.executable} ')))
    assert page.split("modelry run pipeline.yaml\n")[1].startswith(done.out)


def test_the_registry_may_be_one_of_mlflows(files: Path) -> None:
    jobs = (files / "pipe.yaml").read_text().partition("  - job: deploy")[0]
    write(files, f"registry: mlflow:sqlite:///{files / 'mlflow.db'}{jobs}")
    command = [str(Path(sys.executable).parent / "modelry"), "run", "other.yaml", "--json"]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["jobs"]
    assert [each["outcome"] for each in told] == ["registered", "promoted"]


def test_registers_and_savers_are_chosen_by_their_kind(run: Command, files: Path) -> None:
    parts = "saver: {KIND: ModelrySaver}, register: {KIND: ModelryRegister, tags: {team: risk}}"
    text = f"{REGISTER}, {parts}}}\n  - {{job: promote, model: m, stage: production}}\n"
    assert run("run", write(files, text)).lines == [
        "register: registered m:1", "promote: promoted m:1 (1) to production",
    ]  # fmt: skip
    assert run("show", "m@production", "--json").document["tags"] == {"team": "risk"}
    for more, told in (
        (f", metrics: {{auc: 1}}, {parts}", "metrics would be lost: a register by KIND takes"),
        (", register: {KIND: NoRegister}", "the configuration is not right at"),
        (", register: {tags: {}}", "jobs[0].register: KIND is missing"),
        (", saver: {KIND: ModelrySaver}", "a saver goes with a register"),
    ):
        refused = run("run", write(files, f"{REGISTER}{more}}}"), code=1)
        assert told in refused.err
