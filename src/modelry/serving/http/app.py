"""The doors of the protocol: which one a request asks for, who may, and what it answers."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hmac import compare_digest
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from modelry.core.errors import Invalid, NotFound, RegistryError, Unauthenticated, Unavailable
from modelry.serving.answering import write_answer
from modelry.serving.asking import parse_request
from modelry.serving.figures import figures
from modelry.serving.http.bodies import Gone, read_body
from modelry.serving.http.describing import model_document, server_document
from modelry.serving.http.replies import (
    JSON,
    Headers,
    Reply,
    broken,
    document,
    refusal,
    send_reply,
)
from modelry.serving.http.workers import Workers
from modelry.serving.service import InferenceService, run
from modelry.serving.standing import Loaded
from modelry.telemetry import Telemetry, TelemetrySettings
from modelry.telemetry.exposition import page

_LOG = logging.getLogger("modelry.serving")
_MODELS = "/v2/models/"
_PLACE = re.compile(r"/v2/models/(?P<model>.+?)(?:/versions/(?P<version>[^/]+))?(?P<door>/infer|/ready)?/?")  # fmt: skip
_OPEN = frozenset({"/v2/health/live", "/v2/health/ready"})
_BINARY = (b"content-type", b"application/octet-stream")

Door = Callable[[Scope, Receive], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What an operator decides about the HTTP side.

    `token` is asked of every caller but those of health, and of figures unless
    they are open. `threads` run the model; `room` is how many requests may be
    there at once, more are turned away.
    """

    token: str | None = None
    threads: int = os.cpu_count() or 1
    room: int = 256
    max_body: int = 16 * 1024 * 1024
    idle_seconds: float = 60.0
    open_metrics: bool = True


def asgi_app(
    service: InferenceService,
    options: HttpOptions | None = None,
    telemetry: TelemetrySettings | None = None,
) -> ASGIApp:
    """Answer the app around a service that runs, with request ids, logs and figures."""
    return Telemetry(InferenceApp(service, options or HttpOptions()), telemetry)


