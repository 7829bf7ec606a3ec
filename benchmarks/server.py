"""The server under load: hot doors, writes, lists, bytes, and more workers.

    python benchmarks/server.py [hot writes lists bytes workers] [--mlflow PYTHON]

`--mlflow` is a Python in which MLflow is installed; its server is measured on
the same kind of database in the same run. wrk drives the load.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filling import fill
from measure import Row, options, show
from served import Load, Server, bare, load, memory_mib, modelry, started
from transfers import transfers

from modelry.testing.postgresql import fresh_database, some_postgresql

PORT = 8450
SECONDS = 4.0
ROUNDS = 3
RESOLVE = "/registry/resolve?ref=credit-risk@production"
VERSION = "/registry/models/credit-risk/versions/1"
UNLIKE = "by stage, no two requests alike"
LATEST = "/registry/models/stages/production/latest?model_id=credit-risk"
OUR_VERSION = json.dumps({"metrics": {"auc": 0.91}})
MLFLOW = "/api/2.0/mlflow"
MLFLOW_VERSION = json.dumps({"name": "credit-risk", "source": "s3://bucket/model"})


class Asked(NamedTuple):
    """A path, and what is sent to it."""

    path: str
    body: str = ""


def call(server: Server, method: str, path: str, document: object = None) -> dict[str, object]:
    """Send one request and answer its document."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"{server.url}{path}", data, method=method,  # noqa: S310 - loopback
                                     headers={**server.headers, "Content-Type": "application/json"})  # fmt: skip
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - loopback
        body = answer.read()
        return json.loads(body) if body else {}


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Answer an address of SQLite and one of PostgreSQL."""
    with some_postgresql() as uri:
        folder.mkdir(exist_ok=True)
        yield {"SQLite": f"sqlite:///{folder / 'registry.db'}", "PostgreSQL": fresh_database(uri)}


def prepare(server: Server) -> int:
    """Register and promote one version; answer how many bytes its document has."""
    call(server, "POST", "/registry/models/credit-risk/versions", {"metrics": {"auc": 0.91}})
    call(server, "POST", "/registry/promotions", {"ref": "credit-risk:1", "stage": "production"})
    call(server, "POST", "/registry/aliases",
         {"model": "credit-risk", "alias": "champion", "ref": "1"})  # fmt: skip
    return len(json.dumps(call(server, "GET", RESOLVE), separators=(",", ":")))


def best(loads: list[Load]) -> Load:
    """Answer the median by rate: these machines have other things to do."""
    return sorted(loads, key=lambda each: each.rate)[len(loads) // 2]


def hot(folder: Path) -> Iterator[Row]:
    """Measure the hot doors against a bare app that answers the same number of bytes."""
    with databases(folder) as found:
        for at, (name, uri) in enumerate(found.items()):
            with modelry(folder / name, PORT + at, uri) as ours:
                size = prepare(ours)
                with bare(PORT + 9, size) as plain:
                    yield from _hot(name, ours, plain)


def _hot(name: str, ours: Server, plain: Server) -> Iterator[Row]:
    doors = {"by stage": RESOLVE, "by alias": RESOLVE.replace("production", "champion"),
             "a version": VERSION}  # fmt: skip
    for path in doors.values():  # a server and a database that were just started have more to do
        load(ours, path, 8, SECONDS)
    for connections in (8, 32):
        found: dict[str, list[Load]] = {}
        for _ in range(ROUNDS):
            found.setdefault("bare", []).append(load(plain, "/", connections, SECONDS))
            for door, path in doors.items():
                found.setdefault(door, []).append(load(ours, path, connections, SECONDS))
            for who, server, path in ((UNLIKE, ours, RESOLVE), ("bare, unlike", plain, "/")):
                found.setdefault(who, []).append(
                    load(server, path, connections, SECONDS, unlike=True)
                )
        bases = {UNLIKE: best(found.pop("bare, unlike"))}
        alike = best(found.pop("bare"))
        for door, loads in found.items():
            one, base = best(loads), bases.get(door, alike)
            assert not one.errors
            yield Row(f"{name}: bare app / {door}, {connections} connections",
                      base.rate / one.rate, 2.5, note=f"{one.rate:,.0f}/s of {base.rate:,.0f}/s; "
                      f"CPU {one.cpu:.0f} us of {base.cpu:.0f} us")  # fmt: skip
            yield Row(f"{name}: p99 / median, {door}, {connections} connections",
                      one.p99 / one.median, 10, note=f"median {one.median:,.0f} us")  # fmt: skip


def writes(folder: Path, python: str | None) -> Iterator[Row]:
    """Measure metadata-only versions, and a look-up by alias, against MLflow's server."""
    with databases(folder) as ours_at, databases(folder / "mlflow") as theirs_at:
        for at, (name, uri) in enumerate(ours_at.items()):
            with modelry(folder / f"writes-{name}", PORT + at, uri) as ours:
                prepare(ours)
                if python is None:
                    yield from _writes(name, ours, None)
                    continue
                with mlflow(folder / f"mlflow-{name}", python, theirs_at[name]) as theirs:
                    yield from _writes(name, ours, theirs)


