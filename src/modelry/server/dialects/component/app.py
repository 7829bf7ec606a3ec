"""The routes of the component: thin doors to registering, looking up and deploying."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.documents import iso
from modelry.core.draft import draft
from modelry.core.errors import Invalid
from modelry.core.model import Version
from modelry.core.service import Service
from modelry.server.desk import Call, Desk
from modelry.server.dialect import Dialect, under
from modelry.server.dialects.component.refusals import refused
from modelry.server.plain import answer, plain_app, reading, safely
from modelry.server.rules import RuledRoute
from modelry.server.sources import register_source
from modelry.server.strict import StrictRequest

_PATHS = ("/models/register", "/models/version", "/models/deploy")
Work = Callable[[Service], Response]
Fields = Mapping[str, str]


def component_dialect(desk: Desk) -> Dialect:
    """Make the dialect."""
    register, version, deploy = _PATHS
    routes = [
        _door(register, "POST", Action.REGISTER, _register, ("name", "version", "path")),
        _door(version, "POST", Action.REGISTER, _further, ("name", "path"), ("version",)),
        _door(version, "GET", Action.READ, _look, ("name",), ("version",)),
        _door(deploy, "POST", Action.DEPLOY, _deploy, ("name", "version"), ("target", "comment")),
    ]
    return Dialect("component", under(*_PATHS), plain_app(desk, routes, refused))


def _door(
    path: str,
    method: str,
    rule: Action,
    work: Callable[[Fields, Any, Call], Work],
    needed: tuple[str, ...],
    possible: tuple[str, ...] = (),
) -> RuledRoute:
    """Make a route: its query parameters are checked, its work done in a thread as the caller."""

    async def endpoint(request: Request) -> Response:
        strict = StrictRequest(request.scope, request.receive)
        call = Call(request.app.state.desk, strict)

        async def done() -> Response:
            await call.desk.threads.run(call.actor)  # who is not known learns of no parameter
            async with reading(call, rule, lambda: request.query_params.get("name", "")):
                fields = _fields(request, needed, possible)
                body = await strict.json() if await strict.body() else {}
            return await call(work(fields, body, call))

        return await safely(done, refused)

    return RuledRoute(path, endpoint, rule, methods=(method,), name=f"{method} {path}")


def _fields(request: Request, needed: tuple[str, ...], possible: tuple[str, ...]) -> Fields:
    given = request.query_params.multi_items()
    fields = dict(given)
    twice = sorted({name for name, _ in given if [each for each, _ in given].count(name) > 1})
    unknown = sorted(set(fields) - {*needed, *possible})
    absent = [name for name in needed if not fields.get(name)]
    for names, what in ((absent, "is missing"), (unknown, "means nothing here"),
                        (twice, "stands there more than once")):  # fmt: skip
        if names:
            msg = f"the query parameter {names[0]!r} {what}; this takes {', '.join(needed)}"
            raise Invalid(msg, field=names[0])
    return fields


def _register(fields: Fields, body: Any, call: Call) -> Work:  # noqa: ANN401 - what a caller sent
    """Register a version; a model that is new comes to be with it (S2.12, S2.17, S2.18)."""

    def change(service: Service) -> Response:
        _sealed(service, fields, body, call)
        name, version = fields["name"], fields["version"]
        return answer({"message": f"Model {name} v{version} registered successfully"})

    return change


def _further(fields: Fields, body: Any, call: Call) -> Work:  # noqa: ANN401 - what a caller sent
    """Register a further version of a model that is there; without a label it gets the next number."""

    def change(service: Service) -> Response:
        with service.registering(fields["name"], fields.get("version")):
            service.model(fields["name"])
        done = _sealed(service, fields, body, call)
        message = f"Model {fields['name']} v{done.version} registered successfully"
        return answer({"message": message, **_told(done)})

    return change


def _sealed(service: Service, fields: Fields, body: Any, call: Call) -> Version:  # noqa: ANN401
    """Register, and record it where that fails: who wanted to, and why it was not done (S2.15)."""
    name, version = fields["name"], fields.get("version") or None
    with service.registering(name, version):
        told = draft(version=version, metrics=_metrics(body), params=None,
                     tags=None, datasets=(), description=None, run_id=None)  # fmt: skip
        allowed = call.desk.settings.external_sources
        return register_source(service, name, fields["path"], told, allowed)


def _metrics(body: Any) -> Mapping[str, object]:  # noqa: ANN401 - what a caller sent
    if isinstance(body, dict):
        return body
    msg = "the body is the metrics: an object of numbers by name"
    raise Invalid(msg, field="metrics")


def _look(fields: Fields, body: Any, call: Call) -> Work:  # noqa: ANN401 - what a caller sent
    """Answer a version: the one of this label or number, else production, else the latest."""
    del body, call

    def read(service: Service) -> Response:
        version = fields.get("version")
        ref = f"{fields['name']}:{version}" if version else fields["name"]
        return answer(_told(service.resolve(ref)))

    return read


def _deploy(fields: Fields, body: Any, call: Call) -> Work:  # noqa: ANN401 - what a caller sent
    """Record that a registered version was brought to a target (S2.4, S2.13)."""
    del body, call

    def change(service: Service) -> Response:
        target = fields.get("target") or "production"
        ref = f"{fields['name']}:{fields['version']}"
        done = service.deploy(ref, target, comment=fields.get("comment", ""))
        message = f"Model {fields['name']} v{fields['version']} deployed to {done.target}"
        return answer(
            {
                "message": message, "name": fields["name"], "version": done.version,
                "target": done.target, "deployed_by": done.actor, "deployed_at": iso(done.at),
            }
        )  # fmt: skip

    return change


def _told(version: Version) -> dict[str, object]:
    return {
        "name": version.full_name, "version": version.version, "number": version.number,
        "path": version.source, "metrics": dict(version.metrics), "stage": version.stage,
        "author": version.author, "created_at": iso(version.created), "digest": version.digest,
    }  # fmt: skip
