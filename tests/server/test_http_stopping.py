"""What a stopping server says of requests that do not end in the time that they are given."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from modelry.server.app import make_app
from modelry.server.first import first_admin
from modelry.settings import ServerSettings
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import world_on

SIZE = 1000


@contextmanager
def running(folder: Path) -> Iterator[tuple[uvicorn.Server, int, str]]:
    """Run a server in a thread that gives requests a second when it stops."""
    world = world_on(MemoryStore(), folder)
    secret = first_admin(world)
    assert secret is not None
    app = make_app(world, ServerSettings(home=folder, log="json"))
    config = uvicorn.Config(app, timeout_graceful_shutdown=1, log_config=None, access_log=False)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield server, listening.getsockname()[1], secret
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


def test_a_stalled_upload_is_answered_and_leaves_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with running(tmp_path / "home") as (server, port, secret):
        told = {"Authorization": f"Bearer {secret}"}
        body = {"size": SIZE, "sha256": "0" * 64}
        url = f"http://127.0.0.1:{port}/registry/uploads"
        begun = httpx.post(url, json=body, headers=told).json()["id"]
        with socket.create_connection(("127.0.0.1", port), 30) as stalled:
            head = (
                f"PATCH /registry/uploads/{begun} HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {secret}\r\nContent-Type: application/octet-stream\r\n"
                f"Upload-Offset: 0\r\nContent-Length: {SIZE}\r\nExpect: 100-continue\r\n\r\n"
            )
            stalled.sendall(head.encode())
            assert stalled.recv(100).startswith(b"HTTP/1.1 100")  # it waits for the body by now
            stalled.sendall(b"x" * 10)
            server.should_exit = True
            answer = b""
            while piece := stalled.recv(65536):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"application/problem+json" in answer
    assert b"nosniff" in answer
    assert b"an upload from its offset" in answer
    assert [record.exc_info for record in caplog.records if record.exc_info] == []
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert errors == ["Cancel 1 running task(s), timeout graceful shutdown exceeded"]
