"""The three routes of the service around a `registry.json`, over any registry (S3.13 to S3.15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.entries import draft_of, entry_of
from modelry.core.entry_book import EntryBook
from modelry.core.errors import Invalid
from modelry.core.names import MAX_TEXT, check_text, label_number
from modelry.core.service import Service
from modelry.server.desk import Call, Desk
from modelry.server.dialect import Dialect, under
from modelry.server.plain import answer, plain_app, reading, safely
from modelry.server.rules import RuledRoute
from modelry.server.sources import register_source
from modelry.server.strict import StrictRequest

MODELS = "/api/v1/registry/models"
_NEEDED = ("model_name", "version", "path")
_FIELDS = (*_NEEDED, "metadata")

Work = Callable[[Service], Response]


def jsonservice_dialect(desk: Desk) -> Dialect:
    """Make the dialect."""
    activate = f"{MODELS}/{{model_name:path}}/{{version}}/activate"
    routes = [
        _door(MODELS, "POST", Action.REGISTER, _register),
        _door(MODELS, "GET", Action.READ, _list, ("model_name",)),
        _door(activate, "PUT", Action.POINT, _activate),
    ]
    return Dialect("jsonservice", under(MODELS), plain_app(desk, routes))


def _door(
    path: str,
    method: str,
    rule: Action,
    work: Callable[[Request, Any, Call], Work],
    parameters: tuple[str, ...] = (),
) -> RuledRoute:
    """Make a route, whose work is done in a thread as the caller."""

    async def endpoint(request: Request) -> Response:
        strict = StrictRequest(request.scope, request.receive)
        call = Call(request.app.state.desk, strict)

        async def done() -> Response:
            await call.desk.threads.run(call.actor)  # who is not known learns of no parameter
            async with reading(call, rule, lambda: ""):
                _refuse_unknown(request, parameters)
                body = await strict.json() if await strict.body() else None
            return await call(work(request, body, call))

        return await safely(done)

    return RuledRoute(path, endpoint, rule, methods=(method,), name=f"{method} {path}")


def _refuse_unknown(request: Request, known: tuple[str, ...]) -> None:
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known or given.count(name) > 1:
            msg = f"the query parameter {name!r} means nothing here, or stands there twice"
            raise Invalid(msg, field=name)


def _register(request: Request, body: Any, call: Call) -> Work:  # noqa: ANN401 - what a caller sent
    """Register a version and answer its entry (S3.13)."""
    del request
    asked = body if isinstance(body, dict) else {}

    def change(service: Service) -> Response:
        with service.registering(str(asked.get("model_name", "")), asked.get("version")):
            given = _entry(body)
            draft = draft_of(given["version"], given.get("metadata"))
            allowed = call.desk.settings.external_sources
            done = register_source(service, given["model_name"], given["path"], draft, allowed)
        return answer(entry_of(done), 201)

    return change


def _entry(body: Any) -> Mapping[str, Any]:  # noqa: ANN401 - what a caller sent
    if not isinstance(body, dict):
        msg = f"the body is an object with {', '.join(_FIELDS)}"
        raise Invalid(msg)
    missing = [name for name in _NEEDED if name not in body]
    unknown = sorted(set(body) - set(_FIELDS))
    for names, what in ((missing, "is missing"), (unknown, "means nothing here")):
        if names:
            msg = f"the field {names[0]!r} {what}; the body has {', '.join(_FIELDS)}"
            raise Invalid(msg, field=names[0])
    for name in ("model_name", "path"):
        if not check_text(body[name], name, MAX_TEXT):
            msg = f"{name} is empty"
            raise Invalid(msg, field=name)
    return body


def _list(request: Request, body: Any, call: Call) -> Work:  # noqa: ANN401 - what a caller sent
    """Answer the entries of every model, or of one (S3.14)."""
    del body, call
    name = request.query_params.get("model_name")
    return lambda service: answer({"models": EntryBook(service).entries(name)})


def _activate(request: Request, body: Any, call: Call) -> Work:  # noqa: ANN401 - what a caller sent
    """Put a version into production, the one before it into staging (S3.15)."""
    del body, call
    name, text = request.path_params["model_name"], request.path_params["version"]
    number = label_number(text)
    if number is None:
        msg = f"a version is a whole number here, not {text!r}"
        raise Invalid(msg, field="version")
    return lambda service: answer(EntryBook(service).activate(name, number))
