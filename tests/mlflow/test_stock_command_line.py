"""MLflow's command line and its model server, with models of ours."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import mlflow
import pytest
from stock_site import THEIRS, Site, fresh, pointed
from tiny_models import TABLE, log_sklearn, sklearn_model

pytestmark = THEIRS
SECONDS = 90.0


@pytest.fixture(scope="module")
def model(ours: Site) -> Iterator[str]:
    """Register a model and let an alias name it."""
    name = fresh("served")
    with pointed(ours, ours.url):
        mlflow.set_experiment(fresh("commands"))
        with mlflow.start_run():
            log_sklearn(registered_model_name=name)
        mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")
        yield name


def test_a_version_is_downloaded_by_a_command(model: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "artifacts", "download",
         "-u", f"models:/{model}@champion", "-d", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "MLmodel" in {path.name for path in tmp_path.rglob("*")}


def test_mlflow_serves_a_model_by_its_alias(model: str) -> None:
    with serving(f"models:/{model}@champion") as url:
        asked = {"dataframe_split": {"columns": list(TABLE), "data": TABLE.to_numpy().tolist()}}
        answer = httpx.post(f"{url}/invocations", json=asked, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == pytest.approx(sklearn_model().predict(TABLE).tolist())


@contextmanager
def serving(uri: str) -> Iterator[str]:
    """Run `mlflow models serve` until the end of the context."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--port", str(port),
               "--host", "127.0.0.1", "--env-manager", "local", "--workers", "1"]  # fmt: skip
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # for uvicorn
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "PATH": path},
    )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/ping", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):  # it ended, and the test says so
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "mlflow models serve ended"
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.RequestError:
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer in {SECONDS:.0f} seconds")
