"""An ASGI app that does nothing: the least that an answer, or a body, costs on this server."""

from __future__ import annotations

import os

from starlette.types import Receive, Scope, Send

BODY = b"x" * int(os.environ.get("BARE_SIZE", "850"))
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the same bytes to every request; what is put is thrown away."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["method"] == "PUT":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
