"""A server in a process of its own, and raw sockets that speak to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from modelry.testing.server import Served, served


@contextmanager
def running(folder: Path, port: int = 0, **settings: str) -> Iterator[Served]:
    """Serve a SQLite database and blobs in `folder`."""
    told = {"MODELRY_HOME": str(folder), "MODELRY_LOG": "off", **settings}
    uri, blobs = f"sqlite:///{folder / 'registry.db'}", (folder / "blobs").as_uri()
    with served(uri, blobs, port=port, **told) as server:
        yield server


def wire(server: Served) -> socket.socket:
    """Open a connection on which nothing has been said."""
    parts = urlsplit(server.url)
    return socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60)


def said(server: Served, data: bytes) -> bytes:
    """Say `data` and answer everything that comes until the server closes the connection."""
    with wire(server) as connection:
        connection.sendall(data)
        heard = b""
        while part := connection.recv(65_536):
            heard += part
        return heard
