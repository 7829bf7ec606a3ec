"""Bytes on their way out: ranges of a blob, read ahead by a thread while the last piece leaves."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import sys
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from modelry.blobs.direct import DirectReader, ReadLately
from modelry.blobs.reading import fill
from modelry.core.errors import Corrupt, Invalid
from modelry.core.model import File
from modelry.core.ports import Blobs
from modelry.server.answers import unchanged
from modelry.server.buffers import PIECE, Buffers
from modelry.server.exchange import LENT
from modelry.server.streams import Threads

SMALL = 512 * 1024
"""Bytes of the largest part that is read and sent at once, in memory of its own."""

AHEAD = 32 * 1024 * 1024
"""Bytes that the disk is asked for before they are due. By itself Linux asks for 128 KiB."""

_LATELY = ReadLately()
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Answer the first byte and the one after the last that a `Range` asks for.

    None means everything (RFC 9110, 14.2). Several ranges are refused: they
    cost much and nobody here needs them. Raises `Invalid`.
    """
    if header is None:
        return None
    match = _RANGE.fullmatch(header.strip())
    if match and (match[1] or match[2]):
        start = int(match[1]) if match[1] else max(0, size - int(match[2]))
        end = min(int(match[2]) + 1, size) if match[1] and match[2] else size
        if start < end:
            return start, end
    msg = f"{header!r} is not one range of these {size} bytes; write bytes=FIRST-LAST"
    raise Invalid(msg, reason="range", size=size)


def headers_of(path: str, sha256: str, size: int) -> dict[str, str]:
    """Answer the headers of a file: its digest is its entity tag (RFC 9110, RFC 9530)."""
    name = path.rpartition("/")[2]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    digest = base64.b64encode(bytes.fromhex(sha256)).decode()
    return {
        "ETag": f'"{sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Length": str(size),
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
        "Repr-Digest": f"sha-256=:{digest}:",
        "Cache-Control": "private, max-age=31536000, immutable",
    }


async def answer_file(
    request: Request, file: File, headers: dict[str, str], blobs: Blobs, threads: Threads
) -> Response:
    """Answer a file, or the one range of it that is asked for, or that the caller has it.

    `headers` are those of `headers_of`. HEAD answers how long it is.
    """
    tag = headers["ETag"]
    if unchanged(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    if request.method == "HEAD":
        return _headers_alone(headers)
    asked = request.headers.get("range")
    if request.headers.get("if-range", tag) != tag:
        asked = None
    part = range_of(asked, file.size)
    blob = await threads.move(lambda: blobs.open(file.sha256))
    if part is None:
        return BlobResponse(blob, (0, file.size), 200, headers, threads)
    start, end = part
    headers["Content-Length"] = str(end - start)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    return BlobResponse(blob, part, 206, headers, threads)


def _headers_alone(headers: dict[str, str]) -> Response:
    response = Response(media_type="application/octet-stream")
    response.headers.update(headers)
    return response


class BlobResponse(Response):
    """Sends a part of an open blob. A client that goes away costs nothing more."""

    def __init__(
        self,
        blob: BinaryIO,
        part: tuple[int, int],
        status: int,
        headers: dict[str, str],
        threads: Threads,
    ) -> None:
        super().__init__(None, status)
        self.raw_headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()]
        self._blob, self._part, self._threads = blob, part, threads
        self._told = part[0]
        self._direct: DirectReader | None = None
        self._buffers: Buffers | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers and the bytes."""
        del receive
        start, end = self._part
        if LENT in scope.get("extensions", {}) and end - start > SMALL:
            self._buffers = Buffers(end - start)
        try:
            await send({"type": "http.response.start", "status": self.status_code,
                        "headers": self.raw_headers})  # fmt: skip
            await self._send(send, start, end)
            if self._buffers is not None:
                self._buffers.give_back()
        except ClientDisconnect:
            return
        finally:
            await asyncio.shield(self._threads.move(self._close))

    async def _send(self, send: Send, start: int, end: int) -> None:
        lent, left = {LENT: self._buffers is not None}, end - start
        reading = asyncio.ensure_future(self._read(start, end))
        try:
            while left:
                piece = await reading
                left -= len(piece)
                if left:
                    reading = asyncio.ensure_future(self._read(end - left, end))
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0,
                            **lent})  # fmt: skip
        finally:
            await asyncio.wait([reading])  # before the blob is closed under it
            if not reading.cancelled():
                reading.exception()  # asked for, or asyncio logs it as lost: its client has gone
        if start == end:
            await send({"type": "http.response.body", "body": b""})

    async def _read(self, start: int, end: int) -> bytes | memoryview:
        return await self._threads.move(lambda: self._piece(start, end))

    def _piece(self, start: int, end: int) -> bytes | memoryview:
        count = min(self._buffers.piece if self._buffers else PIECE, end - start)
        if start == self._part[0]:
            self._blob.seek(start)
            if self._buffers is not None:
                self._direct = _LATELY.direct(self._blob, start, end - start)
        if self._direct is None:
            self._look_ahead(start, end)
        if self._buffers is None:
            piece: bytes | memoryview = self._blob.read(count)
        elif self._direct is None:
            memory = self._buffers.next()[:count]
            piece = memory[: self._fill(memory)]
        else:
            memory = self._buffers.next()
            piece = memory[: min(count, self._direct.read_into(memory))]
        if len(piece) != count:
            msg = "a stored blob ended early; run modelry verify"
            raise Corrupt(msg)
        return piece

    def _fill(self, memory: memoryview) -> int:
        """Read until `memory` is full, and answer how much is; less at the end of the blob."""
        filled = 0
        while filled < len(memory):
            count = fill(self._blob, memory[filled:], "a stored blob")
            if not count:
                break
            filled += count
        return filled

    def _close(self) -> None:
        self._blob.close()
        if self._direct is not None:
            self._direct.close()

    def _look_ahead(self, start: int, end: int) -> None:
        """Let Linux read on from the disk what is asked for next, in larger parts than it would."""
        if sys.platform != "linux" or end - self._told <= PIECE or start + AHEAD // 2 < self._told:
            return
        begin, self._told = max(start, self._told), min(end, start + AHEAD)
        with contextlib.suppress(OSError):  # no file of this disk, or one that cannot
            os.posix_fadvise(self._blob.fileno(), begin, self._told - begin, os.POSIX_FADV_WILLNEED)
