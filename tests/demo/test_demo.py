"""The demo, run for real, once, and then the commands that it ends with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import modelry
from modelry.core.repository import RegistryRepository

CHECKOUT = Path(__file__).resolve().parents[2]
DEMO = CHECKOUT / "examples" / "demo" / "run.py"


@dataclass(frozen=True)
class Run:
    """What the demo printed, and where."""

    output: str
    seconds: float
    home: Path

    def commands(self) -> list[str]:
        """Answer the lines of the last section that are meant to be pasted."""
        last = self.output[self.output.index("Your turn") :]
        return [
            line.strip() for line in last.splitlines() if re.match(r" +(modelry|export) ", line)
        ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("demo") / "home"
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(DEMO), "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr  # ONNX Runtime may say something of the hardware
    return Run(done.stdout, time.monotonic() - begin, home)


@pytest.fixture
def registry(demo: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryRepository]:
    monkeypatch.setenv("MODELRY_HOME", str(demo.home))
    monkeypatch.delenv("MODELRY_URI", raising=False)
    monkeypatch.delenv("MODELRY_BLOBS", raising=False)
    with modelry.connect() as opened:
        yield opened


def test_the_demo_ends_by_itself_well_under_90_seconds(demo: Run) -> None:
    assert demo.seconds < 90


def test_predictions_from_the_registry_equal_those_of_scikit_learn(demo: Run) -> None:
    found = re.findall(r"(\d+) of (\d+) predictions from (\S+) equal scikit-learn's", demo.output)
    assert [name for _, _, name in found] == ["baseline.onnx", "network.safetensors"]
    assert all(same == of == "540" for same, of, _ in found)


def test_the_demo_rolls_back_for_a_reason_that_it_measured(demo: Run) -> None:
    measured = dict(re.findall(r"^ +(\d\.0\.0) .*?(\d+\.\d)% *$", demo.output, re.MULTILINE))
    assert float(measured["1.0.0"]) > float(measured["2.0.0"]) + 2
    assert "production is 1.0.0 again" in demo.output
    assert "production was 2.0.0, now it is 1.0.0" in demo.output


def test_what_the_demo_prints_is_what_the_registry_holds(
    demo: Run, registry: RegistryRepository
) -> None:
    history = registry.history("digits")
    assert [event.kind for event in reversed(history.events)] == [
        *["version.registered"] * 3,
        *["version.promoted"] * 2,
        "stage.rolled_back",
        "version.promoted",
    ]
    assert registry.resolve("digits@production").version == "1.0.0"
    assert registry.resolve("digits@staging").version == "3.0.0"
    assert registry.audit().problems == ()
    assert "7 chained records verified" in demo.output


def test_a_team_shares_a_registry_and_roles_hold(demo: Run) -> None:
    team = demo.output[demo.output.index("A team") : demo.output.index("Your turn")]
    assert "ana registered digits:1" in team
    assert "takes the role approver, and ana is publisher of default" in " ".join(team.split())
    assert "ben promoted it, and got network.safetensors from production" in " ".join(team.split())
    told = re.findall(r"^ +\d\d:\d\d:\d\d +(\w+) +([\w.]+)", team, re.MULTILINE)
    assert told[-3:] == [
        ("ana", "version.registered"), ("ana", "change.denied"), ("ben", "version.promoted"),
    ]  # fmt: skip


def test_the_versions_know_what_they_were_made_from(registry: RegistryRepository) -> None:
    for version in registry.versions("digits"):
        assert {each.name for each in version.datasets} == {"learn.csv", "test.csv"}
        assert all((each.digest or "").startswith("sha256:") for each in version.datasets)
        assert set(version.metrics) == {"accuracy", "f1_macro", "latency_ms"}
        assert version.params
        assert version.findings is not None
        assert version.findings.format == ("safetensors" if version.number == 3 else "onnx")


def test_output_into_a_pipe_is_plain_and_80_columns_wide(demo: Run) -> None:
    assert "\x1b" not in demo.output
    story = demo.output[: demo.output.index("Your turn")]
    assert max(len(line) for line in story.splitlines()) <= 80


def test_the_commands_that_the_demo_ends_with_work(demo: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo.home, home)
    commands = [line.replace(str(demo.home), str(home)) for line in demo.commands()]
    assert commands[0].startswith("export MODELRY_HOME=")
    assert len(commands) > 5
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (home / "candidate" / "network.safetensors").is_file()


def test_every_command_shown_beside_a_step_exists(demo: Run) -> None:
    verbs = sorted(set(re.findall(r"^ +\$ modelry (\w+)", demo.output, re.MULTILINE)))
    assert verbs == [
        "compare", "history", "log", "promote", "register", "rollback", "serve", "use",
    ]  # fmt: skip
    modelry_command = str(Path(sys.executable).parent / "modelry")
    for verb in verbs:
        subprocess.run([modelry_command, verb, "--help"], check=True, capture_output=True)
