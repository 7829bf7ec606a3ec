"""The bytes of a request, bounded in size and in the time that they may take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Receive

from modelry.core.errors import Invalid

_PLAIN = frozenset({b"", b"identity"})


class Gone(Exception):
    """The client went away before it had sent everything."""


async def read_body(
    headers: Iterable[tuple[bytes, bytes]], receive: Receive, most: int, idle: float
) -> tuple[bytes, int | None]:
    """Answer the body, and the `Inference-Header-Content-Length` where there is one.

    Raises `Invalid` for more than `most` bytes, `idle` seconds without one, or a
    body that is compressed, and `Gone`.
    """
    json_length = None
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > most:
            raise _too_large(most)
        if name == b"inference-header-content-length":
            json_length = _length(value)
        elif name == b"content-encoding" and value.strip().lower() not in _PLAIN:
            msg = "the body is compressed; send it as it is"
            raise Invalid(msg, reason="encoding")
    return await _read(receive, most, idle), json_length


async def _read(receive: Receive, most: int, idle: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    message = await _Patience(idle).next(receive)
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        body: bytes = message.get("body", b"")
        size += len(body)
        if size > most:
            raise _too_large(most)
        if not message.get("more_body"):
            return b"".join((*parts, body)) if parts else body
        parts.append(body)
        message = await _Patience(idle).next(receive)


class _Patience:
    """Ends a wait that takes too long, as `asyncio.timeout` does, at a third of its cost."""

    __slots__ = ("_over", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._over = seconds, False

    async def next(self, receive: Receive) -> Message:
        """Answer the next message. Raises `Invalid` where none comes in time."""
        self._task = asyncio.current_task()
        timer = asyncio.get_running_loop().call_later(self._seconds, self._end)
        try:
            return await receive()
        except asyncio.CancelledError as error:
            if not self._over or self._task is None or self._task.uncancel():
                raise  # somebody else ends it
            msg = f"the rest of the body did not come for {self._seconds:.0f} seconds"
            raise Invalid(msg, reason="idle") from error
        finally:
            timer.cancel()

    def _end(self) -> None:
        self._over = True
        if self._task is not None:
            self._task.cancel()


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 15:  # noqa: PLR2004 - far beyond any limit
        msg = "Inference-Header-Content-Length must be a number of bytes"
        raise Invalid(msg)
    return int(value)


def _too_large(most: int) -> Invalid:
    msg = f"the body has more than {most} bytes; send fewer rows, or raise --max-body"
    return Invalid(msg, reason="too_large")
