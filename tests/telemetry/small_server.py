"""A server of two workers with telemetry, to be run as a process: `small_server.py PORT WORKERS`."""

from __future__ import annotations

import logging
import os
import signal
import sys

import uvicorn
from fastapi import FastAPI

from modelry.telemetry import Telemetry, TelemetrySettings, logs, workers
from modelry.telemetry.exposition import answer_metrics
from modelry.telemetry.metrics import count_cache

SECRET = "modelry_abcdefghijkl_" + "s" * 43
SETTINGS = TelemetrySettings("json")


def make() -> Telemetry:
    logs.configure(SETTINGS)
    app = FastAPI()

    @app.get("/busy/{name}")
    async def work(name: str) -> int:
        count_cache(hit=name == "known")
        return os.getpid()

    @app.get("/break")
    async def broken() -> None:
        logging.getLogger("app").warning("about to break, with %s", SECRET)
        msg = f"the token was {SECRET}"
        raise ValueError(msg)

    @app.get("/die")
    async def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    app.mount("/metrics", answer_metrics)
    return Telemetry(app, SETTINGS)


if __name__ == "__main__":
    port, count = int(sys.argv[1]), int(sys.argv[2])
    logs.configure(SETTINGS)
    with workers.shared_metrics(count):
        uvicorn.run(
            "small_server:make", factory=True, host="127.0.0.1", port=port, workers=count,
            log_config=None, access_log=False,
        )  # fmt: skip
