"""Is it alive, and can it work? Asked by supervisors and balancers."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from modelry.core.errors import RegistryError
from modelry.server.desk import Desk

_NO_BLOB = "0" * 64


def health_routes(desk: Desk) -> list[Route]:
    """Answer the routes under `/health`."""

    async def live(request: Request) -> Response:
        del request
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> Response:
        del request
        checks = await desk.threads.run(lambda: _checks(desk))
        well = all(state == "ok" for state in checks.values())
        document = {"status": "ready" if well else "not ready", "checks": checks}
        return JSONResponse(document, 200 if well else 503)

    return [
        Route("/health/live", live, methods=["GET"]),
        Route("/health/ready", ready, methods=["GET"]),
    ]


def _checks(desk: Desk) -> dict[str, str]:
    world = desk.world
    return {
        "store": _state(world.store.generation),
        "blobs": _state(lambda: world.blobs.size(_NO_BLOB)),
    }


def _state(ask: Callable[[], object]) -> str:
    try:
        ask()
    except RegistryError as error:
        return error.code
    return "ok"
