"""An app with telemetry around it, asked without a network, and what it told."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from modelry.telemetry import Telemetry, TelemetrySettings
from modelry.telemetry.metrics import Metrics
from modelry.telemetry.request_lines import RequestLines
from modelry.telemetry.tracing import Tracing

Answer = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Observed:
    """Telemetry around `app`, with figures of its own."""

    app: ASGIApp
    settings: TelemetrySettings = field(default_factory=lambda: TelemetrySettings("json"))
    tracing: Tracing | None = None
    lines: list[str] = field(default_factory=list)
    figures: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))

    def layer(self) -> Telemetry:
        lines = RequestLines(self.settings, self.lines.append)
        return Telemetry(self.app, lines=lines, figures=self.figures, tracing=self.tracing,
                         settings=self.settings)  # fmt: skip

    async def ask(
        self, method: str = "GET", path: str = "/", content: bytes = b"", **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx.ASGITransport(self.layer(), client=("192.0.2.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://registry") as client:
            return await client.request(method, path, content=content, headers=named)

    def told(self) -> dict[str, object]:
        (line,) = self.lines
        told: dict[str, object] = json.loads(line)
        return told

    def figure(self, name: str, **labels: str) -> float | None:
        return self.figures.registry.get_sample_value(name, labels)


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body, say who asked, answer eleven bytes in two parts."""
    while (await receive()).get("more_body"):
        pass
    scope["state"]["actor"] = "ada"
    scope["state"]["route"] = "/registry/resolve"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello ", "more_body": True})
    await send({"type": "http.response.body", "body": b"world"})
