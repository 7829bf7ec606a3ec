"""Which reads of MLflow's protocol are remembered: those that every `load_model` begins with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from modelry.core.access import Actor
from modelry.core.service import Service
from modelry.core.strict_json import Json, load_object
from modelry.server.desk import Desk
from modelry.server.dialect import Hot, HotDoor
from modelry.server.dialects.mlflow import aliases, models, versions
from modelry.server.dialects.mlflow.asked import Asked, query_in
from modelry.server.dialects.mlflow.doors import MlflowCall, Read, json_answer
from modelry.server.dialects.mlflow.places import WORKSPACE, base_of, place_of, project_of
from modelry.server.dialects.mlflow.refusals import misread, refused
from modelry.server.dialects.mlflow.sealed import FILE, VERSION, list_files, small_file
from modelry.server.dialects.mlflow.sources import ARTIFACTS, SEALED

_MODELS, _VERSIONS = "/2.0/mlflow/registered-models", "/2.0/mlflow/model-versions"
_LATEST = f"{_MODELS}/get-latest-versions"
_READS: Mapping[tuple[str, str], Read] = {
    ("GET", f"{_MODELS}/get"): models.get,
    ("GET", f"{_MODELS}/alias"): aliases.get_alias,
    ("GET", _LATEST): models.latest,
    ("POST", _LATEST): models.latest,
    ("GET", f"{_MODELS}/search"): models.search,
    ("GET", f"{_VERSIONS}/get"): versions.get,
    ("GET", f"{_VERSIONS}/search"): versions.search,
    ("GET", f"{_VERSIONS}/get-download-uri"): versions.download_uri,
}


_SEALED = re.compile(
    f"{SEALED}/(?P<name>[^/]+)/(?P<number>[^/]+){ARTIFACTS}(?:/(?P<path>.*))?", re.DOTALL
)
_Answer = Callable[[Service], Response | None]


@dataclass(frozen=True, slots=True)
class _Read:
    """One of these reads, as a request asks for it; `place` is what its path names."""

    desk: Desk
    name: str
    what: Callable[[Asked], _Answer]
    body: bytes = b""
    place: Mapping[str, str] = field(default_factory=dict)

    def read(self, request: Request) -> tuple[Actor, Response | None]:
        """Answer the caller; what cannot be read is refused once it is known who asks."""
        call = MlflowCall(self.desk, request)
        actor = call.actor()
        try:
            answer = self.what(self._asked(request.scope))
        except Exception as error:
            raise misread(error) from error
        return actor, answer(call.service(actor))

    def _asked(self, scope: Scope) -> Asked:
        place = place_of(scope["path"])
        assert place is not None  # noqa: S101 - looked at before
        project = project_of(place, scope)
        given: Mapping[str, Json] = {}
        if scope["method"] == "GET":
            given = query_in(scope["query_string"])
        elif self.body:
            given = load_object(self.body, "the body")
        return Asked(project, given, self.place, base_of(scope, project, self.desk.settings))

    def refuse(self, error: Exception, request_id: str) -> Response:
        """Answer a refusal."""
        del request_id
        return refused(error)


def hot_door(desk: Desk) -> HotDoor:
    """Answer which reads may be remembered."""

    def of(scope: Scope, body: bytes) -> Hot | None:
        place = place_of(scope["path"])
        if place is None:
            return None
        what = _READS.get((scope["method"], place.rest))
        if what is None:
            return _sealed(desk, place.rest) if scope["method"] == "GET" else None
        if not (body or scope["query_string"]):
            return None
        return _Read(desk, place.rest, _in_json(what), body)

    return HotDoor(of, posts=(_LATEST,), varying=frozenset({WORKSPACE, b"range", b"if-range"}))


def _sealed(desk: Desk, path: str) -> Hot | None:
    """Answer the read of a sealed version that a path asks for."""
    found = _SEALED.fullmatch(path)
    if found is None:
        return None
    named = {name: value for name, value in found.groupdict().items() if value is not None}
    if "path" not in named:
        return _Read(desk, VERSION, _in_json(list_files), place=named)
    return _Read(desk, FILE, lambda asked: small_file(asked, desk.world.blobs), place=named)


def _in_json(what: Read) -> Callable[[Asked], _Answer]:
    def read(asked: Asked) -> _Answer:
        work = what(asked)
        return lambda service: json_answer(work(service))

    return read
