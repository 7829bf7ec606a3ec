"""A server that only has answers: the least that a client takes for its requests, whoever answers.

    python benchmarks/replayed.py ANSWERS.json --port PORT

It looks up each request's target in a table that it read before, and writes what
stands there in one piece. It knows no permissions, no registry and no file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import uvloop
from served import Server, started

READY = "/"
_END = b"\r\n\r\n"


def recorded(server: Server, work: Callable[[], object]) -> dict[str, str]:
    """Do some work with a server; answer the body of each target that its requests asked for."""
    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

    send, asked = HTTPAdapter.send, list[str]()

    def noted(
        self: HTTPAdapter,
        request: PreparedRequest,
        **options: Any,  # noqa: ANN401 - those of requests
    ) -> Response:
        asked.append(cast("str", request.url))
        return send(self, request, **options)

    with patch.object(HTTPAdapter, "send", noted):
        work()
    return {url.removeprefix(server.url): _fetched(url, server.headers) for url in asked}


def _fetched(url: str, headers: Mapping[str, str]) -> str:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return cast("bytes", answer.read()).decode("latin-1")


@contextmanager
def replaying(
    answers: Mapping[str, str], like: Server, port: int, folder: Path
) -> Iterator[Server]:
    """Serve what was `recorded` of another server, whose address in it becomes the own."""
    url = f"http://127.0.0.1:{port}"
    table = folder / "answers.json"
    table.write_text(json.dumps({
        READY: "{}", **{target: body.replace(like.url, url) for target, body in answers.items()}
    }))  # fmt: skip
    command = [sys.executable, str(Path(__file__)), str(table), "--port", str(port)]
    with started(command, url, READY, {}) as server:
        yield Server(url, server.process, like.token)


class _Answering(asyncio.Protocol):
    """A connection: each request, which has no body, is answered from the table."""

    def __init__(self, table: Mapping[bytes, bytes]) -> None:
        self._table = table
        self._come = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._come += data
        while _END in self._come:
            head, _, self._come = self._come.partition(_END)
            self._transport.write(self._table[head.split(b" ", 2)[1]])


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + _END + body


async def _serve(table: Mapping[bytes, bytes], port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answering(table), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve a table of answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    table = {target.encode(): _answer(body.encode("latin-1"))
             for target, body in json.loads(given.answers.read_text()).items()}  # fmt: skip
    uvloop.run(_serve(table, given.port))


if __name__ == "__main__":
    main()
