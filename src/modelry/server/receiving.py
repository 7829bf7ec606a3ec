"""Bytes on their way in: read from the client in the loop, written by a thread.

A thread is borrowed for each piece. While it writes, the next piece comes in;
while the client is slow or silent, no thread waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import cast

from starlette.requests import ClientDisconnect, Request

from modelry.core.errors import Invalid
from modelry.core.ports import Uploads
from modelry.server.buffers import Buffers
from modelry.server.inflow import INTO, Into
from modelry.server.slips import Slip
from modelry.server.streams import Threads

Piece = bytes | memoryview

_DIGITS = 19
"""More than any length has."""


async def receive(  # noqa: PLR0913 - from where, to where, and how long to wait
    request: Request, uploads: Uploads, slip: Slip, offset: int, threads: Threads, idle: float
) -> int:
    """Add the body of `request` to an upload and answer the new offset.

    What arrived before a client went away is kept. Raises `Invalid` where the
    body is longer than the upload or the client is silent for `idle` seconds.
    """
    buffers = Buffers(_length(request))
    pieces = _within(slip.size, offset, _pieces(request, idle, buffers))
    end = await _append(pieces, uploads, slip.upload, offset, threads)
    buffers.give_back()
    return end


async def receive_whole(
    request: Request, uploads: Uploads, upload: str, threads: Threads, idle: float
) -> tuple[str, int]:
    """Put the whole body of `request` under its digest; answer sha256 and size.

    The blob is kept by `upload` until that is dropped. Of a body that does not
    come to its end nothing stays. Raises `Invalid` where the client is silent
    for `idle` seconds.
    """

    def finish(found: tuple[str, int]) -> tuple[str, int]:
        uploads.finish(upload, *found)
        return found

    found = await receive_unsaid(request, uploads, upload, threads, idle)
    try:
        return await threads.move(lambda: finish(found))
    except BaseException:
        await asyncio.shield(threads.move(lambda: uploads.drop(upload)))
        raise


async def receive_unsaid(
    request: Request, uploads: Uploads, upload: str, threads: Threads, idle: float
) -> tuple[str, int]:
    """Take the whole body of `request` as an upload; answer sha256 and size.

    Of a body that does not come to its end nothing stays. Raises as `receive_whole` does.
    """
    await threads.move(lambda: uploads.begin(upload, unsaid=True))
    try:
        buffers = Buffers(_length(request))
        await _append(_pieces(request, idle, buffers), uploads, upload, 0, threads)
        buffers.give_back()
        return await threads.move(lambda: uploads.digest(upload))
    except BaseException:
        await asyncio.shield(threads.move(lambda: uploads.drop(upload)))
        raise


async def _append(
    pieces: AsyncIterator[Piece], uploads: Uploads, upload: str, offset: int, threads: Threads
) -> int:
    """Add pieces to an upload, each while the next one comes in; answer the new offset."""
    writing: asyncio.Task[int] | None = None
    try:
        async for piece in pieces:
            if writing is not None:
                await writing
            write = partial(uploads.append, upload, offset, piece)
            writing = asyncio.create_task(threads.move(write))
            offset += len(piece)
    finally:
        if writing is not None:
            await asyncio.shield(writing)
    return offset


async def _within(size: int, offset: int, pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """Pass on the pieces of an upload that has `size` bytes. Raises `Invalid` where they are more."""
    async for piece in pieces:
        if offset + len(piece) > size:
            msg = f"the upload has {size} bytes and this is more; send what is left of it"
            raise Invalid(msg, reason="too_large", size=size, received=offset)
        yield piece
        offset += len(piece)


async def _pieces(request: Request, idle: float, buffers: Buffers) -> AsyncIterator[Piece]:
    """Answer the body in pieces of a buffer each; the last also where the client went away.

    Each but the last ends at a whole block. A piece is the caller's until
    it asks for the second after it.
    """
    buffer, filled = buffers.next(), 0
    into: Into = request.scope.get("extensions", {}).get(INTO) or Into()
    into.linger = min(into.linger, idle / 2)
    stream = request.stream().__aiter__()
    while True:
        into.memory, into.filled = buffer[filled:], 0
        try:
            async with asyncio.timeout(idle):  # a task for each part would cost more than the part
                part = cast("Piece", await anext(stream))
        except StopAsyncIteration:
            break
        except ClientDisconnect:
            if filled:
                yield buffer[:filled]
            raise
        except TimeoutError as error:
            if filled + into.filled:
                yield buffer[: filled + into.filled]
            msg = f"nothing came for {idle:.0f} seconds; ask for the offset and go on from there"
            raise Invalid(msg, reason="idle") from error
        finally:
            into.memory = None
        while part:
            filled, part = _laid(part, buffer, filled)
            if filled == buffers.piece:
                yield buffer
                buffer, filled = buffers.next(), 0
    if filled:
        yield buffer[:filled]


def _laid(part: Piece, buffer: memoryview, filled: int) -> tuple[int, bytes]:
    """Put a part where it belongs, if it is not there yet; answer how much is, and what is left."""
    if isinstance(part, memoryview):  # as `Into` has it
        return filled + len(part), b""
    taken = min(len(part), len(buffer) - filled)
    buffer[filled : filled + taken] = part[:taken]
    return filled + taken, part[taken:]


def _length(request: Request) -> int:
    """Answer how many bytes a body is said to have, 0 where that is not said."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < _DIGITS else 0
