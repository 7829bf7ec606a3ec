"""Which reads of the native API are remembered: of a version, of a model, of a project's stages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from modelry.core.access import Actor
from modelry.core.errors import RegistryError
from modelry.core.names import parse_model
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.desk import Call, Desk
from modelry.server.dialect import Hot, HotDoor
from modelry.server.dialects.native.models import shown
from modelry.server.dialects.native.places import ModelPlace, is_id, model_name
from modelry.server.dialects.native.projects import stages_of
from modelry.server.dialects.native.versions import body_of
from modelry.server.problems import problem

_RESOLVE = "/registry/resolve"
_MODELS = "/registry/models/"
_MODEL = re.compile(ModelPlace.regex)
_STAGES = re.compile("/registry/projects/([^/]+)/stages")

Answer = Callable[[Service], Response]
Find = Callable[[Service], str]


@dataclass(frozen=True, slots=True)
class _Read:
    """A read of which a path tells everything."""

    desk: Desk
    name: str
    what: Answer

    def read(self, request: Request) -> tuple[Actor, Response]:
        """Answer the caller."""
        call = Call(self.desk, request)
        actor = call.actor()
        return actor, self.what(call.service(actor))

    def refuse(self, error: Exception, request_id: str) -> Response:
        """Answer a refusal; a mistake of ours is logged where all are."""
        if isinstance(error, RegistryError):
            return problem(error, request_id)
        raise error


def native_hot(desk: Desk) -> HotDoor:
    """Answer which reads of the native API may be remembered."""

    def of(scope: Scope, body: bytes) -> Hot | None:
        del body
        route = _route(scope)
        return _Read(desk, *route) if route else None

    return HotDoor(of)


def _route(scope: Scope) -> tuple[str, Answer] | None:
    """Read what a path asks for, None where it is another door."""
    path: str = scope["path"]
    if path == _RESOLVE:
        ref = _only(scope["query_string"], "ref")
        return (path, _version(lambda _: ref)) if ref else None
    if path.startswith(_MODELS):
        return _of_models(scope, path[len(_MODELS) :])
    stages = _STAGES.fullmatch(path)
    if stages is None or scope["query_string"]:
        return None
    return "/registry/projects/{project}/stages", lambda service: stages_of(service, stages[1])


def _of_models(scope: Scope, below: str) -> tuple[str, Answer] | None:
    """Read a path below that of all models: one of them, or a version of one."""
    parts = below.split("/")
    if len(parts) == 3 and parts[0] == "stages" and parts[2] == "latest":  # noqa: PLR2004
        return _latest(scope, parts[1])
    if scope["query_string"]:
        return None
    if _MODEL.fullmatch(below):
        return f"{_MODELS}{{model_id}}", lambda service: shown(service, below)
    if len(parts) in {3, 4} and parts[-2] == "versions" and parts[0] != "versions":
        place, version = "/".join(parts[:-2]), parts[-1]
        if all(parts) and not is_id(version) and len(version) <= 128:  # noqa: PLR2004 - as the door
            name = f"{_MODELS}{{model_id}}/versions/{{version}}"
            return name, _version(lambda service: f"{model_name(service, place)}:{version}")
    return None


def _version(find: Find) -> Answer:
    return lambda service: answers.of_version(body_of(service, service.resolve(find(service))))


def _latest(scope: Scope, stage: str) -> tuple[str, Answer] | None:
    place = _only(scope["query_string"], "model_id")
    if place is None or not 0 < len(stage) <= 128:  # noqa: PLR2004 - as the door
        return None

    def find(service: Service) -> str:
        name = model_name(service, place)
        return f"{name}@{service.stages(parse_model(name).project).stage(stage).name}"

    return f"{_MODELS}stages/{{stage}}/latest", _version(find)


def _only(query: bytes, name: str) -> str | None:
    """Answer the one parameter of a query; None where there is another, or none."""
    try:
        pairs = parse_qsl(query.decode("ascii"), strict_parsing=True, keep_blank_values=True)
    except (UnicodeDecodeError, ValueError):
        return None
    if len(pairs) != 1 or pairs[0][0] != name or not 0 < len(pairs[0][1]) <= 600:  # noqa: PLR2004
        return None
    return pairs[0][1]
