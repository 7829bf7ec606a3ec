"""Each request has an id, one line at its end, and its figures."""

from __future__ import annotations

import asyncio
import json

import pytest
from fastapi import APIRouter, FastAPI
from observed import Observed, ok
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelry.core.errors import Denied, Unavailable
from modelry.telemetry import Telemetry, TelemetrySettings, request_ids
from modelry.telemetry.routes import UNMATCHED


@pytest.mark.parametrize("given", ["a", "0af7-65.x_Y", "z" * 64])
def test_a_fit_request_id_is_taken_over(given: str) -> None:
    seen = Observed(ok)
    answer = asyncio.run(seen.ask(x_request_id=given))
    assert answer.headers.get_list("x-request-id") == [given]
    assert seen.told()["request_id"] == given


@pytest.mark.parametrize("given", ["", "z" * 65, "a b", "a\tb", "<x>", "a/b"])
def test_an_unfit_request_id_is_replaced(given: str) -> None:
    seen = Observed(ok)
    answer = asyncio.run(seen.ask(x_request_id=given))
    made = answer.headers["x-request-id"]
    assert made != given
    assert len(made) == 32
    assert int(made, 16) >= 0


def test_two_requests_without_an_id_get_different_ones() -> None:
    seen = Observed(ok)
    ids = {asyncio.run(seen.ask()).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_the_app_and_its_threads_know_the_id() -> None:
    known: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        known.append(scope["state"]["request_id"])
        known.append(await asyncio.to_thread(request_ids.current.get))
        await ok(scope, receive, send)

    asyncio.run(Observed(app).ask(x_request_id="r1"))
    assert known == ["r1", "r1"]


def test_the_line_of_a_request_says_what_happened_in_one_json_object() -> None:
    seen = Observed(ok)
    asyncio.run(seen.ask("POST", "/registry/resolve?ref=secret", b"x" * 7, x_request_id="r1"))
    told = seen.told()
    assert isinstance(told.pop("duration_ms"), float)
    assert str(told.pop("time")).endswith("Z")
    assert told == {
        "level": "info", "event": "request", "request_id": "r1", "method": "POST",
        "route": "/registry/resolve", "status": 200, "bytes_in": 7, "bytes_out": 11,
        "actor": "ada", "address": "192.0.2.7",
    }  # fmt: skip


def test_neither_path_nor_query_is_logged_unless_paths_are_asked_for() -> None:
    for paths in (False, True):
        seen = Observed(ok, TelemetrySettings("json", paths=paths))
        asyncio.run(seen.ask(path="/registry/models/credit?token=hush"))
        assert ("credit" in seen.lines[0]) is paths
        assert "hush" not in seen.lines[0]


def test_a_token_in_a_path_is_not_logged() -> None:
    seen = Observed(ok, TelemetrySettings("json", paths=True))
    asyncio.run(seen.ask(path=f"/x/modelry_abcdefghijkl_{'s' * 43}"))
    assert "sss" not in seen.lines[0]


def _with_routes() -> FastAPI:
    app, router = FastAPI(), APIRouter()

    @router.get("/models/{model_id}")
    def get(model_id: str) -> str:
        return model_id

    @app.get("/own/{name}")
    def own(name: str) -> str:
        return name

    app.include_router(router, prefix="/registry")
    app.router.routes.append(Route("/hot/{ref:path}", hot))
    return app


async def hot(request: Request) -> Response:
    return Response(request.path_params["ref"])


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/registry/models/credit", "/registry/models/{model_id}"),
        ("/own/credit", "/own/{name}"),
        ("/hot/a/b", "/hot/{ref}"),
    ],
)
def test_the_route_is_the_template_that_matched(path: str, template: str) -> None:
    seen = Observed(_with_routes())
    assert asyncio.run(seen.ask(path=path)).status_code == 200
    assert seen.told()["route"] == template


def test_paths_that_no_route_knows_share_one_label() -> None:
    seen = Observed(_with_routes())
    for number in range(5):
        asyncio.run(seen.ask(path=f"/guess/{number}"))
    count = "modelry_http_request_duration_seconds_count"
    assert seen.figure(count, route=UNMATCHED, method="GET", status="4xx") == 5
    assert not any("guess" in line for line in seen.lines)


def test_methods_that_nobody_knows_share_one_label() -> None:
    seen = Observed(ok)
    for method in ("BREW", "PROPFIND", "X" * 500):
        asyncio.run(seen.ask(method))
    count = "modelry_http_request_duration_seconds_count"
    assert seen.figure(count, route="/registry/resolve", method="other", status="2xx") == 3
    assert all(len(line) < 400 for line in seen.lines)


