"""Requests are spans where the environment asks for them, and nothing otherwise."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys

import pytest
from observed import Observed, ok
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import Receive, Scope, Send

from modelry.telemetry.tracing import Tracing, open_tracing

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def kept() -> tuple[Tracing, InMemorySpanExporter]:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider), spans


def test_a_request_is_a_span_with_route_status_and_request_id() -> None:
    tracing, spans = kept()
    seen = Observed(ok, tracing=tracing)
    asyncio.run(seen.ask("POST", x_request_id="r1"))
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind) == ("POST /registry/resolve", SpanKind.SERVER)
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST", "http.route": "/registry/resolve",
        "http.response.status_code": 200, "modelry.request_id": "r1",
    }  # fmt: skip
    assert seen.told()["trace_id"] == f"{span.context.trace_id:032x}"


def test_a_span_belongs_to_the_trace_of_the_caller() -> None:
    tracing, spans = kept()
    asyncio.run(Observed(ok, tracing=tracing).ask(traceparent=PARENT))
    (span,) = spans.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == PARENT[3:35]
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT[36:52]


@pytest.mark.parametrize("given", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_traceparent_that_is_none_begins_a_new_trace(given: str) -> None:
    tracing, spans = kept()
    asyncio.run(Observed(ok, tracing=tracing).ask(traceparent=given))
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert span.context.trace_id != 0


def test_what_the_app_raises_marks_the_span_without_its_message() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        msg = "password=hush"
        raise ValueError(msg)

    tracing, spans = kept()
    with pytest.raises(ValueError, match="hush"):
        asyncio.run(Observed(app, tracing=tracing).ask())
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "hush" not in span.to_json()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"},
        {"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_there_is_no_tracing_where_nobody_asks_for_it(environment: dict[str, str]) -> None:
    assert open_tracing(environment) is None


def test_an_exporter_that_is_not_installed_is_a_warning_and_no_tracing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert open_tracing({"OTEL_TRACES_EXPORTER": "absent"}) is None
    assert "pip install 'modelry[telemetry]'" in caplog.text


def test_the_console_exporter_writes_spans() -> None:
    code = (
        "from modelry.telemetry.tracing import open_tracing\n"
        "tracing = open_tracing()\n"
        "with tracing.span('GET', []): pass\n"
        "tracing.close()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "OTEL_TRACES_EXPORTER": "console"},
    )  # fmt: skip
    assert '"service.name": "modelry"' in done.stdout


def test_opentelemetry_is_not_imported_where_nobody_asks_for_it() -> None:
    code = (
        "import sys; from modelry.telemetry.tracing import open_tracing; "
        "from modelry.telemetry import Telemetry; assert open_tracing({}) is None; "
        "sys.exit('opentelemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
