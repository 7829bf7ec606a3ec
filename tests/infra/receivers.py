"""Receivers of alerts: a real server on this machine that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    """Keeps the JSON of every POST, and answers what it was told to."""

    daemon_threads = True

    def __init__(self, status: int, patience: threading.Event) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.patience = status, patience
        self.got: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/alerts"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))
        self.server.patience.wait(30)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the library's
        del format, args


@contextmanager
def receiver(status: int = 200, *, silent: bool = False) -> Iterator[Receiver]:
    """Run a receiver; a silent one takes what it is sent and answers when the test is over."""
    patience = threading.Event()
    if not silent:
        patience.set()
    server = Receiver(status, patience)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        patience.set()
        server.shutdown()
        thread.join()
        server.server_close()
