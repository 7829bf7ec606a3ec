"""The page of figures that Prometheus reads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import Receive, Scope, Send

from modelry.telemetry.metrics import metrics
from modelry.telemetry.workers import shared_folder, sweep


class _Processes:
    """Memory, processor time and open files of each living worker, under its process number."""

    def __init__(self, workers: Iterable[int]) -> None:
        self._workers = tuple(workers)

    def collect(self) -> Iterator[Metric]:
        """Answer the figures of the workers."""
        told: dict[str, Metric] = {}
        for worker in self._workers:
            source = ProcessCollector(pid=lambda worker=worker: worker, registry=None)  # type: ignore[misc]  # a loop's value
            for found in source.collect():
                metric = told.setdefault(
                    found.name, Metric(found.name, found.documentation, found.type)
                )
                for sample in found.samples:
                    metric.add_sample(
                        sample.name, {**sample.labels, "worker": str(worker)}, sample.value
                    )
        yield from told.values()


def page(accept: str = "") -> tuple[bytes, str]:
    """Answer the figures of all workers of this server, and their media type."""
    folder = shared_folder()
    metrics().tell()
    if folder is None:
        registry, workers = metrics().registry, [os.getpid()]
    else:
        workers = sweep(folder)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]  # theirs has no types
    encode, media_type = choose_encoder(accept)
    processes = CollectorRegistry()
    processes.register(_Processes(workers))
    return encode(_Both(registry, processes)), media_type


class _Both:
    def __init__(self, *registries: CollectorRegistry) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        """Answer the figures of both registries."""
        for registry in self._registries:
            yield from registry.collect()


async def answer_metrics(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a GET of the figures, as an ASGI app."""
    del receive
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    body, media_type = await asyncio.to_thread(page, accept.decode("latin-1"))
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
