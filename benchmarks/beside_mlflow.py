"""MLflow's protocol: our server beside `mlflow server`, on the same kind of database in one run.

    python benchmarks/beside_mlflow.py [requests search memory load bytes] [--small]
        [--on postgresql] [--mlflow PYTHON]

Ours runs as it does by default, in one process; MLflow's likewise, with four
workers. wrk drives the load; `load` and `bytes` are a stock client's too. (This
file is not called `mlflow`: it would be imported in place of the package.)
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from filling import fill_store
from measure import Row, options, show
from mlflow_clients import loading, moving
from mlflow_filling import fill_mlflow
from served import Load, Server, cpu_seconds, load, memory_mib, modelry, settle, started
from server import call

from modelry import plugins
from modelry.testing.postgresql import fresh_database, some_postgresql

PORT = 8470
API = "/api/2.0/mlflow"
NAME = "credit-risk"
TURNS = 5


@dataclass(frozen=True)
class Scale:
    """How long and how large: seconds of each load, versions to search, bytes to move."""

    seconds: float
    connections: tuple[int, ...]
    models: int
    size: int


FULL = Scale(4.0, (1, 8, 32), 500, 1024 * 1024 * 1024)
SMALL = Scale(2.0, (1, 8), 20, 64 * 1024 * 1024)


@dataclass(frozen=True)
class Pair:
    """Both servers, and the databases below them."""

    ours: Server
    theirs: Server

    def both(self) -> tuple[Server, Server]:
        """Answer ours, then MLflow's."""
        return self.ours, self.theirs


@contextmanager
def pair(folder: Path, kind: str, python: str, models: int = 0) -> Iterator[Pair]:
    """Serve both, over databases of one kind; with `models` x 100 versions in each."""
    with ExitStack() as stack:
        ours, theirs = f"sqlite:///{folder / 'registry.db'}", f"sqlite:///{folder / 'mlflow.db'}"
        if kind == "postgresql":
            uri = stack.enter_context(some_postgresql())
            ours, theirs = fresh_database(uri), fresh_database(uri)
        if models:
            store = plugins.load("stores", kind)(ours)
            fill_store(store, models, 100)
            store.close()
        beside = theirs.replace("postgresql://", "postgresql+psycopg://")
        peer = stack.enter_context(_mlflow(folder, beside, python))
        if models:
            fill_mlflow(beside, models, 100)
        both = Pair(stack.enter_context(modelry(folder / "ours", PORT, ours)), peer)
        for server in both.both():
            settle(server.process.pid)
        yield both


@contextmanager
def _mlflow(folder: Path, uri: str, python: str) -> Iterator[Server]:
    """Serve MLflow as it is served by default: four workers, files through the server.

    By default a worker that is not up in five seconds is killed, which on a
    busy machine all are.
    """
    command = [python, "-m", "mlflow", "server", "--backend-store-uri", uri,
               "--artifacts-destination", str(folder / "artifacts"), "--port", str(PORT + 1),
               "--uvicorn-opts", "--timeout-worker-healthcheck 120"]  # fmt: skip
    env = {"MLFLOW_DISABLE_TELEMETRY": "true", "BENCH_LOG": str(folder / "mlflow.log")}
    with started(command, f"http://127.0.0.1:{PORT + 1}", "/health", env) as server:
        yield server


def prepare(server: Server) -> None:
    """Make a model with a version that an alias names."""
    call(server, "POST", f"{API}/registered-models/create", {"name": NAME})
    call(server, "POST", f"{API}/model-versions/create", {"name": NAME, "source": "s3://b/model"})
    call(server, "POST", f"{API}/registered-models/alias",
         {"name": NAME, "alias": "champion", "version": "1"})  # fmt: skip


def moved(stage: str) -> dict[str, object]:
    """Ask for version 1 in a stage."""
    return {"name": NAME, "version": "1", "stage": stage, "archive_existing_versions": False}


ASKED: dict[str, tuple[str, list[object], float]] = {
    "registered-models/get": (f"registered-models/get?name={NAME}", [], 0.1),
    "by alias": (f"registered-models/alias?name={NAME}&alias=champion", [], 0.1),
    "get-latest-versions": ("registered-models/get-latest-versions", [{"name": NAME}], 0.1),
    "create version": ("model-versions/create", [{"name": NAME, "source": "s3://b/model"}], 0.2),
    "transition": (
        "model-versions/transition-stage",
        [moved("Staging"), moved("Archived")],
        0.2,
    ),
}


def requests(folder: Path, kind: str, python: str, scale: Scale) -> Iterator[Row]:
    """Measure CPU per request, and requests per second, of what clients ask most."""
    with pair(folder, kind, python) as servers:
        for server in servers.both():
            prepare(server)
            for path, bodies, _ in ASKED.values():  # each worker has to have seen each once
                load(server, f"{API}/{path}", 8, 1, body="\n".join(map(json.dumps, bodies)))
        for what, (path, bodies, limit) in ASKED.items():
            body = "\n".join(json.dumps(each) for each in bodies)
            for connections in scale.connections:
                ours, theirs = (
                    load(server, f"{API}/{path}", connections, scale.seconds, body=body)
                    for server in servers.both()
                )
                yield _against(
                    f"{what}, {connections} connections: CPU / MLflow's", ours, theirs, limit
                )


