"""Promises 4 and 9 for a server: killed whenever, it loses nothing and does nothing twice."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import warm_server
import wholeness
from counts import SEED, count
from http_victim import RemoteVictim, nothing_is_lost_or_done_twice, working
from served_site import (
    Place,
    environment,
    hurry,
    is_ready,
    on_sqlite,
    said,
    until_ready,
    workers_of,
)

from modelry.testing.postgresql import fresh_database
from modelry.testing.server import Served

pytestmark = pytest.mark.proof
KILLS = count("SERVED_KILLS", 200)
ROUNDS = 4
"""After each the registry is looked at from the inside; the damage of all of them adds up."""
MODELS = ("ada", "bea", "cia")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def free_port() -> int:
    """Answer a port that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


class Phoenix:
    """A server that is killed and started again at the same address."""

    def __init__(self, place: Place, folder: Path) -> None:
        port = free_port()
        settings = {"host": "127.0.0.1", "port": str(port), "uri": place.uri, "blobs": place.blobs}
        self.url = f"http://127.0.0.1:{port}"
        self._words = folder / "said"
        with self._words.open("wb") as stream:
            self._process = subprocess.Popen(
                [sys.executable, warm_server.__file__, json.dumps(settings)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True,
                env=environment(MODELRY_HOME=str(place.home), MODELRY_LOG="off"),
            )  # fmt: skip
        self.tell("start")
        self.token = said(self._words, r"admin token: (\S+)")
        until_ready(self.url)

    def tell(self, word: str) -> str:
        """Start, kill or stop it; answer what became of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer.startswith(word), self.words()
        return answer

    def words(self) -> str:
        """Answer everything that it said on standard error."""
        return self._words.read_text(encoding="utf-8")

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@contextmanager
def phoenix(place: Place, folder: Path) -> Iterator[Phoenix]:
    """Run a server that can be killed often."""
    server = Phoenix(place, folder)
    try:
        yield server
    finally:
        server.close()


def test_promises_4_and_9_hold_whenever_a_server_is_killed(tmp_path: Path) -> None:
    place = on_sqlite(tmp_path)
    chance = random.Random(SEED)
    changes = 0
    with phoenix(place, tmp_path) as server:
        for turn in range(ROUNDS):
            seed = SEED * 100 + turn
            victims = [RemoteVictim(server.url, server.token, tmp_path, model, seed)
                       for model in MODELS]  # fmt: skip
            with working(victims):
                for _ in range(KILLS // ROUNDS):
                    time.sleep(chance.uniform(0.0, 0.3))
                    assert server.tell("kill") == "kill -9"
                    server.tell("start")
                    until_ready(server.url)
            with place.inside() as registry:
                changes = len(nothing_is_lost_or_done_twice(registry, tmp_path, MODELS))
        assert server.tell("stop") == "stop 0"
        assert re.findall(r"Traceback|[Ee]rror", server.words()) == []
    with place.inside() as registry:
        registry.gc(grace=0)
        assert wholeness.leftovers(registry, place.home) == []
        nothing_is_lost_or_done_twice(registry, tmp_path, MODELS)
    assert changes > KILLS


def test_promises_4_and_9_hold_whenever_processes_of_a_server_with_workers_are_killed(
    tmp_path: Path, postgresql: str
) -> None:
    home = tmp_path / "home"
    place = Place(home, fresh_database(postgresql), (home / "blobs").as_uri())
    port = free_port()
    with ExitStack() as servers:
        first = servers.enter_context(place.serve(port=port, workers=2))
        victims = [RemoteVictim(first.url, first.token, tmp_path, model, SEED)
                   for model in MODELS]  # fmt: skip
        with working(victims):
            for _ in range(4):
                kill_a_worker(first)
            kill(first, *workers_of(first.process.pid))
            second = servers.enter_context(place.serve(port=port, workers=2))
            kill_a_worker(second)
            kill(second)
            servers.enter_context(place.serve(port=port, workers=2))
            time.sleep(0.5)
    with place.inside() as registry:
        changes = nothing_is_lost_or_done_twice(registry, tmp_path, MODELS)
    assert len(changes) > len(MODELS)


def kill_a_worker(server: Served) -> None:
    """Kill the older worker, and wait until another has taken its place."""
    time.sleep(0.3)
    before = workers_of(server.process.pid)
    os.kill(before[0], signal.SIGKILL)
    while len(set(workers_of(server.process.pid)) - {before[0]}) < len(before):
        time.sleep(0.05)
    assert is_ready(server.url)


def kill(server: Served, *workers: int) -> None:
    """Kill a server and some of its workers; the others end by themselves and free its port."""
    every = workers_of(server.process.pid)
    for process in (server.process.pid, *workers):
        os.kill(process, signal.SIGKILL)
    server.process.wait()
    while any(Path(f"/proc/{each}").exists() for each in every):
        time.sleep(0.05)
