"""Spans for OpenTelemetry, where its environment variables ask for them.

`OTEL_TRACES_EXPORTER` (`otlp`, `console`, `none`) or `OTEL_EXPORTER_OTLP_ENDPOINT`
switch them on. Nothing of OpenTelemetry is imported otherwise.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from modelry.core.errors import Unsupported

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

_SERVER_ERROR = 500
logger = logging.getLogger(__name__)


class Tracing:
    """Opens a span for a request, as a child of the caller's where it sends `traceparent`."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind, use_span
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("modelry")
        self._kind = SpanKind.SERVER
        self._use = use_span
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Span]:
        """Make a span the current one of this task, and end it.

        An exception is recorded by its type alone: its message may hold secrets.
        """
        carrier = {
            name.decode(): value.decode("latin-1")
            for name, value in headers
            if name in (b"traceparent", b"tracestate")
        }
        context = self._propagator.extract(carrier)
        span = self._tracer.start_span(method, context=context, kind=self._kind)
        with self._use(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            yield span

    def close(self) -> None:
        """Send what is still held, and stop."""
        self._provider.shutdown()


def name_span(span: Span, method: str, route: str, status: int, request_id: str) -> None:
    """Say on a span which request it was; the names are OpenTelemetry's conventions."""
    from opentelemetry.trace import Status, StatusCode

    span.update_name(f"{method} {route}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    span.set_attribute("modelry.request_id", request_id)
    if status >= _SERVER_ERROR:
        span.set_status(Status(StatusCode.ERROR))


def trace_id(span: Span) -> str:
    """Answer the id of a span's trace, as `traceparent` writes it."""
    return f"{span.get_span_context().trace_id:032x}"


def open_tracing(environment: Mapping[str, str] = os.environ) -> Tracing | None:
    """Answer the tracing that the environment asks for, None where it asks for none.

    Where the packages are missing a warning is logged, and there is none: a
    registry without traces is better than none.
    """
    wanted = environment.get("OTEL_TRACES_EXPORTER", "")
    if not wanted and environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        wanted = "otlp"
    if wanted in ("", "none") or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        return _open(wanted, environment)
    except (ImportError, Unsupported) as error:
        logger.warning("there will be no traces: %s", error)
        return None


def _open(wanted: str, environment: Mapping[str, str]) -> Tracing:
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    service = environment.get("OTEL_SERVICE_NAME", "modelry")
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(_exporter(wanted, environment)))
    return Tracing(provider)


def _exporter(wanted: str, environment: Mapping[str, str]) -> SpanExporter:
    """Load an exporter by the entry point under which its package offers it."""
    name = wanted
    if wanted == "otlp":
        grpc = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc"
        name = "otlp_proto_grpc" if grpc else "otlp_proto_http"
    for entry in entry_points(group="opentelemetry_traces_exporter", name=name):
        exporter: SpanExporter = entry.load()()
        return exporter
    msg = f"no installed package exports traces as {wanted!r}: pip install 'modelry[telemetry]'"
    raise Unsupported(msg)
