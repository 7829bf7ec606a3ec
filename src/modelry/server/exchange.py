"""One request and its answer, of which more is possible than by ASGI alone."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol, cast

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from modelry.server.inflow import INTO, LEAST, Inflow, Into
from modelry.telemetry.middleware import WHOLE

LENT = "modelry.response.lent"
"""An extension of ASGI: a piece of a body that is only lent, if its message says so by this name.

`send` comes back when all of it has left for the client, so that its memory may be used again.
Where the client is gone it raises `ClientDisconnect`, as there is nobody to read the rest for.
"""

Headers = Sequence[tuple[bytes, bytes]]


class Whole(Protocol):
    """What puts an answer together."""

    def whole(
        self, usual: Headers, head: bytes, request_id: str, body: bytes, *, last: bool = False
    ) -> bytes:
        """Answer a response with status 200 as it is sent, the `last` of its connection or not."""


class Lender(Protocol):
    """What has the connection that a request came on."""

    @property
    def cycle(self) -> RequestResponseCycle:
        """The request that came last."""

    def lend(self, left: int) -> Inflow:
        """Give the connection away until so many bytes of a body have come."""


class Exchange:
    """Offers an app what it can use: `WHOLE` and `LENT` for its answer, `INTO` for the body."""

    __slots__ = ("_answers", "_body", "_cycle", "_http", "_inflow", "_into")

    def __init__(self, http: Lender, answers: Whole, cycle: RequestResponseCycle) -> None:
        self._http, self._answers, self._cycle = http, answers, cycle
        self._body, self._into = cycle.body, Into()
        self._inflow: Inflow | None = None
        offered: dict[str, object] = {WHOLE: {}, LENT: {}, INTO: self._into}
        cast("Scope", cycle.scope).setdefault("extensions", {}).update(offered)

    def receive(self) -> Awaitable[Message]:
        """Receive what comes next of the body, by uvicorn's way where it may go anywhere."""
        if self._into.memory is None and self._inflow is None:
            return cast("Awaitable[Message]", self._cycle.receive())
        return self._receive()

    async def _receive(self) -> Message:
        memory = self._into.memory or memoryview(bytearray(LEAST))
        inflow, filled = self._inflow, 0
        if inflow is None:
            inflow, filled = self._borrow(memory)
        if inflow is None or not inflow.left:
            return cast("Message", await self._cycle.receive())
        filled = await inflow.fill(self._into, memory, filled)
        if not inflow.left:
            self._cycle.message_event.clear()  # the end is told here; after it, the client may go
        if not filled:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": memory[:filled], "more_body": inflow.left > 0}

    def _borrow(self, memory: memoryview) -> tuple[Inflow | None, int]:
        """Take the connection, and answer how much of `memory` the beginning of the body fills.

        That is not done where some of the body was read already, where not much
        is missing, and where it was not said how much that is.
        """
        cycle, came = self._cycle, len(self._body)
        untouched = cycle.body is self._body and cycle is self._http.cycle and cycle.more_body
        over = cycle.disconnected or cycle.response_complete or cycle.transport.is_closing()
        left = _length(cycle.scope["headers"]) - came
        if over or not untouched or came > len(memory) or left < LEAST:
            return None, 0
        if cycle.waiting_for_100_continue:
            cycle.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            cycle.waiting_for_100_continue = False
        memory[:came] = self._body
        cycle.body = self._body = bytearray()
        cycle.message_event.clear()
        self._inflow = self._http.lend(left)
        return self._inflow, came

    def send(self, message: Message) -> Awaitable[None]:
        """Send what an app answers, by uvicorn's way where it is in pieces."""
        if message["type"] == WHOLE:
            return self._send(message)
        if message.get(LENT):
            return self._lend(message)
        return self._cycle.send(message)  # type: ignore[arg-type]  # which is what it takes

    async def _send(self, message: Message) -> None:
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        if cycle.response_started:
            msg = "the answer has begun already"
            raise RuntimeError(msg)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(self._answers.whole(
            cycle.default_headers, message["head"], message["request_id"], message["body"],
            last=not cycle.keep_alive,
        ))  # fmt: skip
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    async def _lend(self, message: Message) -> None:
        """Send a piece, and wait until nothing of it is to be sent any more."""
        cycle = self._cycle
        transport, flow = cycle.transport, cycle.flow
        if not transport.is_closing():
            transport.set_write_buffer_limits(high=0)
        await cycle.send(message)  # type: ignore[arg-type]  # which is what it takes
        await flow.drain()
        if cycle.disconnected:
            raise ClientDisconnect
        if cycle.response_complete and not transport.is_closing():
            transport.set_write_buffer_limits()


def able(exchange: Exchange, app: ASGIApp) -> ASGIApp:
    """Let an app use what an exchange offers."""

    def run(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        del receive, send  # those of the exchange come to them
        return app(scope, exchange.receive, exchange.send)

    return run


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Answer how long a body is; 0 where that is not said, or where it may be something else."""
    length = 0
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name in {b"transfer-encoding", b"upgrade"}:
            return 0
    return length