class InferenceApp:
    """Answers the protocol for one model."""

    def __init__(self, service: InferenceService, options: HttpOptions) -> None:
        self._service, self._options = service, options
        self._workers: Workers[Reply] = Workers(options.threads)
        self._secret = None if options.token is None else f"Bearer {options.token}".encode()
        self._figures = figures()
        self._here = 0
        self._doors: dict[str, tuple[str, Door]] = {
            "/v2": ("GET", self._server),
            "/v2/health/live": ("GET", self._live),
            "/v2/health/ready": ("GET", self._ready),
            "/v2/models": ("GET", self._models),
            "/metrics": ("GET", self._metrics),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await _lifespan(scope, receive, send)
            return
        try:
            reply = await self._reply(scope, receive)
        except RegistryError as error:
            reply = refusal(error)
        except Gone:
            return
        await send_reply(send, reply, head=scope["method"] == "HEAD")

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        path: str = scope["path"]
        self._admit(path, scope)
        if path.startswith(_MODELS):
            return await self._of_model(path, scope, receive)
        method, door = self._doors.get(path.rstrip("/"), ("", None))
        if door is None:
            msg = f"there is no {path[:200]} here; the doors are those of the protocol, under /v2"
            raise NotFound(msg)
        scope["state"]["route"] = path.rstrip("/")
        _check_method(scope, method)
        return await door(scope, receive)

    def _admit(self, path: str, scope: Scope) -> None:
        """Ask for the token. Raises `Unauthenticated`."""
        if self._secret is None or path in _OPEN:
            return
        if path == "/metrics" and self._options.open_metrics:
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not compare_digest(given, self._secret):
            msg = "this service takes a token: Authorization: Bearer ..."
            raise Unauthenticated(msg)
        scope["state"]["actor"] = "token"

    async def _of_model(self, path: str, scope: Scope, receive: Receive) -> Reply:
        """Answer a door of the model, or of one version of it."""
        place = _PLACE.fullmatch(path)
        if place is None:
            msg = "name a model: /v2/models/NAME"
            raise NotFound(msg)
        version, door = place["version"], place["door"] or ""
        middle = "/versions/{version}" if version else ""
        scope["state"]["route"] = f"{_MODELS}{{model}}{middle}{door}"
        _check_method(scope, "POST" if door == "/infer" else "GET")
        if door == "/infer":
            return await self._infer(place["model"], version, scope, receive)
        return self._describe(place["model"], version, ready=bool(door))

    def _describe(self, model: str, version: str | None, *, ready: bool) -> Reply:
        loaded = self._service.take()
        try:
            _check_place(loaded, model, version)
            if ready:
                return document({"name": loaded.version.full_name, "ready": True})
            return document(model_document(self._service, loaded))
        finally:
            self._service.give_back(loaded)

    async def _infer(
        self, model: str, version: str | None, scope: Scope, receive: Receive
    ) -> Reply:
        """Find room, read the body, and let a thread do the rest."""
        began = perf_counter()
        if self._here >= self._options.room:
            self._figures.turned_away.labels(self._service.version.full_name).inc()
            msg = f"{self._here} requests are being answered already; try again in a moment"
            raise Unavailable(msg)
        self._here += 1
        try:
            options = self._options
            body, json_length = await read_body(
                scope["headers"], receive, options.max_body, options.idle_seconds
            )
            request_id: str = scope["state"].get("request_id", "")
            return await self._workers.run(
                lambda: self._answer((model, version), body, json_length, began, request_id)
            )
        finally:
            self._here -= 1

    def _answer(
        self, place: tuple[str, str | None], body: bytes, json_length: int | None,
        began: float, request_id: str,
    ) -> Reply:  # fmt: skip
        """Answer a request by the version that stands now. Raises nothing."""
        try:
            loaded = self._service.take()
        except RegistryError as error:
            return refusal(error)
        told: Headers = ((b"x-model-version", loaded.number.encode()),)
        try:
            _check_place(loaded, *place)
            return _inferred(loaded, body, json_length, began)
        except RegistryError as error:
            loaded.figures.refused.inc()
            return refusal(error, told)
        except Exception:  # noqa: BLE001 - whatever a model raises, its caller gets an answer
            _LOG.exception("%s failed on request %s", loaded.version.ref, request_id)
            return broken(told)
        finally:
            self._service.give_back(loaded)

    async def _server(self, scope: Scope, receive: Receive) -> Reply:
        del scope, receive
        return document(server_document())

    async def _live(self, scope: Scope, receive: Receive) -> Reply:
        del scope, receive
        return document({"live": True})

    async def _ready(self, scope: Scope, receive: Receive) -> Reply:
        """Ready is who has a version that answers; the registry may be away meanwhile."""
        del scope, receive
        if not self._service.running:
            return document({"ready": False}, 503)
        away = "reachable" if self._service.reachable() else "away"
        return document({"ready": True, "registry": away})

    async def _models(self, scope: Scope, receive: Receive) -> Reply:
        del scope, receive
        return document({"models": [self._service.version.full_name]})

    async def _metrics(self, scope: Scope, receive: Receive) -> Reply:
        del receive
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")

        def read() -> Reply:
            body, media_type = page(accept.decode("latin-1"))
            more = (b"cache-control", b"no-store")
            return Reply(body, 200, ((b"content-type", media_type.encode()), more))

        return await asyncio.to_thread(read)  # models may keep all the workers busy


def _inferred(loaded: Loaded, body: bytes, json_length: int | None, began: float) -> Reply:
    """Read the request, run the model, write the answer with how long both took."""
    asked = parse_request(body, json_length, loaded.inputs, loaded.outputs)
    running = perf_counter()
    answered = run(loaded, asked.feed, asked.wanted)
    ran = perf_counter()
    content, head = write_answer(asked, answered, loaded.version.full_name, loaded.number)
    took = (ran - running) * 1000
    whole = (perf_counter() - began) * 1000
    headers = [
        JSON if head is None else _BINARY,
        (b"x-model-version", loaded.number.encode()),
        (b"server-timing", b"model;dur=%.3f, total;dur=%.3f" % (took, whole)),
    ]
    if head is not None:
        headers.append((b"inference-header-content-length", str(head).encode()))
    return Reply(content, 200, headers)


def _check_place(loaded: Loaded, model: str, version: str | None) -> None:
    """Raise `NotFound` where another model or version is asked for than the one that answers."""
    name = loaded.version.full_name
    if model != name:
        msg = f"there is no model {model[:200]!r} here; this service answers for {name}"
        raise NotFound(msg)
    if version is not None and version != loaded.number:
        msg = f"version {version[:100]} of {name} is not served here; {loaded.number} is"
        raise NotFound(msg)


def _check_method(scope: Scope, method: str) -> None:
    given = scope["method"]
    if given != method and (given != "HEAD" or method != "GET"):
        msg = f"this door takes {method}"
        raise Invalid(msg, reason="method", allow=method)


async def _lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Say yes to the server's start and end: whoever made the service starts and stops it."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
        return
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