def _against(what: str, ours: Load, theirs: Load, limit: float) -> Row:
    errors = f"; errors: {ours.errors} and {theirs.errors}" if ours.errors or theirs.errors else ""
    note = (f"{ours.cpu:,.0f} of {theirs.cpu:,.0f} us; {ours.rate:,.0f}/s and "
            f"{theirs.rate:,.0f}/s{errors}")  # fmt: skip
    return Row(what, ours.cpu / theirs.cpu, limit, note=note)


FOUND = {
    "models by name": ("registered-models", "name LIKE 'model-00%'"),
    "versions by name": ("model-versions", "name = 'model-0007'"),
    "versions by a part of the name": ("model-versions", "name LIKE 'model-00%'"),
    "versions by tag": ("model-versions", "tags.team = 'risk'"),
    "versions by name and tag": ("model-versions", "name = 'model-0007' AND tags.team = 'risk'"),
}


def search(folder: Path, kind: str, python: str, scale: Scale) -> Iterator[Row]:
    """Measure CPU of searches over many versions, a page of 100 each."""
    with pair(folder, kind, python, scale.models) as servers:
        for what, (noun, query) in FOUND.items():
            asked = urllib.parse.urlencode({"filter": query, "max_results": 100})
            path = f"{API}/{noun}/search?{asked}"
            found = [_count(call(each, "GET", path)) for each in servers.both()]
            for how, limit in (("anew", 0.1), ("again", None)):
                ours, theirs = _in_turns(servers, path, how, scale.seconds)
                note = (f"{ours * 1e3:,.1f} of {theirs * 1e3:,.1f} ms; {found[0]} and {found[1]} "
                        f"found among {scale.models * 100:,}")  # fmt: skip
                yield Row(
                    f"search {what}, asked {how}: CPU / MLflow's", ours / theirs, limit, note=note
                )


def _count(answer: dict[str, object]) -> int:
    """Answer how many models or versions a page holds."""
    lists = [each for each in answer.values() if isinstance(each, list)]
    return len(lists[0]) if lists else 0


def _in_turns(servers: Pair, path: str, how: str, seconds: float) -> tuple[float, float]:
    """Answer the CPU seconds of one request at each, the medians of several turns."""
    took: list[list[float]] = [[], []]
    for turn in range(TURNS):
        for at, server in enumerate(servers.both()):
            took[at].append(_cpu(server, f"{path}&turn={turn}", how, seconds / 2))
    return statistics.median(took[0]), statistics.median(took[1])


def _cpu(server: Server, path: str, how: str, seconds: float) -> float:
    """Answer the CPU seconds of one request, asked one after the other on one connection.

    A stock client keeps its connection too. A parameter that neither server knows
    makes each request the first of its kind, so that no answer comes from memory,
    unless the same is asked again.
    """
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=600)

    def ask(target: str) -> None:
        connection.request("GET", target, headers=server.headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == HTTPStatus.OK, f"{target}: {answer.status}"

    with closing(connection):
        ask(path)
        begin, before, count = time.monotonic(), cpu_seconds(server.process.pid), 0
        while count < 5 or time.monotonic() - begin < seconds:
            ask(f"{path}&n={count}" if how == "anew" else path)
            count += 1
        return (cpu_seconds(server.process.pid) - before) / count


def memory(folder: Path, kind: str, python: str, scale: Scale) -> Iterator[Row]:
    """Measure resident memory (proportional set size) after some load."""
    with pair(folder, kind, python) as servers:
        for server in servers.both():
            prepare(server)
            load(server, f"{API}/registered-models/get?name={NAME}", 32, scale.seconds)
        ours, theirs = (memory_mib(server.process.pid) for server in servers.both())
        note = f"{ours:,.0f} MiB of one process; {theirs:,.0f} MiB of MLflow's default"
        yield Row("resident memory / MLflow's", ours / theirs, 0.1, note=note)


def with_clients(
    measure: Callable[[Server, Server, Path, int], Iterator[Row]],
) -> Callable[[Path, str, str, Scale], Iterator[Row]]:
    """Measure what a stock client does with both servers."""

    def measured(folder: Path, kind: str, python: str, scale: Scale) -> Iterator[Row]:
        with pair(folder, kind, python) as servers:
            yield from measure(servers.ours, servers.theirs, folder, scale.size)

    return measured


PARTS = {
    "requests": requests,
    "search": search,
    "memory": memory,
    "load": with_clients(loading),
    "bytes": with_clients(moving),
}


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = options(__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure")
    parser.add_argument("--small", action="store_true", help="a quick look")
    parser.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--mlflow", default=sys.executable, help="a Python that has MLflow")
    parser.add_argument("--in", dest="folder", help="the disk to use")
    given = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="modelry-bench-", dir=given.folder) as name:
        for part in given.parts or PARTS:
            room = Path(name) / part
            room.mkdir()
            for row in PARTS[part](room, given.on, given.mlflow, SMALL if given.small else FULL):
                rows.append(row)
                if not given.json:
                    show([row], as_json=False)
    show(rows, as_json=given.json)


if __name__ == "__main__":
    main()
