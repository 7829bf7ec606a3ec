"""Several workers are told of as one server, and a line is written once."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

SERVER = Path(__file__).with_name("small_server.py")
LONG = 60.0


@dataclass(frozen=True)
class Running:
    url: str
    log: Path
    scratch: Path

    def get(self, path: str) -> httpx.Response:
        """Ask over a new connection, so that any worker may answer."""
        return httpx.get(self.url + path, timeout=LONG)

    def figure(self, name: str) -> float:
        """Answer the sum of a figure over its labels."""
        text = self.get("/metrics/").text
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def told(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


@contextmanager
def running(folder: Path, workers: int) -> Iterator[Running]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    scratch, log = folder / "tmp", folder / "log"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(SERVER.parent)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(port), str(workers)],
            stdout=out, stderr=subprocess.STDOUT, env=environment,
        )  # fmt: skip
    server = Running(f"http://127.0.0.1:{port}", log, scratch)
    try:
        wait(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LONG)


def wait(server: Running, process: subprocess.Popen[bytes] | None = None) -> None:
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        assert process is None or process.poll() is None, server.log.read_text(encoding="utf-8")
        try:
            server.get("/metrics/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(server.log.read_text(encoding="utf-8"))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, 2) as server:
        yield server


def ask_both(server: Running) -> tuple[set[int], int]:
    """Ask until two workers have answered; answer their numbers and how often was asked."""
    seen: set[int] = set()
    for count in range(1, 2000):
        seen.add(server.get("/busy/known").json())
        if len(seen) == 2:
            return seen, count
    raise AssertionError(seen)


def test_the_figures_are_of_all_workers_whichever_is_asked(two: Running) -> None:
    workers, asked = ask_both(two)
    counted = 'modelry_http_request_duration_seconds_count{method="GET",route="/busy/{name}",'
    for _ in range(6):
        text = two.get("/metrics/").text
        (told,) = re.findall(re.escape(counted) + r'status="2xx"} (\S+)$', text, re.MULTILINE)
        assert float(told) == asked
        assert two.figure("modelry_cache_lookups_total") == asked
    for worker in workers:
        assert f'process_resident_memory_bytes{{worker="{worker}"}}' in text


def test_what_a_killed_worker_had_in_flight_is_forgotten_and_what_it_counted_stays(
    two: Running,
) -> None:
    ask_both(two)
    before = two.figure("modelry_cache_lookups_total")
    with pytest.raises(httpx.TransportError):
        two.get("/die")
    wait(two)
    assert two.figure("modelry_cache_lookups_total") == before
    ask_both(two)  # so the dead one was seen to be dead, and replaced
    assert two.figure("modelry_http_requests_in_flight") == 1


def test_the_folder_of_the_figures_is_gone_when_the_server_has_ended(tmp_path: Path) -> None:
    with running(tmp_path, 2) as server:
        assert list(server.scratch.glob("modelry-metrics-*/*.db"))
    assert list(server.scratch.iterdir()) == []


def test_a_single_worker_needs_no_folder(tmp_path: Path) -> None:
    with running(tmp_path, 1) as server:
        server.get("/busy/x")
        assert list(server.scratch.iterdir()) == []
        assert server.figure("modelry_cache_lookups_total") == 1
        assert server.figure("process_open_fds") > 0


def test_every_line_is_json_and_a_failure_is_told_once_without_its_secret(tmp_path: Path) -> None:
    with running(tmp_path, 2) as server:
        answer = httpx.get(server.url + "/break", headers={"x-request-id": "r1"}, timeout=LONG)
        assert answer.status_code == 500
    told = server.told()
    mine = [line for line in told if line.get("request_id") == "r1"]
    assert [line["event"] for line in mine] == ["log", "request", "log"]
    assert [line["level"] for line in mine] == ["warning", "error", "error"]
    assert "Traceback" in str(mine[2]["exception"])
    assert sum("ValueError" in json.dumps(line) for line in told) == 1
    assert "sss" not in server.log.read_text(encoding="utf-8")
    assert any("Uvicorn running" in str(line.get("message")) for line in told)
