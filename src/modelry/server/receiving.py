"""Bytes on their way in: read from the client in the loop, written by a thread.

A thread is borrowed for each piece. While it writes, the next piece comes in;
while the client is slow or silent, no thread waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from modelry.core.errors import Invalid
from modelry.core.ports import Uploads
from modelry.server.slips import Slip
from modelry.server.streams import Threads

PIECE = 1024 * 1024


async def receive(  # noqa: PLR0913 - from where, to where, and how long to wait
    request: Request, uploads: Uploads, slip: Slip, offset: int, threads: Threads, idle: float
) -> int:
    """Add the body of `request` to an upload and answer the new offset.

    What arrived before a client went away is kept. Raises `Invalid` where the
    body is longer than the upload or the client is silent for `idle` seconds.
    """
    writing: asyncio.Task[int] | None = None
    try:
        async for piece in _pieces(request, idle):
            if offset + len(piece) > slip.size:
                msg = f"the upload has {slip.size} bytes and this is more; send what is left of it"
                raise Invalid(msg, reason="too_large", size=slip.size, received=offset)
            if writing is not None:
                await writing
            writing = asyncio.create_task(_write(threads, uploads, slip.upload, offset, piece))
            offset += len(piece)
    finally:
        if writing is not None:
            await asyncio.shield(writing)
    return offset


async def _write(threads: Threads, uploads: Uploads, upload: str, offset: int, piece: bytes) -> int:
    return await threads.move(lambda: uploads.append(upload, offset, piece))


async def _pieces(request: Request, idle: float) -> AsyncIterator[bytes]:
    """Answer the body in pieces of about a mebibyte; the last also where the client went away."""
    parts: list[bytes] = []
    size = 0
    stream = request.stream().__aiter__()
    while True:
        try:
            part = await asyncio.wait_for(anext(stream), idle)
        except StopAsyncIteration:
            break
        except ClientDisconnect:
            if parts:
                yield b"".join(parts)
            raise
        except TimeoutError as error:
            if parts:
                yield b"".join(parts)
            msg = f"nothing came for {idle:.0f} seconds; ask for the offset and go on from there"
            raise Invalid(msg, reason="idle") from error
        parts.append(part)
        size += len(part)
        if size >= PIECE:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            parts, size = [], 0
    if size:
        yield b"".join(parts)