def test_routes_beyond_any_app_share_one_label() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await ok(scope, receive, send)
        scope["state"]["route"] = scope["path"]

    seen = Observed(app)
    for number in range(600):
        asyncio.run(seen.ask(path=f"/{number}"))
    count = "modelry_http_request_duration_seconds_count"
    assert seen.figure(count, route="other", method="GET", status="2xx") == 100


def test_bytes_and_requests_are_counted_by_route() -> None:
    seen = Observed(ok)
    for _ in range(3):
        asyncio.run(seen.ask("PATCH", content=b"x" * 100))
    labels = {"route": "/registry/resolve", "method": "PATCH"}
    assert seen.figure("modelry_http_received_bytes_total", **labels) == 300
    assert seen.figure("modelry_http_sent_bytes_total", **labels) == 33
    count = "modelry_http_request_duration_seconds_count"
    assert seen.figure(count, **labels, status="2xx") == 3


def test_a_request_is_in_flight_while_it_is_answered_and_not_after() -> None:
    during: list[float | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        during.append(seen.figure("modelry_http_requests_in_flight"))
        await ok(scope, receive, send)

    seen = Observed(app)
    asyncio.run(seen.ask())
    assert during == [1]
    assert seen.figure("modelry_http_requests_in_flight") == 0


def test_what_the_app_raises_passes_through_and_is_told_as_a_server_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        raise ZeroDivisionError

    seen = Observed(app)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(seen.ask())
    assert (seen.told()["status"], seen.told()["level"]) == (500, "error")
    assert seen.figure("modelry_http_requests_in_flight") == 0


def test_a_request_whose_client_went_away_is_told_as_499() -> None:
    started = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        started.set()
        await asyncio.Event().wait()

    seen = Observed(app)

    async def leave() -> None:
        asked = asyncio.create_task(seen.ask())
        await started.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(leave())
    assert seen.told()["status"] == 499


def test_the_message_of_an_app_that_keeps_it_is_not_changed() -> None:
    kept: Message = {"type": "http.response.start", "status": 204, "headers": []}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send(kept)
        await send({"type": "http.response.body", "body": b""})

    seen = Observed(app)
    ids = [asyncio.run(seen.ask()).headers.get_list("x-request-id") for _ in range(2)]
    assert [len(each) for each in ids] == [1, 1]
    assert kept["headers"] == []


def test_anything_but_a_request_is_handed_through() -> None:
    asked: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        asked.append(scope["type"])

    seen = Observed(app)
    layer: Telemetry = seen.layer()

    async def nothing(*_: object) -> Message:
        return {}

    asyncio.run(layer({"type": "lifespan"}, nothing, nothing))  # type: ignore[arg-type]  # not called
    assert asked == ["lifespan"]
    assert seen.lines == []


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
def test_probes_are_told_at_debug_only_while_they_are_answered_well(path: str) -> None:
    def app(status: int) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            del receive
            scope["state"]["route"] = path
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body"})

        return answer

    counts = []
    for level, status in (("info", 200), ("debug", 200), ("info", 503)):
        seen = Observed(app(status), TelemetrySettings("json", level))  # type: ignore[arg-type]  # both are levels
        asyncio.run(seen.ask(path=path))
        counts.append(len(seen.lines))
    assert counts == [0, 1, 1]


def test_lines_that_are_off_are_not_written() -> None:
    seen = Observed(ok, TelemetrySettings("off"))
    asyncio.run(seen.ask())
    assert seen.lines == []


def test_names_from_outside_cannot_break_a_line_or_paint_a_terminal() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await ok(scope, receive, send)
        scope["state"]["actor"] = 'eve\n\x1b[31m"}' + "x" * 1000

    for form in ("json", "text"):
        seen = Observed(app, TelemetrySettings(form, paths=True))
        asyncio.run(seen.ask(path="/a%0A%1B[2Jb"))
        (line,) = seen.lines
        assert line.count("\n") == 1
        assert "\x1b" not in line
        assert len(line) < 1000
    assert json.loads(json.dumps(line))


def test_refusals_are_counted_by_code_and_known_reason() -> None:
    seen = Observed(ok)
    seen.figures.refused(Denied("no"))
    seen.figures.refused(Unavailable("full", reason="storage_full"))
    seen.figures.refused(Unavailable("?", reason="anything that somebody wrote"))
    counted = "modelry_refusals_total"
    assert seen.figure(counted, code="denied", reason="") == 1
    assert seen.figure(counted, code="unavailable", reason="storage_full") == 1
    assert seen.figure(counted, code="unavailable", reason="other") == 1
