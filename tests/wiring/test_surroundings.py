"""What the registry records by itself."""

import os
import platform
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from modelry import surroundings
from modelry.surroundings import LocalSurroundings, SystemClock


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "deep").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main", str(folder))
    (folder / "train.py").write_text("1")
    (folder / "deep" / "model.bin").write_text("w")
    git(folder, "add", "train.py")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_the_author_is_the_account_and_not_what_a_variable_claims(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "eve")
    monkeypatch.setenv("USER", "eve")
    assert LocalSurroundings().author() == pwd.getpwuid(os.getuid()).pw_name


def test_an_account_without_an_entry_is_named_as_the_system_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    monkeypatch.setenv("LOGNAME", "container")
    surroundings._account.cache_clear()
    assert LocalSurroundings().author() == "container"
    surroundings._account.cache_clear()


def test_the_commit_of_the_checkout_around_a_path_is_recorded(checkout: Path) -> None:
    git(checkout, "remote", "add", "origin", "https://ada:secret@example.org/repo.git?token=x")
    commit = LocalSurroundings().commit(checkout / "deep" / "model.bin")
    assert commit is not None
    assert commit.sha == git(checkout, "rev-parse", "HEAD")
    assert (commit.branch, commit.dirty) == ("main", False)
    assert commit.remote == "https://example.org/repo.git"
    (checkout / "train.py").write_text("2")
    git(checkout, "checkout", "-q", "--detach")
    changed = LocalSurroundings().commit(checkout)
    assert changed is not None
    assert (changed.branch, changed.dirty) == (None, True)


def test_a_remote_without_a_scheme_is_recorded_as_it_is(checkout: Path) -> None:
    git(checkout, "remote", "add", "origin", "git@example.org:repo.git")
    commit = LocalSurroundings().commit(checkout)
    assert commit is not None
    assert commit.remote == "git@example.org:repo.git"


def test_a_variable_of_git_does_not_lead_astray(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    commit = LocalSurroundings().commit(checkout / "train.py")
    assert commit is not None


def test_outside_a_checkout_and_before_the_first_commit_there_is_none(tmp_path: Path) -> None:
    assert LocalSurroundings().commit(tmp_path) is None
    git(tmp_path, "init", "-q", str(tmp_path))
    assert LocalSurroundings().commit(tmp_path) is None


def test_without_git_there_is_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert shutil.which("git") is None
    assert LocalSurroundings().commit(checkout) is None


def test_the_environment_names_python_and_its_packages() -> None:
    environment = LocalSurroundings().environment()
    assert environment.python == platform.python_version()
    assert environment.packages["sqlalchemy"].startswith("2.")
    assert "modelry" in environment.packages


def test_folders_on_the_path_that_are_absent_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("My_Package-1.0.dist-info", "old-2.0.egg-info", "nothing"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path / "absent"), str(tmp_path)])
    packages = LocalSurroundings().environment().packages
    assert packages == {"my-package": "1.0", "old": "2.0"}


def test_the_clock_counts_microseconds() -> None:
    first, second = SystemClock().now(), SystemClock().now()
    assert 1_700_000_000_000_000 < first <= second
