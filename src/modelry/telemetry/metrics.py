"""Figures for Prometheus. Every label has few values: routes as templates, never paths.

`Metrics.ended` is called at the end of each request and finds its counters
ready. Several workers count into files of one folder (`workers.py`).
"""

from __future__ import annotations

import logging
from functools import cache
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from modelry.core.errors import RegistryError
from modelry.telemetry.finished import Finished
from modelry.telemetry.workers import shared_folder

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REASONS = frozenset({
    "storage_full", "storage_failed", "storage_away", "storage_denied", "storage_missing",
    "busy", "expired", "precondition", "schema", "stopping", "unreadable",
})  # fmt: skip
_MOST_ROUTES = 500
_LOG = logging.getLogger("modelry.server")


class _Counters(NamedTuple):
    seconds: Histogram
    received: Counter
    sent: Counter


class Metrics:
    """The figures of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        route = ("route", "method")
        self._seconds = Histogram(
            "modelry_http_request_duration_seconds",
            "How long requests took, by class of status; its count is the number of requests.",
            (*route, "status"),
            buckets=SECONDS, registry=registry)  # fmt: skip
        self._received = Counter(
            "modelry_http_received_bytes", "Bytes of bodies received.", route, registry=registry)  # fmt: skip
        self._sent = Counter(
            "modelry_http_sent_bytes", "Bytes of bodies sent.", route, registry=registry)  # fmt: skip
        self._refusals = Counter(
            "modelry_refusals", "Refusals by code, with the reason where storage failed.",
            ("code", "reason"), registry=registry)  # fmt: skip
        self._cache = Counter(
            "modelry_cache_lookups", "Questions to the cache of the hot doors.", ("outcome",),
            registry=registry)  # fmt: skip
        self._hit = self._cache.labels("hit")
        self.miss = self._cache.labels("miss")
        self._hits = 0
        self._in_flight = Gauge(
            "modelry_http_requests_in_flight", "Requests being answered.",
            multiprocess_mode="livesum", registry=registry)  # fmt: skip
        self.checkpoint_at = Gauge(
            "modelry_checkpoint_written_timestamp_seconds",
            "When the newest signed checkpoint that this server knows of was taken.",
            multiprocess_mode="max", registry=registry)  # fmt: skip
        self.checkpoint_failures = Counter(
            "modelry_checkpoint_failures", "Checkpoints that could not be taken.",
            registry=registry)  # fmt: skip
        self._running = 0
        self._alone = shared_folder() is None
        if self._alone:
            self._in_flight.set_function(lambda: self._running)
        self._ready: dict[tuple[str, str, int], _Counters] = {}
        self._routes: set[str] = set()

    def begun(self) -> None:
        """Count a request that begins; called by one event loop."""
        self._running += 1
        if not self._alone:
            self._in_flight.inc()

    def over(self) -> None:
        """Count that it is in flight no more."""
        self._running -= 1
        if not self._alone:
            self._in_flight.dec()

    def hit(self) -> None:
        """Count an answer from memory. The counter costs more: it is told before it is looked at."""
        if self._alone:
            self._hits += 1
        else:
            self._hit.inc()

    def tell(self) -> None:
        """Tell the counter of the answers from memory; for who shows it."""
        hits, self._hits = self._hits, 0
        if hits:
            self._hit.inc(hits)

    def ended(self, request: Finished) -> None:
        """Count a request that ended."""
        kind = request.status // 100
        counters = self._ready.get((request.route, request.method, kind))
        if counters is None:
            counters = self._prepare(request.route, request.method, kind)
        counters.seconds.observe(request.seconds)
        if request.received:
            counters.received.inc(request.received)
        if request.sent:
            counters.sent.inc(request.sent)

    def _prepare(self, route: str, method: str, kind: int) -> _Counters:
        """Make the counters of a route; a method that nobody knows is kept under no name."""
        known = method in METHODS
        if len(self._routes) < _MOST_ROUTES:
            self._routes.add(route)
        named = route if route in self._routes else "other"
        labels = (named, method if known else "other")
        counters = _Counters(
            self._seconds.labels(*labels, f"{kind}xx"),
            self._received.labels(*labels),
            self._sent.labels(*labels),
        )
        if known and named == route:
            self._ready[route, method, kind] = counters
        return counters

    def refused(self, error: RegistryError) -> None:
        """Count a refusal: denials, strangers, storage that is away, and all others."""
        reason = error.facts.get("reason", "")
        known = reason == "" or reason in REASONS
        self._refusals.labels(error.code, str(reason) if known else "other").inc()


@cache
def metrics() -> Metrics:
    """Answer the figures of this process."""
    return Metrics(CollectorRegistry())


def count_cache(*, hit: bool) -> None:
    """Count a question to the cache of the hot doors."""
    figures = metrics()
    if hit:
        figures.hit()
    else:
        figures.miss.inc()


def count_refusal(error: RegistryError) -> None:
    """Count a refusal, where it is turned into an answer.

    Its notes are for the operator: the log tells them, and the answer does not.
    """
    metrics().refused(error)
    for note in getattr(error, "__notes__", ()):
        _LOG.error("%s: %s", error.message, note)
