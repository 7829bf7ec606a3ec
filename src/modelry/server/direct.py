"""What is remembered is answered by the protocol itself, without a task and without the app.

Most of what a look-up costs is not looking: a task for the app, its layers, and
an answer put together piece by piece. An answer that is remembered needs none
of them. Everything that is not plainly one goes the usual way, which is
uvicorn's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from time import perf_counter
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from modelry.server.hot import HotDoors, Key
from modelry.telemetry import request_ids
from modelry.telemetry.middleware import Telemetry

_OK = b"HTTP/1.1 200 OK\r\n"
_ASIDE = frozenset({
    b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"if-none-match",
    b"x-forwarded-for", b"x-forwarded-proto",
})  # fmt: skip
"""Headers of requests that are no plain questions, or that came from somewhere else."""


class Direct:
    """Answers what `doors` remember, and tells `telemetry` of it, as the app would."""

    def __init__(self, doors: HotDoors, telemetry: Telemetry) -> None:
        self._doors, self._telemetry = doors, telemetry

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

    def answer(
        self, key: Key, mark: Hashable, cycle: RequestResponseCycle, begun: float
    ) -> bytes | None:
        """Answer the whole of a response, None where what is remembered does not hold any more."""
        found = self._doors.still(key, mark)
        if found is None or not found.head:
            return None
        scope = cast("Scope", cycle.scope)
        request_id = request_ids.request_id(scope["headers"])
        first = [b"%b: %b\r\n" % header for header in cycle.default_headers]
        last = b"x-request-id: %b\r\n\r\n" % request_id.encode()
        self._doors.hit()
        self._telemetry.answered(scope, request_id, begun, found.actor, found.route, found.body)
        return b"".join((_OK, *first, found.head, last, found.body))


class DirectProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which asks the app's `direct` before it begins a task for the app."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: object) -> None:
        direct: Direct | None = getattr(app, "direct", None)
        key = None
        # Of requests that wait in line none is answered from within the end of another.
        if direct is not None and cycle.keep_alive and not self.pipeline:
            key = direct.key(cast("Scope", cycle.scope))
        if direct is None or key is None or self.flow.write_paused:
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]  # as uvicorn gave it
            return
        begun, mark = perf_counter(), direct.look()
        if mark is not None:
            self._answer(cycle, app, direct.answer(key, mark, cycle, begun))
            return
        asked = direct.mark()
        asked.add_done_callback(lambda told: self._told(cycle, app, key, begun, told))

    def _told(
        self,
        cycle: RequestResponseCycle,
        app: object,
        key: Key,
        begun: float,
        told: asyncio.Future[Hashable],
    ) -> None:
        """Go on with what the store said."""
        if cycle.disconnected or told.cancelled():
            return
        answer = None
        if told.exception() is None and cycle.keep_alive:
            answer = app.direct.answer(key, told.result(), cycle, begun)  # type: ignore[attr-defined]  # it was asked
        self._answer(cycle, app, answer)

    def _answer(self, cycle: RequestResponseCycle, app: object, answer: bytes | None) -> None:
        if answer is None:
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]  # as uvicorn gave it
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        self.on_response_complete()
