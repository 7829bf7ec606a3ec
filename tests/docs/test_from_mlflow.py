"""The page for those who come from MLflow runs, against a server, as it is printed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from written import blocks, page

from modelry.testing.server import served

PAGE = page("docs/from-mlflow.md")


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Serve a registry; answer the environment of somebody who did what the page says first."""
    folder = tmp_path_factory.mktemp("from-mlflow")
    with served(
        f"sqlite:///{folder}/registry.db", (folder / "blobs").as_uri(), MODELRY_HOME=str(folder)
    ) as server:
        yield {
            **{name: value for name, value in os.environ.items() if "MLFLOW" not in name},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "MODELRY_HOME": str(folder / "home"),
            "MODELRY_URI": server.url,
            "MODELRY_TOKEN": server.token,
            "MLFLOW_TRACKING_URI": server.url,
            "MLFLOW_TRACKING_TOKEN": server.token,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }


def test_the_page_for_those_who_come_from_mlflow_runs(
    surroundings: Mapping[str, str], tmp_path: Path
) -> None:
    unchanged, plugged = blocks(PAGE, "python")
    (shell,) = blocks(PAGE, "bash")
    said = _run([sys.executable, "-c", unchanged], surroundings, tmp_path)
    assert "[0 1]" in said
    said = _run(["bash", "-euo", "pipefail", "-c", shell], surroundings, tmp_path)
    assert "auc" in said
    assert (tmp_path / "serving" / "MLmodel").is_file()
    said = _run([sys.executable, "-c", plugged], surroundings, tmp_path)
    assert "[1]" in said
    assert (tmp_path / "runs.db").is_file()


def _run(command: list[str], surroundings: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(
        command, env=surroundings, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
