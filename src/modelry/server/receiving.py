"""Bytes on their way in: read from the client in the loop, written by a thread.

A thread is borrowed for each piece. While it writes, the next piece comes in;
while the client is slow or silent, no thread waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
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


async def receive_whole(
    request: Request, uploads: Uploads, upload: str, threads: Threads, idle: float
) -> tuple[str, int]:
    """Put the whole body of `request` under its digest; answer sha256 and size.

    The blob is kept by `upload` until that is dropped. Of a body that does not
    come to its end nothing stays. Raises `Invalid` where the client is silent
    for `idle` seconds.
    """
    await threads.move(lambda: uploads.begin(upload))
    try:
        sha256, size = await _append_all(request, uploads, upload, threads, idle)
        await threads.move(lambda: uploads.finish(upload, sha256, size))
    except BaseException:
        await asyncio.shield(threads.move(lambda: uploads.drop(upload)))
        raise
    return sha256, size


async def _append_all(
    request: Request, uploads: Uploads, upload: str, threads: Threads, idle: float
) -> tuple[str, int]:
    state, offset = hashlib.sha256(), 0
    writing: asyncio.Task[int] | None = None
    try:
        async for piece in _pieces(request, idle):
            if writing is not None:
                await writing
            write = partial(_append_hashed, state, uploads, upload, offset, piece)
            writing = asyncio.create_task(threads.move(write))
            offset += len(piece)
    finally:
        if writing is not None:
            await asyncio.shield(writing)
    return state.hexdigest(), offset


def _append_hashed(
    state: hashlib._Hash, uploads: Uploads, upload: str, offset: int, piece: bytes
) -> int:
    state.update(piece)
    return uploads.append(upload, offset, piece)


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
