"""A server in a thread, and connections on which it is asked byte by byte."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from modelry.core.ports import Store
from modelry.core.service import Service
from modelry.core.verbs.world import World
from modelry.server.app import make_app
from modelry.server.direct import Direct, DirectProtocol
from modelry.server.first import first_admin
from modelry.server.hot import HotDoors
from modelry.settings import ServerSettings
from modelry.testing.fakes import world_on

ONE, TWO = (f"/registry/models/m/versions/{number}" for number in (1, 2))
PATIENCE = 20
IDLE = 2
"""Seconds after which a server closes a connection that asks nothing."""


@dataclass
class Heard:
    """One response as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def tags(self) -> dict[str, str]:
        tags: dict[str, str] = json.loads(self.body)["tags"]
        return tags


@dataclass
class Line:
    """A connection, and what came on it."""

    connection: socket.socket
    token: str
    left: bytes = b""

    def question(self, path: str, method: str = "GET", **headers: str) -> bytes:
        named = {"Host": "localhost", "Authorization": f"Bearer {self.token}", **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}"
                                                for name, value in named.items())]  # fmt: skip
        return "\r\n".join([*lines, "", ""]).encode()

    def ask(self, path: str, method: str = "GET", **headers: str) -> Heard:
        self.connection.sendall(self.question(path, method, **headers))
        return self.hear(bodiless=method == "HEAD")

    def hear(self, *, bodiless: bool = False) -> Heard:
        head = self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = dict(line.split(": ", 1) for line in lines)
        size = 0 if bodiless else int(headers.get("content-length", "0"))
        while len(self.left) < size:
            self._more()
        body, self.left = self.left[:size], self.left[size:]
        return Heard(int(first.split()[1]), headers, body)

    def _until(self, end: bytes) -> bytes:
        while end not in self.left:
            self._more()
        at = self.left.index(end) + len(end)
        head, self.left = self.left[:at], self.left[at:]
        return head

    def _more(self) -> None:
        piece = self.connection.recv(65_536)
        assert piece, "the server closed the connection"
        self.left += piece


@dataclass
class Site:
    """A server in a thread, and how often its app was asked."""

    world: World
    token: str
    port: int
    server: uvicorn.Server
    asked: list[str] = field(default_factory=list)
    read: list[bytes] = field(default_factory=list)
    """What was read as HTTP, because it was not known by its bytes."""

    @contextmanager
    def line(self, token: str = "") -> Iterator[Line]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            yield Line(connection, token or self.token)

    def call(self, method: str, path: str, document: object = None) -> dict[str, str]:
        """Ask as a usual client does."""
        answer = httpx.request(
            method, f"http://127.0.0.1:{self.port}{path}", json=document, timeout=PATIENCE,
            headers={"Authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        assert answer.is_success, answer.text
        told: dict[str, str] = answer.json() if answer.content else {}
        return told

    def tag(self, value: str) -> None:
        """Commit a change of version 1, as another process would."""
        Service(self.world).tag("m:1", {"who": value})


@contextmanager
def site_on(
    store: Store,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    loop: Literal["auto", "asyncio"] = "auto",
    **settings: Any,  # noqa: ANN401 - as the settings take them
) -> Iterator[Site]:
    world = world_on(store, folder)
    token = first_admin(world)
    assert token is not None
    app = make_app(world, ServerSettings(home=folder, log="off", **settings))
    config = uvicorn.Config(app, port=0, http=DirectProtocol, log_config=None,
                            access_log=False, proxy_headers=False, loop=loop,
                            timeout_keep_alive=IDLE)  # fmt: skip
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    site = Site(world, token, listening.getsockname()[1], server)
    called, read = HotDoors.__call__, DirectProtocol._read

    async def counted(doors: HotDoors, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            site.asked.append(scope["path"])
        await called(doors, scope, receive, send)

    def noted(protocol: DirectProtocol, direct: Direct, data: bytes) -> None:
        site.read.append(data)
        read(protocol, direct, data)

    monkeypatch.setattr(HotDoors, "__call__", counted)
    monkeypatch.setattr(DirectProtocol, "_read", noted)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        for _ in (ONE, TWO):
            site.call("POST", "/registry/models/m/versions", {})
        with site.line() as line:
            assert [line.ask(each).status for each in (ONE, TWO)] == [200, 200]
        yield site
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()