def _writes(name: str, ours: Server, theirs: Server | None) -> Iterator[Row]:
    """Let both servers take turns, so that a busy machine slows both alike."""
    doors = {
        "create a version": (0.2, Asked("/registry/models/credit-risk/versions", OUR_VERSION),
                             Asked(f"{MLFLOW}/model-versions/create", MLFLOW_VERSION)),
        "get by alias": (0.05, Asked(RESOLVE.replace("production", "champion")),
                         Asked(f"{MLFLOW}/registered-models/alias?name=credit-risk&alias=champion")),
    }  # fmt: skip
    for connections in (1, 8):
        for door, (limit, at_ours, at_theirs) in doors.items():
            mine, peer = [], []
            for _ in range(ROUNDS):
                mine.append(load(ours, at_ours.path, connections, SECONDS, body=at_ours.body))
                if theirs is not None:
                    peer.append(
                        load(theirs, at_theirs.path, connections, SECONDS, body=at_theirs.body)
                    )
            assert not any(each.errors for each in (*mine, *peer))
            what = f"{name}: {door}, {connections} connections"
            yield _against(what, cheapest(mine), cheapest(peer) if peer else None, limit)


def cheapest(loads: list[Load]) -> Load:
    """Answer the one with the least CPU of a request: what else the machine did only adds to it."""
    return min(loads, key=lambda each: each.cpu)


def _against(what: str, ours: Load, theirs: Load | None, limit: float) -> Row:
    if theirs is None:
        return Row(f"{what}: CPU", ours.cpu, None, "us", f"{ours.rate:,.0f}/s")
    note = f"{ours.cpu:.0f} of {theirs.cpu:.0f} us; {ours.rate:,.0f}/s and {theirs.rate:,.0f}/s"
    return Row(f"{what}: CPU / MLflow's", ours.cpu / theirs.cpu, limit, note=note)


@contextmanager
def mlflow(place: Path, python: str, uri: str) -> Iterator[Server]:
    """Serve MLflow with one worker, warm, without its job runner: that is no part of a request."""
    place.mkdir()
    command = [python, "-m", "mlflow", "server", "--backend-store-uri",
               uri.replace("postgresql://", "postgresql+psycopg://"),
               "--default-artifact-root", str(place), "--port", str(PORT + 20),
               "--workers", "1"]  # fmt: skip
    env = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with started(command, f"http://127.0.0.1:{PORT + 20}", "/health", env) as server:
        call(server, "POST", f"{MLFLOW}/registered-models/create", {"name": "credit-risk"})
        call(server, "POST", f"{MLFLOW}/model-versions/create", json.loads(MLFLOW_VERSION))
        call(server, "POST", f"{MLFLOW}/registered-models/alias",
             {"name": "credit-risk", "alias": "champion", "version": "1"})  # fmt: skip
        load(server, f"{MLFLOW}/model-versions/create", 8, 2, body=MLFLOW_VERSION)
        yield server


