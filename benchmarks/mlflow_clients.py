"""What a stock MLflow client does with two servers: loading a small model, moving a large file."""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from measure import Row
from replayed import recorded, replaying
from served import Server, bare, cpu_seconds, memory_mib
from transfers import write_out

T = TypeVar("T")
MIB = 1024 * 1024
ROUNDS = 40
TIMES = 3
"""How many times the large file is moved each way."""
WARM = 2
"""How many of the first rounds do not count."""
Way = Callable[[Server], AbstractContextManager[None]]
BARE_PORT = 8479


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


@contextmanager
def plugged(server: Server) -> Iterator[None]:
    """Point MLflow's registry at ours by the plug-in, its runs at where they are."""
    import mlflow

    os.environ["MODELRY_TOKEN"] = server.token
    with pointed(server):
        mlflow.set_registry_uri(f"modelry://{urlsplit(server.url).netloc}/default")
        yield


class Loads(NamedTuple):
    """Seconds that a load took and its client worked (medians), and its server worked (the mean)."""

    took: float
    own: float
    cpu: float


def _in_turns(*ways: tuple[Way, Server]) -> list[Loads]:
    """Load the small model from each server in its way, by turns: each comes after the other."""
    took: list[list[tuple[float, float]]] = [[] for _ in ways]
    spent: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for at, (way, server) in enumerate(ways):
            with way(server):
                before = cpu_seconds(server.process.pid)
                took[at].append(_timed(_loaded))
                spent[at].append(cpu_seconds(server.process.pid) - before)
    loads: list[Loads] = []
    for times, work in zip(took, spent, strict=True):
        whole, own = map(statistics.median, zip(*times[WARM:], strict=True))
        loads.append(Loads(whole, own, statistics.mean(work[WARM:])))
    return loads


def _loaded() -> None:
    """Load the small model."""
    import mlflow

    mlflow.pyfunc.load_model("models:/small@champion")


def loading(ours: Server, theirs: Server, folder: Path, size: int) -> Iterator[Row]:
    """Measure `load_model` of a small model, from the alias to the loaded object.

    Its ten requests are the client's choice and most of its time the client's own
    work. What no server can spare it is measured in the same run: the same client
    with a server that only looks the same answers up in a table.
    """
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
    with pointed(ours):
        answers = recorded(ours, _loaded)
    with replaying(answers, ours, BARE_PORT, folder) as table:
        mine, plugin, least, other = _in_turns(
            (pointed, ours), (plugged, ours), (pointed, table), (pointed, theirs)
        )
    for what, loads, limit in (("by a stock client", mine, 0.5), ("with our plug-in", plugin, 0.5),
                               ("from a table of the answers", least, None)):  # fmt: skip
        note = (f"{loads.took * 1e3:.0f} of {other.took * 1e3:.0f} ms, in which the client "
                f"worked {loads.own * 1e3:.0f} and {other.own * 1e3:.0f}")  # fmt: skip
        yield Row(f"load_model by alias, {what}: time / with MLflow's server",
                  loads.took / other.took, limit, note=note)  # fmt: skip
        note = f"{loads.cpu * 1e3:.1f} of {other.cpu * 1e3:.1f} ms"
        yield Row("... CPU of the server / MLflow's", loads.cpu / other.cpu, None, note=note)


