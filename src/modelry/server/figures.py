"""The figures for Prometheus: open, or for admins of the registry, as the operator says."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from modelry.core.access import EVERYWHERE, Action
from modelry.core.verbs.permit import permit
from modelry.server.desk import Call, Desk
from modelry.telemetry.exposition import page


def figures_route(desk: Desk) -> Route:
    """Answer the route `/metrics`."""

    async def figures(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        body, media_type = await desk.threads.run(lambda: _page(desk, request, accept))
        return Response(body, headers={"Cache-Control": "no-store", "Content-Type": media_type})

    return Route("/metrics", figures, methods=["GET"])


def _page(desk: Desk, request: Request, accept: str) -> tuple[bytes, str]:
    if not desk.settings.open_metrics:
        call = Call(desk, request)
        world = desk.world_of(call.actor(), call.trace)
        permit(world, Action.OPERATE, EVERYWHERE, "metrics")
    return page(accept)
