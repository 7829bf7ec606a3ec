"""A proxy before an HTTP server that fails by plan: the n-th request, or from there on all."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FAULTS = (
    "500",  # the server says that it failed
    "503",  # ... that it is busy
    "stall",  # it never answers
    "reset",  # the connection breaks before the request is done
    "lost",  # the request is done, and the connection breaks before the answer
    "truncated",  # it breaks in the middle of the answer
    "shortened",  # half of the answer comes and says that it is all
)


@dataclass
class Plan:
    """What happens to which request; `met` counts how often it happened."""

    fault: str
    at: int
    lasting: bool
    seen: int = 0
    met: int = 0

    def turn(self) -> str | None:
        """Count one more request, and answer what happens to it."""
        self.seen += 1
        if self.seen == self.at or (self.lasting and self.seen > self.at):
            self.met += 1
            return self.fault
        return None


class FaultProxy(ThreadingHTTPServer):
    """Passes requests on, unless the plan says otherwise."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(endpoint).netloc
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.ended = threading.Event()
        self._plan: Plan | None = None
        self._lock = threading.Lock()

    @contextmanager
    def failing(self, fault: str, at: int = 1, *, lasting: bool = False) -> Iterator[Plan]:
        """Let the request number `at` of those that follow fail; `lasting`: all from there on."""
        plan = Plan(fault, at, lasting)
        with self._lock:
            self._plan = plan
        try:
            yield plan
        finally:
            with self._lock:
                self._plan = None

    def turn(self) -> str | None:
        """Answer what happens to the next request."""
        with self._lock:
            return self._plan.turn() if self._plan else None

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that leave early are what this is for."""


@contextmanager
def started_proxy(endpoint: str) -> Iterator[FaultProxy]:
    """Run a proxy before `endpoint`."""
    proxy = FaultProxy(endpoint)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.ended.set()
        proxy.shutdown()
        proxy.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.turn()
        if fault in {"500", "503"}:
            self._answer(int(fault), [("Content-Length", "0")], b"")
        elif fault == "stall":
            self.server.ended.wait(60)
            self._break()
        elif fault == "reset":
            self._break()
        else:
            self._pass_on(body, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - named by http.server

    def _pass_on(self, body: bytes, fault: str | None) -> None:
        behind = http.client.HTTPConnection(self.server.behind, timeout=60)
        try:
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            data = answer.read()
        finally:
            behind.close()
        if fault == "lost":
            self._break()
            return
        dull = {"content-length", "transfer-encoding", "connection"}
        headers = [each for each in answer.getheaders() if each[0].lower() not in dull]
        length = answer.getheader("Content-Length") or str(len(data))
        half = data[: len(data) // 2]
        if fault == "shortened" and self.command != "HEAD":
            self._answer(answer.status, [*headers, ("Content-Length", str(len(half)))], half)
        elif fault == "truncated":
            self._answer(answer.status, [*headers, ("Content-Length", length)], half)
            self._break()
        else:
            self._answer(answer.status, [*headers, ("Content-Length", length)], data)

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _break(self) -> None:
        """End the connection so that the other side notices at once."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
