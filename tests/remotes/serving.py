"""A server in a thread of this process: a real socket, and no second to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from modelry.server.app import make_app
from modelry.server.first import first_admin
from modelry.settings import ServerSettings
from modelry.wiring import embedded


@dataclass(frozen=True)
class Running:
    """A server in a thread of this process."""

    url: str
    token: str


@contextmanager
def running(place: Path) -> Iterator[Running]:
    """Serve an empty registry in `place` over a real socket, as `modelry serve` would."""
    settings = ServerSettings(uri=f"sqlite:///{place}/registry.db", home=place, log="off")
    first = embedded(settings)
    secret = first_admin(first)
    first.store.close()
    app = make_app(embedded(settings), settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="on", log_config=None))
    thread = threading.Thread(target=server.run, name="served", daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Running(f"http://127.0.0.1:{port}", secret or "")
    finally:
        server.should_exit = True
        thread.join()
