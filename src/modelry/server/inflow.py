"""A large body on its way in: read from the connection into the memory of whoever wants it.

By uvicorn's way a body is copied five times before it can be written: out of the
buffer of the loop, through the parser, into an array, out of that, and to where it
is wanted. How long it is was said at its beginning, so that nothing of it has to be
parsed. Here the connection is taken from the parser until that many bytes have come.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl

INTO = "modelry.request.into"
"""An extension of ASGI: an `Into`, in which whoever reads a body leaves memory for it."""

LEAST = 256 * 1024
"""Bytes that have to be missing of a body that is read so."""

ENOUGH = 512 * 1024
"""Bytes for which reading is worth while more are on their way."""

_LINGER = 1.0
"""Seconds for which a piece that has begun may wait to be full."""

_SCRATCH = 64 * 1024


class Into:
    """Where the next piece of a body is wanted.

    While `memory` is set, `receive` may put the bytes there. A message that is so
    has them as its body, in a `memoryview`; a body of `bytes` lies elsewhere.
    `filled` says how many bytes a `receive` that was given up has put there.
    """

    __slots__ = ("filled", "linger", "memory")

    def __init__(self) -> None:
        self.memory: memoryview | None = None
        self.filled = 0
        self.linger = _LINGER


class Http(Protocol):
    """What is to be known of the protocol that a connection is taken from."""

    transport: asyncio.Transport
    flow: FlowControl
    loop: asyncio.AbstractEventLoop

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the connection is gone."""

    def stays(self) -> None:
        """Learn that something came, so that the connection is in use."""

    def body_came(self) -> None:
        """Go on behind the body."""


class Inflow(asyncio.BufferedProtocol):
    """The connection while a body comes of which `left` bytes are missing."""

    def __init__(self, http: Http, left: int) -> None:
        self._http = http
        self.left = left
        self._memory = memoryview(b"")
        self._filled = 0
        self._unwanted = False
        self._late = False
        self._waiting: asyncio.Future[None] | None = None
        self._socket = _socket_of(http.transport)
        self._enough = 1
        http.flow.pause_reading()
        http.transport.set_protocol(self)

    async def fill(self, into: Into, memory: memoryview, filled: int) -> int:
        """Read into `memory`, where `filled` bytes are already; answer how many are there then.

        That is all it can hold, unless the body ends, the client goes away, or
        no more comes for a while. Of nothing it answers only at the end of all.
        """
        self._memory, self._filled, self._late = memory, filled, False
        timer = self._http.loop.call_later(into.linger, self._lingered)
        try:
            if not self._is_done():
                self._wake_at(ENOUGH)
                self._waiting = self._http.loop.create_future()
                self._http.flow.resume_reading()
                await self._waiting
        except asyncio.CancelledError:
            into.filled = self._filled
            raise
        finally:
            timer.cancel()
            self._waiting = None
            if self.left:
                self._http.flow.pause_reading()
            else:
                self._hand_back()
        return self._filled

    def discard(self) -> None:
        """Let the rest of the body come and forget it: it was answered without."""
        self._memory, self._filled = memoryview(bytearray(_SCRATCH)), 0
        self._unwanted = True
        self._wake_at(1)

    def _is_done(self) -> bool:
        full = self._filled == len(self._memory)
        return full or not self.left or self._is_gone() or (self._late and self._filled > 0)

    def _is_gone(self) -> bool:
        return self._http.transport.is_closing()

    def _lingered(self) -> None:
        self._late = True
        self._wake_at(1)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done() and self._is_done():
            self._http.flow.pause_reading()
            self._waiting.set_result(None)

    def _wake_at(self, enough: int) -> None:
        """Be woken when so many bytes, or the last, have come: each time costs more than a few bytes."""
        enough = min(enough, self.left) or 1
        if self._socket is not None and enough != self._enough and not self._is_gone():
            self._enough = enough
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, enough)

    def _hand_back(self) -> None:
        """Let the parser have the connection again."""
        if not self._is_gone():
            self._wake_at(1)
            self._http.transport.set_protocol(self._http)  # type: ignore[arg-type]
            self._http.body_came()
            self._http.flow.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Answer where the next bytes go: no byte behind the body is taken."""
        del sizehint
        return self._memory[self._filled : self._filled + self.left]

    def buffer_updated(self, nbytes: int) -> None:
        """Learn that so many bytes came."""
        self.left -= nbytes
        if not self._unwanted:
            self._filled += nbytes
            self._wake_at(self._enough)
            self._wake()
            return
        self._http.stays()
        if not self.left:
            self._hand_back()

    def eof_received(self) -> None:
        """Let the connection end, as the parser would."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        self._http.connection_lost(exc)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def pause_writing(self) -> None:
        """Tell who writes that the client is slow."""
        self._http.flow.pause_writing()

    def resume_writing(self) -> None:
        """Tell who writes that the client has caught up."""
        self._http.flow.resume_writing()


def _socket_of(transport: asyncio.Transport) -> socket.socket | None:
    """Answer the socket below a connection, None where it holds back what it has not enough of."""
    if sys.platform != "linux" or transport.get_extra_info("sslcontext") is not None:
        return None
    found: socket.socket | None = transport.get_extra_info("socket")
    return found
