"""The process of `modelry infer`: a service, its HTTP side, and an end that fails nobody."""

from __future__ import annotations

import gc
import os
import signal

import uvicorn

from modelry.infra.alerts import AlertsService
from modelry.listening import address_of, listen, over, say
from modelry.serving.http import HttpOptions, asgi_app
from modelry.serving.runners import Choices
from modelry.serving.service import InferenceService
from modelry.settings import InferSettings
from modelry.telemetry import TelemetrySettings
from modelry.telemetry.logs import configure

ALERT_URLS = "MODELRY_ALERT_URLS"
"""Where alerts go, as addresses of Apprise; the log where it is not set."""

IDLE_SECONDS = 75
"""How long a connection without a request is kept: longer than proxies keep theirs (60)."""

GRACE_SECONDS = 30
"""How long a stopping service lets running requests go on."""


def infer(model: str, stage: str, registry: str | None, settings: InferSettings) -> None:
    """Serve a model until told to stop. Raises `NoProductionModel` where there is none."""
    told = TelemetrySettings(log=settings.log, level=settings.log_level, paths=settings.log_paths)
    configure(told)
    listening = listen(settings.host, settings.port)
    with listening, service_of(model, stage, registry, settings) as service:
        config = uvicorn.Config(
            asgi_app(service, options_of(settings), told),
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=65_536,
            lifespan="on",
        )
        where = address_of(settings.host, listening)
        gc.collect()
        gc.freeze()  # what is here stays: no collection need look at it again
        say(f"modelry answers for {service.version.ref} at {where}/v2/models/{model}/infer")
        signal.signal(signal.SIGTERM, over)  # uvicorn raises it again once everything is done
        uvicorn.Server(config).run(sockets=[listening])


def service_of(
    model: str, stage: str, registry: str | None, settings: InferSettings
) -> InferenceService:
    """Make the service that the settings describe; it is not started yet."""
    choices = Choices(
        loader=settings.loader,
        allow_code=frozenset(settings.allow_code),
        trusted_types=tuple(settings.trusted_types),
        factory=settings.factory,
        model_threads=settings.model_threads,
        providers=tuple(settings.providers),
    )
    return InferenceService(
        model,
        registry,
        stage,
        poll_seconds=settings.poll_seconds,
        choices=choices,
        alerts=AlertsService(app_name="modelry infer") if os.environ.get(ALERT_URLS) else None,
        target=settings.target,
    )


def options_of(settings: InferSettings) -> HttpOptions:
    """Answer the HTTP side that the settings describe."""
    secret = settings.token
    threads = 0 if settings.in_loop else settings.threads or os.cpu_count() or 1
    return HttpOptions(
        token=secret.get_secret_value() if secret else None,
        threads=threads,
        room=settings.room,
        max_body=settings.max_body,
        idle_seconds=settings.idle_seconds,
        open_metrics=settings.open_metrics,
    )
