"""Many clients of a server with several workers: some order of the calls explains every answer.

Reads by ref are answered from the memory of whichever worker is asked; an
answer that is older than an acknowledged change would fit no order.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import crowd
import http_crowd
import journal
import pytest
import stale_server
import wholeness
from counts import SEED, count
from history_checker import Step, Violation, violation
from journal import NEVER, Operation
from served_site import Place, client_of, environment, on_sqlite, said, until_ready, workers_of
from told_order import Told, problems

from modelry.core.events import Event, EventKind
from modelry.core.registry import Registry
from modelry.testing.postgresql import fresh_database
from modelry.testing.server import Served

pytestmark = pytest.mark.proof
OPERATIONS = count("SERVED_OPERATIONS", 3000)
CLIENTS = 4
"""How many write, and how many read."""
POINTERS = ("production", "staging", "champion")
UNKNOWN = "broke: Unavailable"
SECONDS = 300


def begin(server: Served, home: Path) -> None:
    """Make the models."""
    home.mkdir()
    path = home / "model.bin"
    with client_of(server.url, server.token, home) as client:
        for model in crowd.MODELS:
            for at in range(crowd.FIRST):
                path.write_bytes(f"{model} {at}".encode())
                client.register(model, path)


def work(server: Served, folder: Path, operations: int, victim: int | None = None) -> None:
    """Let a crowd work on a server; half-way the worker `victim` is killed."""
    begin(server, folder / "begin")
    each = operations // 2 // CLIENTS
    writers = [_start("write", server, folder / f"w{at}.journal", each) for at in range(CLIENTS)]
    readers = [_start("read", server, folder / f"r{at}.journal", each) for at in range(CLIENTS)]
    if victim is not None:
        while _written(folder) < operations // 2:
            assert any(child.poll() is None for child in writers), "they ended too early"
            time.sleep(0.05)
        os.kill(victim, signal.SIGKILL)
    broken = [_end(child) for child in writers]
    (folder / "done").touch()
    broken += [_end(child) for child in readers]
    assert not any(broken), f"seed {SEED}: {next(filter(None, broken))}"


def _written(folder: Path) -> int:
    """Count the operations so far; each is two lines."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.journal")) // 2


def _start(what: str, server: Served, path: Path, count: int) -> subprocess.Popen[str]:
    seed = SEED * 1000 + int(path.stem[1:]) + (500 if what == "read" else 0)
    command = [sys.executable, http_crowd.__file__, what, server.url, str(path), str(seed),
               str(count)]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                            env=environment(MODELRY_TOKEN=server.token))  # fmt: skip


def _end(child: subprocess.Popen[str]) -> str:
    _, errors = child.communicate(timeout=SECONDS)
    return errors or ("ended by itself" if child.returncode else "")


def told_by(folder: Path, recorded: dict[str, Event]) -> list[Operation]:
    """Answer what the crowd was told; of a change without an answer, what the record tells.

    Such a change may have been made at any time after it was asked for. A read
    without an answer tells nothing, and nor does a change that left no record.
    """
    found = []
    for path in sorted(folder.glob("*.journal")):
        for each in journal.read(path):
            if not each.refused.startswith(UNKNOWN):
                found.append(each)
            elif each.id in recorded:
                number = recorded[each.id].number
                found.append(replace(each, returned=NEVER, answer=number, refused=""))
    assert [each for each in found if each.refused.startswith("broke")] == []
    refused = {(each.verb, each.refused) for each in found if each.refused}
    assert refused <= {("rollback", "conflict")}
    return found


def events_of(registry: Registry, model: str) -> list[Event]:
    """Answer the changes of a model after its beginning."""
    with registry._world.store.read() as view:
        return list(view.every_event(f"default/{model}"))[crowd.FIRST :]


def by_operation(registry: Registry, events: Sequence[Event]) -> dict[str, Event]:
    """Answer each change by the operation that it names: in a comment, or as a label."""
    found = {}
    for event in events:
        model = event.chain.rpartition("/")[2]
        name = event.comment or registry.resolve(f"{model}:{event.number}").version
        assert name not in found, f"{name} had two effects"
        found[name] = event
    return found