def lists(folder: Path) -> Iterator[Row]:
    """Measure lists and searches with 1,000 and with 100,000 versions."""
    asked = {
        "models": "/registry/models?limit=20",
        "versions": "/registry/models/model-0001/versions?limit=20",
        "search by metric": "/registry/search?q=metrics.auc+%3E%3D+0.9&limit=10",
        "search by stage": "/registry/search?q=stage+%3D+production&limit=10",
        "search by word": "/registry/search?q=amber&limit=10",
        "summary": "/registry/models/summary",
        "log": "/registry/audit?limit=20",
    }
    took: dict[str, dict[int, float]] = {}
    for models, versions in ((10, 100), (10, 10_000)):
        place = folder / f"lists-{models * versions}"
        place.mkdir()
        fill(place / "registry.db", models, versions)
        with modelry(place, PORT, f"sqlite:///{place / 'registry.db'}") as ours:
            for name, path in asked.items():
                took.setdefault(name, {})[models * versions] = _median(ours, path)
    for name, each in took.items():
        small, large = each[1000], each[100_000]
        yield Row(f"{name}: 100,000 versions / 1,000", large / small, 1.5,
                  note=f"{large * 1000:.1f} ms")  # fmt: skip


def _median(server: Server, path: str, times: int = 60) -> float:
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        call(server, "GET", path)
        took.append(time.perf_counter() - begin)
    return statistics.median(took)


def sizes(folder: Path) -> Iterator[Row]:
    """Measure transfers of a gibibyte, and the memory of 16 at once."""
    with modelry(folder / "bytes", PORT, f"sqlite:///{folder / 'bytes' / 'registry.db'}") as ours:
        peak = 0.0
        over = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not over.wait(0.1):
                peak = max(peak, memory_mib(ours.process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield from transfers(folder, ours.url, ours.token)
        finally:
            over.set()
            watcher.join()
        yield Row("peak memory of the server, 16 transfers at once", peak, 200, "MiB")


def workers(folder: Path) -> Iterator[Row]:
    """Measure how the rate grows with workers, on requests that do real work."""
    path = "/registry/models/credit-risk"
    rates: dict[int, float] = {}
    for count in (1, 2, 4):
        place = folder / f"workers-{count}"
        with modelry(place, PORT, f"sqlite:///{place / 'registry.db'}", count) as ours:
            prepare(ours)
            loads = [load(ours, path, 32, SECONDS) for _ in range(ROUNDS)]
            rates[count] = best(loads).rate
    yield Row("one worker / 2 workers", rates[1] / rates[2], 0.7,
              note=f"{rates[1]:,.0f}/s, {rates[2]:,.0f}/s")  # fmt: skip
    yield Row("one worker / 4 workers", rates[1] / rates[4], None, note=f"{rates[4]:,.0f}/s")


def measured(part: str, room: Path, python: str | None) -> Iterator[Row]:
    """Measure one part in a folder of its own."""
    if part == "writes":
        return writes(room, python)
    return {"hot": hot, "lists": lists, "bytes": sizes, "workers": workers}[part](room)


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = options(__doc__)
    parts = ("hot", "writes", "lists", "bytes", "workers")
    parser.add_argument("parts", nargs="*", help="what to measure")
    parser.add_argument("--mlflow", help="a Python that has MLflow")
    given = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="modelry-bench-") as name:
        folder = Path(name)
        for part in given.parts or parts:
            room = folder / part
            room.mkdir()
            for row in measured(part, room, given.mlflow):
                rows.append(row)
                show([row], as_json=given.json)
    show(rows, as_json=given.json)


if __name__ == "__main__":
    main()
