"""Settings come from the command line, the environment, files, and nowhere else (S2.10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from answers import Answer, Command


def said(answer: Answer, name: str) -> tuple[Any, str, str]:
    (found,) = [each for each in answer.document["settings"] if each["name"] == name]
    return found["value"], found["source"], found["place"]


def test_each_setting_is_shown_with_who_says_so(
    run: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text('# ours\nport = 9001\nworkers = 2\nuri = "sqlite:///file.db"\n')
    home.mkdir(exist_ok=True)
    (home / "modelry.toml").write_text("port = 9002\nthreads = 3\n")
    monkeypatch.setenv("MODELRY_CONFIG", str(ours))
    monkeypatch.setenv("MODELRY_WORKERS", "4")
    shown = run("--uri", "sqlite:///flag.db", "config", "show", "--json")
    assert said(shown, "uri") == ("sqlite:///flag.db", "flag", "--uri")
    assert said(shown, "workers") == (4, "environment", "MODELRY_WORKERS")
    assert said(shown, "port") == (9001, "file", f"{ours}:2")
    assert said(shown, "threads") == (3, "file", f"{home / 'modelry.toml'}:2")
    assert said(shown, "max_body") == (16 * 1024 * 1024, "default", "")
    assert said(run("config", "show", "--json"), "uri")[1:] == ("file", f"{ours}:4")


def test_an_inference_service_has_a_table_of_its_own(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text('port = 1\n\n[infer]\nthreads = 2\nport = 8090\ntoken = "sesame"\n')
    monkeypatch.setenv("MODELRY_INFER_THREADS", "3")
    shown = run("--config", str(ours), "config", "show", "--json")
    assert said(shown, "port") == (1, "file", f"{ours}:1")
    assert said(shown, "infer.port") == (8090, "file", f"{ours}:5")
    assert said(shown, "infer.threads") == (3, "environment", "MODELRY_INFER_THREADS")
    assert said(shown, "infer.token") == ("********", "file", f"{ours}:6")
    ours.write_text("[infer]\nprot = 1\n")
    refused = run("--config", str(ours), "config", "show", code=1)
    assert "ours.toml:2: there is no setting 'infer.prot'; is it infer.port?" in refused.err


def test_secrets_are_hidden(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text('token = "sesame"\nuri = "postgresql://ada:sesame@host/db"\n')
    monkeypatch.setenv("MODELRY_CONFIG", str(ours))
    monkeypatch.setenv("MODELRY_OIDC_CLIENT_SECRET", "sesame")
    shown = run("config", "show", "--json")
    assert said(shown, "token")[0] == said(shown, "oidc_client_secret")[0] == "********"
    assert said(shown, "uri")[0] == "postgresql://********@host/db"
    assert "sesame" not in shown.out + run("config", "show").out


def test_a_file_of_settings_is_what_other_commands_go_by(run: Command, tmp_path: Path) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text(f'uri = "sqlite:///{tmp_path / "elsewhere.db"}"\n')
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    run("--config", str(ours), "register", "churn", str(model))
    assert (tmp_path / "elsewhere.db").exists()


MISTAKES = {
    "prot = 1\n": "ours.toml:1: there is no setting 'prot'; is it port?",
    "\n[server]\nport = 1\n": "ours.toml:2: there is no setting 'server'",
    "a\n": "ours.toml: this is no TOML: ",
    '\n\nport = "many"\n': "ours.toml:3: port: input should be a valid integer",
    'token = ["sesame"]\n': "ours.toml:1: token: ",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_file_is_named_with_its_place(
    run: Command, tmp_path: Path, text: str
) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text(text)
    refused = run("--config", str(ours), "models" if "port" not in text else "config",
                  *(["show"] if "port" in text else []), code=1)  # fmt: skip
    assert MISTAKES[text] in refused.err
    assert "sesame" not in refused.err


def test_a_wrong_variable_is_named(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELRY_HOSTS", "models.example.com")
    assert "MODELRY_HOSTS: this is no JSON" in run("config", "show", code=1).err


def test_a_file_that_is_not_there_is_named(run: Command, tmp_path: Path) -> None:
    refused = run("--config", str(tmp_path / "absent.toml"), "models", code=1)
    assert f"there is no file {tmp_path / 'absent.toml'}" in refused.err


def test_the_file_in_the_home_folder_cannot_say_where_home_is(run: Command, home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "modelry.toml").write_text('home = "elsewhere"\n')
    assert "home cannot be set here" in run("models", code=1).err


def test_the_working_folder_has_no_say(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "modelry.toml").write_text('uri = "https://elsewhere.example"\n')
    assert said(run("config", "show", "--json"), "uri")[1] == "default"
