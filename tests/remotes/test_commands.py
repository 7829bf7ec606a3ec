"""The command line at a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from serving import Running
from typer.testing import CliRunner, Result

from modelry.cli.app import app

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    def command(*words: str, code: int = 0, typed: str = "") -> Result:
        result = CliRunner().invoke(app, list(words), typed, prog_name="modelry")
        assert result.exit_code == code, result.output
        return result

    return command


def test_a_token_that_is_pasted_is_checked_kept_and_forgotten(
    run: Run, server: Running, tmp_path: Path
) -> None:
    said = run("login", server.url, "--token-stdin", typed=server.token + "\n")
    assert said.stdout.startswith(f"signed in at {server.url} as admin until 20")
    assert server.token not in said.output
    assert (tmp_path / "home" / "credentials.json").exists()
    assert run("--uri", server.url, "whoami").stdout == "admin: admin everywhere\n"
    assert run("logout", server.url).stdout == f"signed out of {server.url}\n"
    assert run("logout", server.url).stdout == f"no token was kept for {server.url}\n"
    refused = run("--uri", server.url, "whoami", code=1)
    assert "modelry login" in refused.stderr
    printed = run("login", server.url, "--token-stdin", "--print", typed=server.token)
    assert printed.stdout == server.token + "\n"


def test_a_token_that_the_server_does_not_know_is_not_kept(
    run: Run, server: Running, tmp_path: Path
) -> None:
    said = run("login", server.url, "--token-stdin", typed="modelry_wrong\n", code=1)
    assert "this token is not known here" in said.stderr
    assert "modelry_wrong" not in said.stderr
    assert not (tmp_path / "home" / "credentials.json").exists()
    assert "nobody to ask" in run("login", server.url, code=2).stderr
    assert "name a server" in run("login", code=2).stderr


def test_commands_do_at_a_server_what_they_do_embedded(
    run: Run, server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELRY_URI", server.url)
    monkeypatch.setenv("MODELRY_TOKEN", server.token)
    (tmp_path / "m.bin").write_text("weights")
    assert run("register", "m", "m.bin", "--version", "1.0").stdout.startswith("registered m:1")
    run("promote", "m:1", "production", "-m", "first")
    path = Path(run("use", "m@production").stdout.strip())
    assert path.read_text() == "weights"
    assert "promoted version 1 to production" in run("history", "m").stdout
    assert "promoted version 1 to production" in run("log").stdout
    secret = run("token", "create", "laptop").stdout.strip()
    monkeypatch.setenv("MODELRY_TOKEN", secret)
    assert run("whoami").stdout == "admin: admin everywhere\n"
    assert "laptop" in run("token", "list").stdout
    again = run("register", "m", "m.bin", "--version", "1.0", "--metric", "auc=1")
    assert "note: m:1 is sealed already; the metrics given now are not kept" in again.stderr
    assert run("verify").stdout.startswith("all good: 1 blob read")
    assert run("audit", "verify").stdout.startswith("all good: ")
    run("backup", "all.tar")
    assert (tmp_path / "all.tar").stat().st_size > 0
