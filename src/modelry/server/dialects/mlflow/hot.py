"""Which reads of MLflow's protocol are remembered: those that every `load_model` begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from modelry.core.access import Actor
from modelry.core.strict_json import Json, load_object
from modelry.server.desk import Desk
from modelry.server.dialect import Hot, HotDoor
from modelry.server.dialects.mlflow import aliases, models, versions
from modelry.server.dialects.mlflow.asked import Asked, query_in
from modelry.server.dialects.mlflow.doors import MlflowCall, Read, json_answer
from modelry.server.dialects.mlflow.places import WORKSPACE, base_of, place_of, project_of
from modelry.server.dialects.mlflow.refusals import misread, refused

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


@dataclass(frozen=True, slots=True)
class _Read:
    """One of these reads, as a request asks for it."""

    desk: Desk
    name: str
    what: Read
    body: bytes

    def read(self, request: Request) -> tuple[Actor, Response]:
        """Answer the caller; what cannot be read is refused once it is known who asks."""
        call = MlflowCall(self.desk, request)
        actor = call.actor()
        try:
            work = self.what(self._asked(request.scope))
        except Exception as error:
            raise misread(error) from error
        return actor, json_answer(work(self.desk.service(actor, call.trace)))

    def _asked(self, scope: Scope) -> Asked:
        place = place_of(scope["path"])
        assert place is not None  # noqa: S101 - looked at before
        project = project_of(place, scope)
        given: Mapping[str, Json] = {}
        if scope["method"] == "GET":
            given = query_in(scope["query_string"])
        elif self.body:
            given = load_object(self.body, "the body")
        return Asked(project, given, base=base_of(scope, project, self.desk.settings))

    def refuse(self, error: Exception, request_id: str) -> Response:
        """Answer a refusal."""
        del request_id
        return refused(error)


def hot_door(desk: Desk) -> HotDoor:
    """Answer which reads may be remembered."""

    def of(scope: Scope, body: bytes) -> Hot | None:
        place = place_of(scope["path"])
        what = _READS.get((scope["method"], place.rest)) if place else None
        if place is None or what is None or not (body or scope["query_string"]):
            return None
        return _Read(desk, place.rest, what, body)

    return HotDoor(of, posts=(_LATEST,), varying=frozenset({WORKSPACE}))
