"""Bytes on their way in: read from the client in the loop, written by a thread.

A thread is borrowed for each piece. While it writes, the next piece comes in;
while the client is slow or silent, no thread waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

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
    pieces = _within(slip.size, offset, _pieces(request, idle))
    return await _append(pieces, uploads, slip.upload, offset, threads)


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
        await _append(_pieces(request, idle), uploads, upload, 0, threads)
        return await threads.move(lambda: uploads.digest(upload))
    except BaseException:
        await asyncio.shield(threads.move(lambda: uploads.drop(upload)))
        raise


async def _append(
    pieces: AsyncIterator[bytes], uploads: Uploads, upload: str, offset: int, threads: Threads
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


async def _within(size: int, offset: int, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass on the pieces of an upload that has `size` bytes. Raises `Invalid` where they are more."""
    async for piece in pieces:
        if offset + len(piece) > size:
            msg = f"the upload has {size} bytes and this is more; send what is left of it"
            raise Invalid(msg, reason="too_large", size=size, received=offset)
        yield piece
        offset += len(piece)


async def _pieces(request: Request, idle: float) -> AsyncIterator[bytes]:
    """Answer the body in pieces of about a mebibyte; the last also where the client went away."""
    parts: list[bytes] = []
    size = 0
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(idle):  # a task for each part would cost more than the part
                part = await anext(stream)
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
