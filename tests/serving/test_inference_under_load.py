"""Proofs with real processes: promotions under load, a registry that is killed, an end in order."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from inference_site import MODEL, Caller, promoted, row, scaled

from modelry.core.events import EventKind
from modelry.core.repository import RegistryRepository
from modelry.testing.server import served
from modelry.wiring import connect

_ANSWERS = re.compile(r"modelry answers for (\S+) at http://127\.0\.0\.1:(\d+)/")
PROMOTIONS = 50
CALLERS = 4
PAUSE = 0.15
LATEST = 1.5
"""Seconds within which a promotion must be followed: the poll, the loading, a busy machine."""


@dataclass
class Inferring:
    """A `modelry infer` in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def stop(self) -> int:
        """Ask it to end, and answer how it did."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def inferring(uri: str, **settings: str) -> Iterator[Inferring]:
    """Start `modelry infer`, and end it with the context."""
    command = [sys.executable, "-m", "modelry.cli.main", "infer", MODEL, "--registry", uri,
               "--port", "0"]  # fmt: skip
    told = {**os.environ, "MODELRY_INFER_LOG": "off", "MODELRY_INFER_POLL_SECONDS": "0.05"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**told, **settings})
    assert process.stderr is not None
    with process.stderr as stream:
        reader = threading.Thread(target=stream.read, daemon=True)
        try:
            yield Inferring(process, _port(stream))
        finally:
            reader.start()
            process.terminate()
            process.wait(60)
            reader.join()


def _port(stream: Iterator[str]) -> int:
    said = ""
    for line in stream:
        said += line
        if found := _ANSWERS.search(line):
            return int(found[2])
    msg = f"the service did not start:\n{said}"
    raise AssertionError(msg)


class Seen(NamedTuple):
    """An answer: from when to when, by which version, and by which model it was made."""

    began: float
    ended: float
    status: int
    version: int
    value: float


@dataclass
class Load:
    """Callers that ask without a pause, and what they were answered."""

    port: int
    over: threading.Event = field(default_factory=threading.Event)
    seen: list[Seen] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask during the context."""
        threads = [threading.Thread(target=self._ask) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        with closing(Caller(self.port)) as caller:
            while not self.over.is_set():
                began = time.time()
                answer = caller.infer(row(1, 1))
                ended = time.time()
                document = answer.json
                version = int(document.get("model_version", 0))
                value = document["outputs"][0]["data"][0] if answer.status == 200 else 0.0
                self.seen.append(Seen(began, ended, answer.status, version, value))


class Reign(NamedTuple):
    """When a version was in production."""

    version: int
    began: float
    ended: float


def _reigns(registry: RegistryRepository) -> Sequence[Reign]:
    """Answer which version was in production from when to when, by the registry's history."""
    events = [event for event in reversed(list(registry.history(MODEL, limit=1000)))
              if event.kind is EventKind.PROMOTED]  # fmt: skip
    began = [event.happened_at.timestamp() for event in events]
    numbers = [event.number or 0 for event in events]
    return [Reign(*each) for each in zip(numbers, began, [*began[1:], float("inf")], strict=True)]


def _lag(reigns: Sequence[Reign], seen: Seen) -> float:
    """Answer how long before a request began its version had been replaced; 0 while it reigned.

    The value tells which model made the answer, whatever the answer says of itself.
    """
    assert (seen.status, seen.value) == (200, seen.version)
    behind = [max(0.0, seen.began - reign.ended) for reign in reigns
              if reign.version == seen.version and reign.began <= seen.ended]  # fmt: skip
    assert behind, f"version {seen.version} answered before it was in production"
    return min(behind)


def _until(true: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.proof
def test_fifty_promotions_under_load_fail_no_request_and_each_answer_was_in_production(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    """A version may answer after its reign for as long as the service takes to follow."""
    promoted(registry, scaled(tmp_path / "1.onnx", 1))
    last = PROMOTIONS + 1
    for number in range(2, last + 1):
        registry.register(MODEL, scaled(tmp_path / f"{number}.onnx", number))
    with inferring(f"sqlite:///{tmp_path / 'registry.db'}") as service:
        load = Load(service.port)
        with load.running():
            for number in range(2, last + 1):
                registry.promote(f"{MODEL}:{number}", "production")
                time.sleep(PAUSE)
            _until(lambda: load.seen[-1].version == last, 10)
        assert service.stop() == 0
    reigns = _reigns(registry)
    assert len(reigns) == last
    lags = [_lag(reigns, one) for one in load.seen]
    versions = {one.version for one in load.seen}
    print(f"{len(lags)} answers by {len(versions)} versions; at most {max(lags):.3f} s behind")  # noqa: T201 - a figure
    assert max(lags) < LATEST
    assert len(versions) > PROMOTIONS / 2
    assert len(lags) > 1000


@pytest.mark.proof
def test_a_registry_server_that_is_killed_is_not_missed_and_followed_when_it_is_back(
    tmp_path: Path,
) -> None:
    place = tmp_path / "server"
    place.mkdir()
    uri, blobs = f"sqlite:///{place}/registry.db", (place / "blobs").as_uri()
    with served(uri, blobs, MODELRY_LOG="off") as first, connect(uri) as registry:
        promoted(registry, scaled(tmp_path / "1.onnx", 1))
        port = int(first.url.rpartition(":")[2])
        with (
            inferring(first.url, MODELRY_TOKEN=first.token) as service,
            closing(Caller(service.port)) as caller,
        ):
            first.process.kill()
            first.process.wait()
            load = Load(service.port)
            with load.running():
                _until(lambda: len(load.seen) > 300, 30)
            _until(lambda: _registry(caller) == "away", 30)
            assert {one.status for one in load.seen} == {200}
            page = caller.get("/metrics").body.decode()
            assert f'modelry_serving_registry_reachable{{model="{MODEL}"}} 0.0' in page
            promoted(registry, scaled(tmp_path / "2.onnx", 2))
            with served(uri, blobs, port=port, MODELRY_LOG="off"):
                _until(lambda: bool(caller.infer(row(1, 1)).json["model_version"] == "2"), 30)
                _until(lambda: _registry(caller) == "reachable", 30)


def _registry(caller: Caller) -> str:
    ready = caller.get("/v2/health/ready")
    assert ready.status == 200
    return str(ready.json["registry"])


@pytest.mark.proof
def test_a_service_that_is_asked_to_end_answers_what_it_has(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    promoted(registry, scaled(tmp_path / "1.onnx", 1))
    body = json.dumps(row(1, 1)).encode()
    with (
        inferring(f"sqlite:///{tmp_path / 'registry.db'}") as service,
        closing(Caller(service.port)) as caller,
    ):
        connection = caller.connection
        connection.putrequest("POST", f"/v2/models/{MODEL}/infer")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:20])
        _until(lambda: _in_flight(service.port) == 2, 10)
        service.process.send_signal(signal.SIGTERM)
        connection.send(body[20:])
        response = connection.getresponse()
        assert (response.status, b'"model_version":"1"' in response.read()) == (200, True)
        assert service.process.wait(60) == 0


def _in_flight(port: int) -> int:
    with closing(Caller(port)) as caller:
        page = caller.get("/metrics").body.decode()
    found = re.search(r"^modelry_http_requests_in_flight (\d+)", page, re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_the_command_says_what_it_lacks_and_answers_one_request(
    registry: RegistryRepository, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    command = [sys.executable, "-m", "modelry.cli.main", "--uri", uri, "infer", MODEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == "modelry: No production model found in registry!\n"
    assert done.returncode == 1
    promoted(registry, scaled(tmp_path / "1.onnx", 4))
    asked = json.dumps(row(1, 2))
    one = [*command, "--check", "-"]
    done = subprocess.run(one, input=asked, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["outputs"][0]["data"] == [4, 8]
    done = subprocess.run(one, input="{}", capture_output=True, text=True, check=False)
    assert (done.returncode, "missing required field `inputs`" in done.stderr) == (1, True)
