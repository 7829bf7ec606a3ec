"""Is it alive, and can it work? Asked by supervisors and balancers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modelry.core.errors import RegistryError, Unavailable
from modelry.server.desk import Desk

SECONDS = 5.0
"""How long an answer is waited for."""

_NO_BLOB = "0" * 64


def health_routes(desk: Desk) -> list[Route]:
    """Answer the routes under `/health`."""

    async def live(request: Request) -> Response:
        del request
        return JSONResponse({"status": "alive"})

    checks = Checks(desk)

    async def ready(request: Request) -> Response:
        del request
        states = await checks.states()
        well = all(state == "ok" for state in states.values())
        document = {"status": "ready" if well else "not ready", "checks": states}
        return JSONResponse(document, 200 if well else 503)

    return [
        Route("/health/live", live, methods=["GET"]),
        Route("/health/ready", ready, methods=["GET"]),
    ]


class Checks:
    """Asks what the server relies on. What does not answer in time is away.

    A question without an answer is not asked again until it has one, so that
    asking often costs one thread. Belongs to one event loop.
    """

    def __init__(self, desk: Desk) -> None:
        world = desk.world
        self._threads = desk.threads
        self._questions: Mapping[str, Callable[[], object]] = {
            "store": world.store.generation,
            "blobs": lambda: world.blobs.size(_NO_BLOB),
        }
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def states(self) -> dict[str, str]:
        """Answer for each check `ok`, or the code of a refusal."""
        for name, question in self._questions.items():
            if name not in self._asking:
                self._asking[name] = asyncio.create_task(self._ask(name, question))
        asked = {name: self._asking[name] for name in self._questions}
        await asyncio.wait(asked.values(), timeout=SECONDS)
        return {
            name: task.result() if task.done() else Unavailable.code for name, task in asked.items()
        }

    async def _ask(self, name: str, question: Callable[[], object]) -> str:
        try:
            return await self._threads.run(lambda: _state(question))
        finally:
            del self._asking[name]


def _state(ask: Callable[[], object]) -> str:
    try:
        ask()
    except RegistryError as error:
        return error.code
    return "ok"
