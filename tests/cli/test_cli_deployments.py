"""`modelry deploy` and `modelry deployments`."""

from __future__ import annotations

from pathlib import Path

import pytest
from answers import Command


@pytest.fixture
def registered(run: Command, tmp_path: Path) -> Command:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    run("register", "churn", str(path), "--version", "1.0.0")
    return run


def test_a_deployment_is_recorded_and_listed(registered: Command) -> None:
    done = registered("deploy", "churn:1.0.0", "eu-cluster", "-m", "canary went well")
    assert done.out == "churn:1 (1.0.0) is deployed to eu-cluster\n"
    listed = registered("deployments", "churn")
    assert listed.lines[0].split() == ["TARGET", "VERSION", "LABEL", "BY", "DEPLOYED", "COMMENT"]
    assert listed.lines[1].startswith("eu-cluster        1  1.0.0")
    assert "deployed version 1 to eu-cluster" in registered("history", "churn").out


def test_deployments_are_told_to_programs(registered: Command) -> None:
    done = registered("deploy", "churn:1", "eu", "--json").document
    assert (done["ref"], done["target"], done["version"]) == ("churn:1", "eu", "1.0.0")
    assert registered("deployments", "churn", "--json").document == {
        "deployments": [done], "next": None,
    }  # fmt: skip


def test_what_is_not_there_is_said(registered: Command) -> None:
    assert registered("deployments", "churn").err == "churn was not deployed\n"
    empty = registered("deployments", "churn", "--target", "us")
    assert empty.err == "churn was not deployed to us\n"
    refused = registered("deploy", "churn:9", "eu", code=1)
    assert "churn has no version 9" in refused.err


def test_a_long_list_says_how_to_go_on(registered: Command) -> None:
    registered("deploy", "churn:1", "eu")
    registered("deploy", "churn:1", "us")
    page = registered("deployments", "churn", "-n", "1")
    assert "go on with --cursor" in page.err