def moving(ours: Server, theirs: Server, folder: Path, size: int) -> Iterator[Row]:
    """Measure a large file up and down, by raw HTTP and by the stock client, and peak memory.

    Both take turns, and the medians count: who downloads what was just uploaded may
    find it in the cache of the system, or on the disk. Beside it stand what bounds an
    upload here: an app that throws the bytes away, and writing them to the same disk
    through the page cache, without any server.
    """
    file = folder / "big.bin"
    with file.open("wb") as out:
        for _ in range(size // MIB):
            out.write(os.urandom(MIB))
    took: dict[str, list[tuple[float, float]]] = {}
    idle = [memory_mib(server.process.pid) for server in (ours, theirs)]
    with _peak(ours) as mine, _peak(theirs) as other:
        for what, move in _moves(ours, theirs, file).items():
            os.sync()  # what MLflow's server left to be written is nobody's load later
            took[what] = [_moved(move, each) for _ in range(TIMES) for each in (ours, theirs)]
    for what, times in took.items():
        fast, spent = map(statistics.median, zip(*times[::2], strict=True))
        slow, too = map(statistics.median, zip(*times[1::2], strict=True))
        note = (f"{size / MIB / fast:,.0f} and {size / MIB / slow:,.0f} MiB/s; "
                f"CPU of the client {spent:.1f} of {fast:.1f} and {too:.1f} of {slow:.1f} s")  # fmt: skip
        limit = 0.5 if "raw" in what else None
        yield Row(f"{size // MIB} MiB {what}: time / MLflow's", fast / slow, limit, note=note)
    theirs_up = statistics.median(each[0] for each in took["up, raw"][1::2])
    for what, least in _bounds(file).items():
        note = f"{size / MIB / least:,.0f} MiB/s"
        yield Row(f"{size // MIB} MiB {what}: time / MLflow's upload", least / theirs_up, None,
                  note=note)  # fmt: skip
    peaks = [max(mine), max(other)]
    note = (f"{peaks[0]:,.0f} of {peaks[1]:,.0f} MiB; {peaks[0] - idle[0]:,.0f} and "
            f"{peaks[1] - idle[1]:,.0f} MiB above the idle server")  # fmt: skip
    yield Row("peak memory meanwhile / MLflow's", peaks[0] / peaks[1], 0.1, note=note)


def _moved(move: Callable[[Server], object], server: Server) -> tuple[float, float]:
    """Move the file to or from a server; see `_timed`."""
    with pointed(server):
        return _timed(lambda: move(server))


def _bounds(file: Path) -> dict[str, float]:
    """Answer the seconds of what no upload that is durable can do without."""
    with bare(BARE_PORT, 1) as sink:
        received = _timed(lambda: _put(sink, "/", file))[0]
    return {
        "into an app that does nothing": received,
        "written and flushed through the cache, without a server": write_out(
            file, file.with_name("copy.bin")
        ),
    }


def _run(server: Server) -> tuple[str, str]:
    """Make a run; answer its id and where its files are below the proxy."""
    import mlflow

    del server  # MLflow is pointed at it
    with mlflow.start_run() as run:
        return run.info.run_id, run.info.artifact_uri.removeprefix("mlflow-artifacts:/")


def _moves(ours: Server, theirs: Server, file: Path) -> dict[str, Callable[[Server], object]]:
    """Answer what is measured, by name; each way up begins with bytes that no server has."""
    import mlflow

    runs: dict[str, tuple[str, str]] = {}
    for server in (ours, theirs):
        with pointed(server):
            runs[server.url] = _run(server)

    sent: dict[str, int] = dict.fromkeys(runs, 0)

    def raw(server: Server) -> str:
        name = f"raw-{sent[server.url]}.bin"
        return f"/api/2.0/mlflow-artifacts/artifacts/{runs[server.url][1]}/{name}"

    def put(server: Server) -> None:
        _renew(file)
        sent[server.url] += 1
        _put(server, raw(server), file)

    def log(server: Server) -> None:
        _renew(file)
        mlflow.MlflowClient().log_artifact(runs[server.url][0], str(file))

    def fetch(server: Server) -> None:
        there = file.with_name(f"there-{urlsplit(server.url).port}")
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir()
        uri = f"runs:/{runs[server.url][0]}/{file.name}"
        mlflow.artifacts.download_artifacts(uri, dst_path=str(there))

    return {
        "up, raw": put,
        "down, raw": lambda server: _get(server, raw(server), file.stat().st_size),
        "up, stock client": log,
        "down, stock client": fetch,
    }


def _renew(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.write(os.urandom(MIB))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Answer the seconds that work took, and the CPU seconds of this process meanwhile."""
    begin, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - spent


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
