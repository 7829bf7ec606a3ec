"""A real `mlflow server` in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

_SECONDS = 120

KEPT = "kept"
"""Where in its folder a server keeps artefacts."""


@contextmanager
def mlflow_serving(tables: Path, folder: Path) -> Iterator[str]:
    """Serve an empty registry on SQLite, artefacts too; answer its address."""
    shutil.copyfile(tables, folder / "mlflow.db")
    with mlflow_serving_from(folder) as url:
        yield url


@contextmanager
def mlflow_serving_from(folder: Path) -> Iterator[str]:
    """Serve the registry whose database lies in a folder; answer its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / KEPT),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
    try:
        _wait(process, f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=0)) as http:
        for _ in range(_SECONDS * 10):
            try:
                if http.get(f"{url}/health").is_success:
                    return
            except httpx.TransportError:
                pass
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            break
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-2000:])
