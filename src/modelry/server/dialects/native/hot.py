"""Which reads of the native API are remembered: a version by ref, stage, alias or number."""

from __future__ import annotations

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
from modelry.server.dialects.native.places import is_id, model_name
from modelry.server.dialects.native.versions import body_of
from modelry.server.problems import problem

_RESOLVE = "/registry/resolve"
_MODELS = "/registry/models/"

Find = Callable[[Service], str]


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of which a path tells how it is found."""

    desk: Desk
    name: str
    find: Find

    def read(self, request: Request) -> tuple[Actor, Response]:
        """Answer the version."""
        call = Call(self.desk, request)
        actor = call.actor()
        service = call.service(actor)
        return actor, answers.of_version(body_of(service, service.resolve(self.find(service))))

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
        return _Version(desk, *route) if route else None

    return HotDoor(of)


def _route(scope: Scope) -> tuple[str, Find] | None:
    """Read which version a path names, None where it is another door."""
    path: str = scope["path"]
    if path == _RESOLVE:
        ref = _only(scope["query_string"], "ref")
        return (path, lambda _: ref) if ref else None
    if not path.startswith(_MODELS):
        return None
    parts = path[len(_MODELS) :].split("/")
    if len(parts) == 3 and parts[0] == "stages" and parts[2] == "latest":  # noqa: PLR2004
        return _latest(scope, parts[1])
    if len(parts) in {3, 4} and parts[-2] == "versions" and parts[0] != "versions":
        place, version = "/".join(parts[:-2]), parts[-1]
        plain = not scope["query_string"] and not is_id(version)
        if plain and all(parts) and len(version) <= 128:  # noqa: PLR2004 - as the door
            name = f"{_MODELS}{{model_id}}/versions/{{version}}"
            return name, lambda service: f"{model_name(service, place)}:{version}"
    return None


def _latest(scope: Scope, stage: str) -> tuple[str, Find] | None:
    place = _only(scope["query_string"], "model_id")
    if place is None or not 0 < len(stage) <= 128:  # noqa: PLR2004 - as the door
        return None

    def find(service: Service) -> str:
        name = model_name(service, place)
        return f"{name}@{service.stages(parse_model(name).project).stage(stage).name}"

    return f"{_MODELS}stages/{{stage}}/latest", find


def _only(query: bytes, name: str) -> str | None:
    """Answer the one parameter of a query; None where there is another, or none."""
    try:
        pairs = parse_qsl(query.decode("ascii"), strict_parsing=True, keep_blank_values=True)
    except (UnicodeDecodeError, ValueError):
        return None
    if len(pairs) != 1 or pairs[0][0] != name or not 0 < len(pairs[0][1]) <= 600:  # noqa: PLR2004
        return None
    return pairs[0][1]
