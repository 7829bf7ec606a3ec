"""A database that goes away while a server works: said clearly, and over when it is back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from http_victim import PATIENCE, RemoteVictim, nothing_is_lost_or_done_twice, working
from served_site import (
    Place,
    children_of,
    client_of,
    http_of,
    hurry,
    until_ready,
    workers_of,
)

from modelry.testing.postgresql import Postgresql, fresh_database, own_folder, running
from modelry.testing.server import Served

pytestmark = pytest.mark.proof
OUTAGES = 3
HANGS = 20.0
"""Seconds without an answer that are called a hang."""
MODELS = ("ada", "bea", "cia")
READS = (
    "/registry/resolve?ref=steady",
    "/registry/models/steady/versions/1",
    "/registry/models",
    "/registry/me",
    "/registry/audit",
)
CHANGES: tuple[tuple[str, str, dict[str, str | int]], ...] = (
    ("POST", "/registry/promotions", {"ref": "steady:2", "stage": "production"}),
    ("POST", "/registry/rollbacks", {"model": "steady"}),
    ("PATCH", "/registry/refs?ref=steady", {"description": "told in the outage"}),
    ("PUT", "/registry/models?model=made-in-the-outage", {}),
    ("POST", "/registry/uploads", {"size": 3, "sha256": "0" * 64}),
)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def prepare(server: Served, home: Path) -> None:
    home.mkdir()
    (home / "model.bin").write_bytes(b"weights")
    with client_of(server.url, server.token, home) as client:
        for number in (1, 2):
            client.register(
                "steady", home / "model.bin", version=f"v{number}", params={"n": number}
            )
        client.promote("steady:1", "production")
        client.promote("steady:2", "production")
        client.promote("steady:1", "production")


def says_that_it_cannot_now(answer: httpx.Response) -> None:
    where = (answer.request.method, answer.request.url, answer.text)
    assert answer.status_code == 503, where
    assert answer.headers["content-type"] == "application/problem+json", where
    assert int(answer.headers["retry-after"]) >= 1, where
    assert answer.json()["code"] == "unavailable", where


def ask_in_the_outage(http: httpx.Client) -> list[httpx.Request]:
    """Ask for everything; answer the changes that were asked for, to be sent again."""
    ready = http.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["store"] == "unavailable"
    assert http.get("/health/live").status_code == 200
    for path in READS:
        says_that_it_cannot_now(http.get(path))
    asked = []
    for method, path, body in CHANGES:
        key = {"Idempotency-Key": uuid4().hex}
        request = http.build_request(method, path, json=body, headers=key)
        says_that_it_cannot_now(http.send(request))
        asked.append(request)
    return asked


def repeat(http: httpx.Client, asked: Sequence[httpx.Request]) -> None:
    """Send everything again, twice, with the key that it had."""
    for request in asked:
        first, second = http.send(request), http.send(request)
        assert first.is_success, first.text
        assert second.status_code == first.status_code


def go_through_an_outage(
    database: Postgresql, http: httpx.Client, turn: int, server: Served
) -> list[httpx.Request]:
    """Stop the database as its administrator does, or at once, or at once and a worker with it."""
    if turn == 0:
        database.stop()
    else:
        database.crash()
    try:
        asked = ask_in_the_outage(http)
        if turn == OUTAGES - 1:
            os.kill(workers_of(server.process.pid)[0], signal.SIGKILL)
    finally:
        database.start()
    until_ready(str(http.base_url).rstrip("/"))
    for path in READS:
        assert http.get(path).status_code == 200
    return asked


def until_each_is_told(victims: Sequence[RemoteVictim], changes: int) -> None:
    """Wait until each caller has that many answered changes behind it."""
    until = time.monotonic() + PATIENCE
    while any(each.told < changes for each in victims if not each.broken):
        assert time.monotonic() < until, "callers do not come forward"
        time.sleep(0.05)


def test_a_database_that_stops_is_told_and_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with own_folder() as folder, running(folder) as database:
        place = Place(home, fresh_database(database.uri), (home / "blobs").as_uri())
        with (
            place.serve(workers=2) as server,
            http_of(server.url, server.token, seconds=HANGS) as http,
        ):
            prepare(server, tmp_path / "prepared")
            victims = [RemoteVictim(server.url, server.token, tmp_path, model, 1)
                       for model in MODELS]  # fmt: skip
            with working(victims):
                for turn in range(OUTAGES):
                    until_each_is_told(victims, (turn + 1) * 2)
                    asked = go_through_an_outage(database, http, turn, server)
            before = len(http.get("/registry/history?ref=steady&limit=1000").json()["items"])
            repeat(http, asked)
            after = len(http.get("/registry/history?ref=steady&limit=1000").json()["items"])
            assert after == before + 3, "a promotion, a way back, a description"
        with place.inside() as registry:
            changes = nothing_is_lost_or_done_twice(registry, tmp_path, MODELS)
    assert len(changes) >= 2 * OUTAGES * len(MODELS)


def test_a_database_that_does_not_answer_makes_a_server_unready_until_it_does(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    with own_folder() as folder, running(folder) as database:
        place = Place(home, fresh_database(database.uri), (home / "blobs").as_uri())
        with place.serve() as server, http_of(server.url, server.token, seconds=HANGS) as http:
            assert http.get("/registry/me").status_code == 200
            assert database._process is not None
            postmaster = database._process.pid
            every = [postmaster, *children_of(postmaster)]
            for process in every:
                os.kill(process, signal.SIGSTOP)
            try:
                ready = http.get("/health/ready")
                alive = http.get("/health/live")
            finally:
                for process in every:
                    os.kill(process, signal.SIGCONT)
            assert ready.status_code == 503
            assert ready.json()["checks"] == {"store": "unavailable", "blobs": "ok"}
            assert alive.status_code == 200
            until_ready(server.url)
            assert http.get("/registry/me").status_code == 200
