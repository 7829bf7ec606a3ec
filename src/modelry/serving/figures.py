"""Figures of the inference service for Prometheus, on the page of the telemetry's own."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from modelry.telemetry.metrics import metrics

SECONDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
)  # fmt: skip


class VersionFigures(NamedTuple):
    """The counters of one version, ready to count."""

    seconds: Histogram
    answered: Counter
    refused: Counter
    failed: Counter


class ServingFigures:
    """What the services of a process count. A service of one model has few labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        one, both = ("model",), ("model", "version")
        self._seconds = Histogram(
            "modelry_inference_duration_seconds", "How long the model ran for a request.",
            both, buckets=SECONDS, registry=registry)  # fmt: skip
        self._requests = Counter(
            "modelry_inference_requests",
            "Requests by outcome: answered, refused (the request's fault), failed (the model's).",
            (*both, "outcome"), registry=registry)  # fmt: skip
        self._swaps = Counter(
            "modelry_serving_changes",
            "New versions by outcome: served, or refused because they do not load or answer.",
            (*one, "outcome"), registry=registry)  # fmt: skip
        self._swap_seconds = Histogram(
            "modelry_serving_change_duration_seconds",
            "From seeing a new version in the registry to answering with it.", one,
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300), registry=registry)  # fmt: skip
        self.version = Gauge(
            "modelry_serving_version", "The number of the version that answers.", one,
            registry=registry)  # fmt: skip
        self.behind = Gauge(
            "modelry_serving_behind",
            "1 while another version is in production than the one that answers.", one,
            registry=registry)  # fmt: skip
        self.reachable = Gauge(
            "modelry_serving_registry_reachable", "1 while the registry answers.", one,
            registry=registry)  # fmt: skip
        self.turned_away = Counter(
            "modelry_inference_turned_away", "Requests that found no room to wait.", one,
            registry=registry)  # fmt: skip

    def of(self, model: str, number: int) -> VersionFigures:
        """Prepare the counters of a version."""
        labels = (model, str(number))
        return VersionFigures(
            self._seconds.labels(*labels),
            *(self._requests.labels(*labels, each) for each in ("answered", "refused", "failed")),
        )

    def changed(self, model: str, seconds: float) -> None:
        """Count a new version that answers now."""
        self._swaps.labels(model, "served").inc()
        self._swap_seconds.labels(model).observe(seconds)

    def refused(self, model: str) -> None:
        """Count a new version that cannot be served."""
        self._swaps.labels(model, "refused").inc()


@cache
def figures() -> ServingFigures:
    """Answer the figures of this process."""
    return ServingFigures(metrics().registry)
