from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from answers import Answer, Command
from typer.testing import CliRunner

from modelry.cli.app import app


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MODELRY_URI", "MODELRY_BLOBS", "MODELRY_TRACEBACK", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODELRY_CONFIG", "")  # --config sets it, and it is put back after the test
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def run() -> Command:
    """Run a command in this process; it must end with `code`."""

    def command(*words: str, code: int = 0) -> Answer:
        result = CliRunner().invoke(app, list(words), prog_name="modelry", catch_exceptions=False)
        assert result.exit_code == code, result.output
        return Answer(result.exit_code, result.stdout, result.stderr)

    return command


@pytest.fixture
def shell(tmp_path: Path) -> Command:
    """Run a shell line in another process, with the real `modelry` on its path."""
    binaries = str(Path(sys.executable).parent)

    def command(line: str, env: Mapping[str, str] | None = None) -> Answer:
        result = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=120,
            env={**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", **(env or {})},
        )
        assert "Traceback" not in result.stderr
        return Answer(result.returncode, result.stdout, result.stderr)

    return command


@pytest.fixture
def model_file(tmp_path: Path) -> Callable[[str, bytes], str]:
    def make(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return make


@pytest.fixture
def three_versions(run: Command, model_file: Callable[[str, bytes], str]) -> None:
    """Make `credit-risk` with 1.0.0 archived, 1.1.0 in production and 1.2.0 nowhere."""
    for number, auc in enumerate([0.901, 0.9134, 0.887]):
        path = model_file(f"m{number}.bin", bytes([number]) * (1000 + number))
        run("register", "credit-risk", path, "--version", f"1.{number}.0",
            "--metric", f"auc={auc}", "--metric", f"logloss={0.4 - number / 100}",
            "--param", f"C={number}", "--tag", "team=risk")  # fmt: skip
    run("promote", "credit-risk:1.0.0", "production", "-m", "the first")
    run("promote", "credit-risk:1.1.0", "production", "-m", "beats the baseline")
    run("alias", "credit-risk", "champion", "1.1.0")