def stale(operations: Sequence[Operation]) -> list[Violation]:
    """Answer where no order explains the answers."""
    found = []
    for model in crowd.MODELS:
        for pointer in POINTERS:
            steps = [
                Step(each.id, each.verb != "resolve", each.answer, each.invoked, each.returned)
                for each in operations
                if each.model == model
                and each.about in {pointer, f"@{pointer}"}
                and not each.refused
            ]
            found.append(violation(steps))
    return [each for each in found if each is not None]


def unexplained(events: Sequence[Event], operations: Sequence[Operation]) -> list[str]:
    """Answer what the record of production of one model does not explain."""
    told = [
        Told(event.comment, event.kind is EventKind.ROLLED_BACK, row[2])
        for event in events
        for row in cast("list[tuple[str, str, int | None]]", event.body.get("moves", []))
        if row[0] == "production"
    ]
    changes = {each.id: each for each in operations if each.about == "production"}
    reads = [each for each in operations if each.about == "@production"]
    return list(problems(told, changes, reads))


def everything_is_explained(place: Place, folder: Path) -> list[Operation]:
    """Compare what the clients were told with one another and with the record."""
    with place.inside() as registry:
        events = {model: events_of(registry, model) for model in crowd.MODELS}
        recorded = by_operation(registry, [each for one in events.values() for each in one])
        operations = told_by(folder, recorded)
        assert stale(operations) == []
        for model in crowd.MODELS:
            mine = [each for each in operations if each.model == model]
            assert unexplained(events[model], mine) == []
            for each in mine:
                if each.verb in {"register", "rollback"} and each.answer is not None:
                    assert recorded[each.id].number == each.answer
        assert wholeness.problems(registry) == []
        assert wholeness.verify(registry) == []
    return operations


def test_row_51_reads_from_the_memory_of_two_workers_are_never_stale_on_postgresql(
    tmp_path: Path, postgresql: str
) -> None:
    home = tmp_path / "home"
    place = Place(home, fresh_database(postgresql), (home / "blobs").as_uri())
    with place.serve(workers=2) as server:
        first, _ = workers_of(server.process.pid)
        work(server, tmp_path, OPERATIONS, victim=first)
        assert first not in workers_of(server.process.pid)

    operations = everything_is_explained(place, tmp_path)

    assert len(operations) > OPERATIONS * 9 // 10


def test_row_51_reads_from_the_memory_of_two_workers_are_never_stale_on_sqlite(
    tmp_path: Path,
) -> None:
    place = on_sqlite(tmp_path)
    with place.serve(workers=2) as server:
        work(server, tmp_path, OPERATIONS // 3)
        one, other = sorted(processor_seconds(each) for each in workers_of(server.process.pid))
        assert one * 10 > other, "one worker did everything"

    operations = everything_is_explained(place, tmp_path)

    assert all(each.known for each in operations)


def processor_seconds(process: int) -> float:
    """Answer how long a process has worked."""
    facts = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def stale_one(place: Place) -> Iterator[Served]:
    """Run a server that is wrong on purpose."""
    place.home.mkdir()
    words = place.home / "said"
    command = [sys.executable, stale_server.__file__, "serve", "--port", "0",
               "--uri", place.uri, "--blobs", place.blobs]  # fmt: skip
    own = environment(MODELRY_HOME=str(place.home), MODELRY_LOG="off")
    with (
        words.open("wb") as stream,
        subprocess.Popen(command, stderr=stream, text=True, env=own) as process,
    ):
        try:
            token = said(words, r"admin token: (\S+)")
            url = said(words, r"is serving at (\S+)")
            until_ready(url)
            yield Served(url, token, process)
        finally:
            process.terminate()


def test_a_server_whose_memory_misses_changes_is_caught(tmp_path: Path) -> None:
    place = on_sqlite(tmp_path)
    with stale_one(place) as server:
        work(server, tmp_path, 400)

    with place.inside() as registry:
        events = {model: events_of(registry, model) for model in crowd.MODELS}
        recorded = by_operation(registry, [each for one in events.values() for each in one])
    operations = told_by(tmp_path, recorded)
    assert stale(operations) != []
    busiest = [each for each in operations if each.model == crowd.MODELS[0]]
    assert unexplained(events[crowd.MODELS[0]], busiest) != []
