"""The one layer around the app that names, counts, times and logs each request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelry.telemetry import request_ids
from modelry.telemetry.finished import Finished
from modelry.telemetry.metrics import Metrics, metrics
from modelry.telemetry.options import TelemetrySettings
from modelry.telemetry.request_lines import RequestLines
from modelry.telemetry.routes import route_of
from modelry.telemetry.tracing import Tracing, name_span, open_tracing, trace_id

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_CLIENT_GONE = 499
_BROKEN = 500
_OK = 200

WHOLE = "modelry.response.whole"
"""An extension of ASGI: a whole answer in one message.

It has a `status`, the `head` (lines of headers as they are sent) and the `body`,
and gets the `request_id` here.
"""


class Telemetry:
    """Wraps an ASGI app; to be the outermost layer.

    Before the app runs, `scope["state"]["request_id"]` is set, and the answer
    carries it as `X-Request-Id`. After it, `state["actor"]` (who it was),
    `state["address"]` (else the peer's) and `state["route"]` (else the path of
    the route that matched) go into the log. What the app raises passes through
    and is logged by the server, once. A request that a stopping server cancels is
    answered by `cut_off` where there is one, and ends with its line in the log.
    """

    def __init__(  # noqa: PLR0913 - what a test hands in, by name
        self,
        app: ASGIApp,
        settings: TelemetrySettings | None = None,
        *,
        lines: RequestLines | None = None,
        figures: Metrics | None = None,
        tracing: Tracing | None = None,
        cut_off: ASGIApp | None = None,
    ) -> None:
        self._app = app
        self._cut_off = cut_off
        self._settings = settings or TelemetrySettings()
        self._lines = lines or RequestLines(self._settings)
        self._metrics = figures or metrics()
        self._tracing = tracing or open_tracing()

    @property
    def traced(self) -> bool:
        """Whether each request is a span of a trace."""
        return self._tracing is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand anything else through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_ids.request_id(scope["headers"])
        request_ids.current.set(request_id)
        scope.setdefault("state", {})["request_id"] = request_id
        exchange = _Exchange(request_id, receive, send)
        if scope["method"] not in _BODILESS:
            receive = exchange.receive
        self._metrics.begun()
        try:
            if self._tracing is None:
                await self._app(scope, receive, exchange.send)
            else:
                await self._traced(self._tracing, scope, receive, exchange)
        except asyncio.CancelledError:
            if self._cut_off is None:
                exchange.status = exchange.status or _CLIENT_GONE
                raise
            if not exchange.status:
                await self._cut_off(scope, receive, exchange.send)
        finally:
            self._metrics.over()
            self._end(scope, exchange)

    async def _traced(
        self, tracing: Tracing, scope: Scope, receive: Receive, exchange: _Exchange
    ) -> None:
        with tracing.span(scope["method"], scope["headers"]) as span:
            exchange.trace_id = trace_id(span)
            try:
                await self._app(scope, receive, exchange.send)
            finally:
                status = exchange.status or _BROKEN
                name_span(span, scope["method"], route_of(scope), status, exchange.request_id)

    def answered(  # noqa: PLR0913 - a request has this many facts
        self, path: str, client: tuple[str, int] | None, request_id: str, begun: float,
        actor: str, route: str, body: bytes,
    ) -> None:  # fmt: skip
        """Tell of a GET that was answered with `body` before it came to the app."""
        request = Finished(
            request_id, "GET", route, _OK, perf_counter() - begun, 0, len(body), actor,
            client[0] if client else "", "", path if self._settings.paths else "",
        )  # fmt: skip
        self._metrics.ended(request)
        self._lines.tell(request)

    def _end(self, scope: Scope, exchange: _Exchange) -> None:
        state = scope["state"]
        client = scope.get("client")
        request = Finished(
            exchange.request_id,
            scope["method"],
            route_of(scope),
            exchange.status or _BROKEN,
            perf_counter() - exchange.begun,
            exchange.received,
            exchange.sent,
            str(state.get("actor") or ""),
            state.get("address") or (client[0] if client else ""),
            exchange.trace_id,
            scope["path"] if self._settings.paths else "",
        )
        self._metrics.ended(request)
        self._lines.tell(request)


class _Exchange:
    """Counts what goes in and out of one request, and puts its id on the answer."""

    __slots__ = (
        "_receive",
        "_send",
        "begun",
        "received",
        "request_id",
        "sent",
        "status",
        "trace_id",
    )

    def __init__(self, request_id: str, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.request_id = request_id
        self.begun = perf_counter()
        self.status = 0
        self.received = 0
        self.sent = 0
        self.trace_id = ""

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on. The start is copied: an app may keep it for its next answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            named = (request_ids.HEADER, self.request_id.encode())
            message = {**message, "headers": [*message.get("headers", ()), named]}
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        elif message["type"] == WHOLE:
            self.status, self.sent = message["status"], len(message["body"])
            message = {**message, "request_id": self.request_id}
        return self._send(message)
