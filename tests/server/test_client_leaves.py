"""What is read ahead for a client who goes away fails unheard."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Message

from modelry.server.buffers import PIECE
from modelry.server.sending import BlobResponse
from modelry.server.streams import Threads


class Broken(io.BytesIO):
    """A blob of which the second piece cannot be read."""

    def __init__(self) -> None:
        super().__init__(bytes(2 * PIECE))
        self.failed = threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            self.failed.set()
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_behind_a_client_who_left_troubles_nobody() -> None:
    blob, threads, told = Broken(), Threads(1, 1), list[dict[str, Any]]()

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            assert await asyncio.to_thread(blob.failed.wait, 10)
            raise ClientDisconnect

    async def download() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        await BlobResponse(blob, (0, 2 * PIECE), 200, {}, threads)({"type": "http"}, receive, send)
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(download())
    assert blob.closed
    assert not told
