"""What is remembered is answered by the protocol itself, without a task and without the app.

Most of what a look-up costs is not looking: a task for the app, its layers, and
an answer put together piece by piece. An answer that is remembered needs none
of them. Nor is a request read anew that came before, byte by byte the same.
Everything that is not plainly one goes the usual way, which is uvicorn's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple, cast

import httptools
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from modelry.server.exchange import Exchange, able
from modelry.server.hot import HotDoors, Key
from modelry.server.inflow import Inflow
from modelry.telemetry import request_ids
from modelry.telemetry.middleware import Telemetry

Headers = Sequence[tuple[bytes, bytes]]
Peer = tuple[str, int] | None

_OK = b"HTTP/1.1 200 OK\r\n"
_CLOSE = b"connection: close\r\n"
_ASIDE = frozenset({
    b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"if-none-match",
    b"x-forwarded-for", b"x-forwarded-proto",
})  # fmt: skip
"""Headers of requests that are no plain questions, or that came from somewhere else."""

_LONGEST = 2048
_MOST = 2048
"""Bytes of the longest request that is known by its bytes, and how many are."""


class Question(NamedTuple):
    """A request whose answer was remembered: the key of that, and its path."""

    key: Key
    path: str


class Direct:
    """Answers what `doors` remember, and tells `telemetry` of it, as the app would."""

    def __init__(self, doors: HotDoors, telemetry: Telemetry) -> None:
        self._doors, self._telemetry = doors, telemetry
        self._same: dict[bytes, Question] = {}
        self._usual: tuple[object, bytes] = (None, b"")

    def key(self, scope: Scope) -> Key | None:
        """Answer under which key the answer to a request is remembered, None where it is not."""
        if scope["method"] != "GET" or self._telemetry.traced:
            return None
        for name, _ in scope["headers"]:
            if name in _ASIDE:
                return None
        return self._doors.remembers(scope)

    def look(self) -> Hashable:
        """Answer the mark of the store where that takes no waiting, else None."""
        return self._doors.marks.look()

    def mark(self) -> asyncio.Future[Hashable]:
        """Ask the store for its mark."""
        return self._doors.marks.asked()

    def same(self, data: bytes) -> Question | None:
        """Answer the question that was asked before in the same bytes."""
        return self._same.get(data)

    def keep(self, data: bytes, question: Question, scope: Scope) -> None:
        """Know `data`, which was this question and nothing else, when it comes again."""
        named = any(name == request_ids.HEADER for name, _ in scope["headers"])
        if named or len(data) > _LONGEST:
            return
        if len(self._same) >= _MOST:
            self._same.clear()
        self._same[data] = question

    def answer(  # noqa: PLR0913 - what an answer is made of
        self, question: Question, mark: Hashable, headers: Headers, client: Peer,
        usual: Headers, begun: float,
    ) -> bytes | None:  # fmt: skip
        """Answer the whole of a response, None where what is remembered does not hold any more.

        `headers` are those of the request, `usual` those of every response.
        """
        found = self._doors.still(question.key, mark)
        if found is None or not found.head:
            return None
        request_id = request_ids.request_id(headers)
        self._doors.hit()
        self._telemetry.answered(
            question.path, client, request_id, begun, found.actor, found.route, found.body
        )
        return self.whole(usual, found.head, request_id, found.body)

    def whole(
        self, usual: Headers, head: bytes, request_id: str, body: bytes, *, last: bool = False
    ) -> bytes:
        """Answer a response with status 200 as it is sent, the `last` of its connection or not."""
        if self._usual[0] is not usual:
            self._usual = usual, b"".join([b"%b: %b\r\n" % header for header in usual])
        end = b"%bx-request-id: %b\r\n\r\n" % (_CLOSE if last else b"", request_id.encode())
        return b"".join((_OK, self._usual[1], head, end, body))


class DirectProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which asks the app's `direct` before it begins a task for the app."""

    _direct: Direct | None = None
    _asked: tuple[Question, Scope] | None = None
    """What the piece that is read now asked, where that is remembered."""
    _messages = 0
    """How many requests have begun in that piece."""
    _unfinished = False
    """Whether only a part of a request has come."""
    _held = False
    """Whether a question that was known by its bytes waits for the mark."""
    _later = b""
    """What came meanwhile."""
    _leaving = False
    """Whether the server wants to stop meanwhile."""
    _last = 0.0
    """When the connection was last of use without uvicorn's knowing, by the loop's clock."""
    _inflow: Inflow | None = None
    """What has the connection while a large body comes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin with a connection."""
        super().connection_made(transport)
        if self.limit_concurrency is None:
            self._direct = getattr(self.app, "direct", None)

    def data_received(self, data: bytes) -> None:
        """Answer what is known by its bytes, or read it."""
        if self._held:
            self._later += data
            if len(self._later) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            return
        direct = self._direct
        if direct is None or self._is_busy():
            super().data_received(data)
            return
        question = direct.same(data)
        if question is None:
            self._read(direct, data)
            return
        begun, mark = perf_counter(), direct.look()
        if mark is not None:
            self._answer_again(direct, data, question, mark, begun)
            return
        self._held = True
        asked = direct.mark()
        asked.add_done_callback(lambda told: self._told_again(direct, data, question, begun, told))

    def _is_busy(self) -> bool:
        """Say whether what comes now belongs to, or waits behind, what came before."""
        under_way = self.cycle is not None and not self.cycle.response_complete
        return self._unfinished or under_way or bool(self.pipeline) or self.flow.write_paused

    def _read(self, direct: Direct, data: bytes) -> None:
        """Read a piece as uvicorn does; if it is one question, know it when it comes again."""
        self._forget()
        super().data_received(data)
        asked = self._asked
        if asked is not None and self._messages == 1 and not self._unfinished:
            direct.keep(data, *asked)

    def _forget(self) -> None:
        self._asked, self._messages = None, 0

    def on_message_begin(self) -> None:
        """Begin with a request (a callback of the parser)."""
        self._messages += 1
        self._unfinished = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """End with a request (a callback of the parser)."""
        self._unfinished = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End with an answer, also to a body that nobody read to its end."""
        if self._inflow is not None:
            self._inflow.discard()
        super().on_response_complete()

    def lend(self, left: int) -> Inflow:
        """Give the connection away until so many bytes of a body have come."""
        self._inflow = Inflow(self, left)
        return self._inflow

    def stays(self) -> None:
        """Keep the connection open for now."""
        self._last = self.loop.time()

    def body_came(self) -> None:
        """Have the connection back, behind a body that the parser has not seen."""
        self._inflow = None
        self.parser = httptools.HttpRequestParser(self)
        with suppress(AttributeError):  # before 0.6.3 there is none to be set
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.on_message_complete()

    def _told_again(
        self,
        direct: Direct,
        data: bytes,
        question: Question,
        begun: float,
        told: asyncio.Future[Hashable],
    ) -> None:
        """Go on with what the store said of a question that was known by its bytes."""
        self._held = False
        failed = told.cancelled() or told.exception() is not None
        if self.transport.is_closing():
            return
        if failed:
            self._read(direct, data)
        else:
            self._answer_again(direct, data, question, told.result(), begun)
        later, self._later = self._later, b""
        if self._leaving:
            self.shutdown()
        elif later:
            self.flow.resume_reading()
            self.data_received(later)

    def _answer_again(
        self, direct: Direct, data: bytes, question: Question, mark: Hashable, begun: float
    ) -> None:
        usual = self.server_state.default_headers
        answer = direct.answer(question, mark, (), self.client, usual, begun)
        if answer is None:
            self._read(direct, data)
            return
        self.transport.write(answer)
        self.server_state.total_requests += 1
        self._last = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait(self.timeout_keep_alive)

    def _wait(self, seconds: float) -> None:
        """Close the connection if nothing comes in that time."""
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, unless something was asked since the time began to run."""
        rest = self._last + self.timeout_keep_alive - self.loop.time()
        if self._held or rest > 0:
            self._wait(max(rest, 1.0))
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """Close the connection, or do so after what is being answered."""
        if self._held:
            self._leaving = True
        else:
            super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: object) -> None:
        direct: Direct | None = getattr(app, "direct", None)
        key, scope = None, cast("Scope", cycle.scope)
        # Of requests that wait in line none is answered from within the end of another.
        if direct is not None and cycle.keep_alive and not self.pipeline:
            key = direct.key(scope)
        if direct is None or key is None or self.flow.write_paused:
            self._begin(direct, cycle, app)
            return
        question = Question(key, scope["path"])
        self._asked = question, scope
        begun, mark = perf_counter(), direct.look()
        if mark is not None:
            self._answer(direct, cycle, app, question, mark, begun)
            return
        asked = direct.mark()
        asked.add_done_callback(lambda told: self._told(direct, cycle, app, question, begun, told))

    def _told(  # noqa: PLR0913 - a question that has waited
        self, direct: Direct, cycle: RequestResponseCycle, app: object, question: Question,
        begun: float, told: asyncio.Future[Hashable],
    ) -> None:  # fmt: skip
        """Go on with what the store said."""
        if cycle.disconnected or told.cancelled():
            return
        if told.exception() is None and cycle.keep_alive:
            self._answer(direct, cycle, app, question, told.result(), begun)
        else:
            self._begin(direct, cycle, app)

    def _answer(  # noqa: PLR0913 - a question, and what answers it
        self, direct: Direct, cycle: RequestResponseCycle, app: object, question: Question,
        mark: Hashable, begun: float,
    ) -> None:  # fmt: skip
        scope = cast("Scope", cycle.scope)
        answer = direct.answer(
            question, mark, scope["headers"], scope["client"], cycle.default_headers, begun
        )
        if answer is None:
            self._begin(direct, cycle, app)
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        self.on_response_complete()

    def _begin(self, direct: Direct | None, cycle: RequestResponseCycle, app: object) -> None:
        """Begin a task for the app, for which more is possible than by ASGI alone."""
        if direct is not None:
            app = able(Exchange(self, direct, cycle), cast("ASGIApp", app))
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]  # as uvicorn gave it
