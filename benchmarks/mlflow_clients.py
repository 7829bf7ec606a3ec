"""What a stock MLflow client does with two servers: loading a small model, moving a large file."""

from __future__ import annotations

import http.client
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from measure import Row
from served import Server, cpu_seconds, memory_mib

T = TypeVar("T")
MIB = 1024 * 1024
ROUNDS = 15


@contextmanager
def pointed(server: Server) -> Iterator[None]:
    """Point MLflow at a server."""
    import mlflow

    os.environ.update({
        "MLFLOW_TRACKING_TOKEN": server.token, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    })  # fmt: skip
    if not server.token:
        del os.environ["MLFLOW_TRACKING_TOKEN"]
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    yield


def loading(ours: Server, theirs: Server, folder: Path, size: int) -> Iterator[Row]:
    """Measure `load_model` of a small model, from the alias to the loaded object."""
    del size
    import mlflow
    import mlflow.sklearn
    import numpy as np
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(np.arange(8.0).reshape(4, 2), np.arange(4.0))
    for server in (ours, theirs):
        with pointed(server), mlflow.start_run():
            mlflow.sklearn.log_model(model, name="model", registered_model_name="small",
                                     pip_requirements=["numpy"])  # fmt: skip
            mlflow.MlflowClient().set_registered_model_alias("small", "champion", "1")
    took: dict[str, list[float]] = {}
    spent = {server.url: cpu_seconds(server.process.pid) for server in (ours, theirs)}
    for _ in range(ROUNDS):
        for server in (ours, theirs):
            with pointed(server):
                begin = time.perf_counter()
                mlflow.pyfunc.load_model("models:/small@champion")
                took.setdefault(server.url, []).append(time.perf_counter() - begin)
    cpu = [(cpu_seconds(each.process.pid) - spent[each.url]) / ROUNDS for each in (ours, theirs)]
    mine, other = (statistics.median(took[each.url][2:]) for each in (ours, theirs))
    note = f"{mine * 1e3:.0f} of {other * 1e3:.0f} ms"
    yield Row(
        "load_model by alias, end to end / with MLflow's server", mine / other, 0.5, note=note
    )
    note = f"{cpu[0] * 1e3:.0f} of {cpu[1] * 1e3:.0f} ms"
    yield Row("load_model by alias, CPU of the server / MLflow's", cpu[0] / cpu[1], None, note=note)
    del folder


def moving(ours: Server, theirs: Server, folder: Path, size: int) -> Iterator[Row]:
    """Measure a large file up and down, by raw HTTP and by the stock client, and peak memory."""
    file = folder / "big.bin"
    with file.open("wb") as out:
        for _ in range(size // MIB):
            out.write(os.urandom(MIB))
    took: dict[str, dict[str, float]] = {}
    peaks: dict[str, float] = {}
    above: dict[str, float] = {}
    for server in (ours, theirs):
        with pointed(server):
            run, path = _run(server)
            idle = memory_mib(server.process.pid)
            with _peak(server) as peak:
                took[server.url] = _move(server, file, run, path, folder)
            peaks[server.url] = max(peak)
            above[server.url] = max(peak) - idle
    for what, mine in took[ours.url].items():
        other = took[theirs.url][what]
        note = f"{size / MIB / mine:,.0f} and {size / MIB / other:,.0f} MiB/s"
        limit = 0.5 if "raw" in what else None
        yield Row(f"{size // MIB} MiB {what}: time / MLflow's", mine / other, limit, note=note)
    mine, other = peaks[ours.url], peaks[theirs.url]
    note = (f"{mine:,.0f} of {other:,.0f} MiB; {above[ours.url]:,.0f} and "
            f"{above[theirs.url]:,.0f} MiB above the idle server")  # fmt: skip
    yield Row("peak memory meanwhile / MLflow's", mine / other, 0.1, note=note)


def _run(server: Server) -> tuple[str, str]:
    """Make a run; answer its id and where its files are below the proxy."""
    import mlflow

    del server  # MLflow is pointed at it
    with mlflow.start_run() as run:
        return run.info.run_id, run.info.artifact_uri.removeprefix("mlflow-artifacts:/")


def _move(server: Server, file: Path, run: str, path: str, folder: Path) -> dict[str, float]:
    import mlflow

    raw = f"/api/2.0/mlflow-artifacts/artifacts/{path}/raw.bin"
    there = folder / "there"
    there.mkdir(exist_ok=True)
    client = mlflow.MlflowClient()
    other = file.with_name("other.bin")
    with file.open("r+b") as stream:
        stream.write(os.urandom(MIB))  # so that no server has these bytes
    found = {"up, raw": _timed(lambda: _put(server, raw, file))}
    found["down, raw"] = _timed(lambda: _get(server, raw, file.stat().st_size))
    with file.open("r+b") as stream:
        stream.write(os.urandom(MIB))
    file.rename(other)
    found["up, stock client"] = _timed(lambda: client.log_artifact(run, str(other)))
    found["down, stock client"] = _timed(
        lambda: mlflow.artifacts.download_artifacts(f"runs:/{run}/other.bin", dst_path=str(there))
    )
    other.rename(file)
    return found


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _put(server: Server, path: str, file: Path) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=600, blocksize=MIB)
    headers = {**server.headers, "Content-Length": str(file.stat().st_size),
               "Content-Type": "application/octet-stream"}  # fmt: skip
    with file.open("rb") as stream:
        connection.request("PUT", path, stream, headers)
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == 200, body


def _get(server: Server, path: str, size: int) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=600)
    connection.request("GET", path, headers=dict(server.headers))
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    buffer, done = memoryview(bytearray(MIB)), 0
    while count := answer.readinto(buffer):
        done += count
    assert done == size


@contextmanager
def _peak(server: Server) -> Iterator[list[float]]:
    """Collect the memory of a server, in MiB, while the block runs."""
    found: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            found.append(memory_mib(server.process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
