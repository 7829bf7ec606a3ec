"""The processes of a server: one, or several that share a socket."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from modelry.core.errors import Unavailable
from modelry.server.app import make_app, telemetry
from modelry.server.first import first_admin
from modelry.settings import ServerSettings
from modelry.telemetry.logs import configure
from modelry.telemetry.workers import shared_metrics
from modelry.wiring import embedded

GRACE_SECONDS = 30
"""How long a stopping server lets running requests go on; uploads go on after it."""


def serve(given: Mapping[str, str]) -> None:
    """Serve until told to stop; `given` are settings that outrank the environment."""
    os.environ.update({f"MODELRY_{name.upper()}": value for name, value in given.items()})
    settings = ServerSettings()
    configure(telemetry(settings))
    world = embedded(settings)
    secret = first_admin(world)
    world.store.close()
    if secret is not None:
        _say(f"admin token: {secret}")
        _say("it is shown this once; keep it, or make others with: modelry token create")
    config = uvicorn.Config(
        "modelry.server.process:app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=65_536,
        lifespan="on",
    )
    listening = _listen(settings)
    _say(f"modelry is serving at {_address(settings, listening)}")
    if settings.workers == 1:
        signal.signal(signal.SIGTERM, _over)  # uvicorn raises it again once everything is done
        uvicorn.Server(config).run(sockets=[listening])
        return
    with shared_metrics(settings.workers):
        Multiprocess(config, sockets=[listening]).run()


def app() -> ASGIApp:
    """Build the app of this process from its environment."""
    _end_with_supervisor()
    settings = ServerSettings()
    configure(telemetry(settings))
    return make_app(embedded(settings), settings)


def _end_with_supervisor() -> None:
    """Let this worker stop when the process that started it is gone, however that ended.

    Nobody would stop it otherwise, and it would keep the port from the next server.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def wait() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="modelry-supervisor", daemon=True).start()


def _over(number: int, frame: FrameType | None) -> None:
    """End as asked: that is no failure."""
    del number, frame
    sys.exit(0)


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        msg = (
            f"the server cannot listen at {settings.host}:{settings.port} ({error.strerror}); "
            "choose another --port"
        )
        raise Unavailable(msg) from error
    listening.listen(2048)
    listening.set_inheritable(True)
    return listening


def _address(settings: ServerSettings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
