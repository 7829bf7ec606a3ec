"""The processes of a server: one, or several that share a socket."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from modelry.listening import address_of, listen, over, say
from modelry.server.allocator import keep_memory
from modelry.server.app import make_app, telemetry
from modelry.server.direct import DirectProtocol
from modelry.server.first import first_admin
from modelry.settings import ServerSettings
from modelry.telemetry.logs import configure
from modelry.telemetry.workers import shared_metrics
from modelry.wiring import embedded

YOUNG = 10_000
"""Objects after which cycles are looked for among the new ones: more than one answer makes."""

GRACE_SECONDS = 30
"""How long a stopping server lets running requests go on; uploads go on after it."""


def serve(given: Mapping[str, str]) -> None:
    """Serve until told to stop; `given` are settings that outrank the environment."""
    os.environ.update({f"MODELRY_{name.upper()}": value for name, value in given.items()})
    settings = ServerSettings()
    os.environ["MODELRY_SQLITE"] = settings.sqlite  # the store and the workers read it there
    configure(telemetry(settings))
    world = embedded(settings)
    secret = first_admin(world)
    world.store.close()
    if secret is not None:
        say(f"admin token: {secret}")
        say("it is shown this once; keep it, or make others with: modelry token create")
    config = uvicorn.Config(
        "modelry.server.process:app",
        factory=True,
        http=DirectProtocol,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        proxy_headers=False,  # see `Forwarded`
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=65_536,
        lifespan="on",
    )
    listening = listen(settings.host, settings.port)
    say(f"modelry is serving at {address_of(settings.host, listening)}")
    if settings.workers == 1:
        signal.signal(signal.SIGTERM, over)  # uvicorn raises it again once everything is done
        uvicorn.Server(config).run(sockets=[listening])
        return
    with shared_metrics(settings.workers):
        Multiprocess(config, sockets=[listening]).run()


def app() -> ASGIApp:
    """Build the app of this process from its environment."""
    _end_with_supervisor()
    keep_memory()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
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
