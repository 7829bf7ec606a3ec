"""Which project a request is about, and what it asks for there.

`http://host/projects/fraud` as a tracking or registry address selects a
project, and so does the header that MLflow's workspaces send. Without either
it is `default`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.types import Scope

from modelry.core.errors import Invalid
from modelry.core.names import DEFAULT_PROJECT, check_project
from modelry.server.dialects.mlflow.refusals import invalid
from modelry.settings import ServerSettings

_PATH = re.compile(
    r"(?:/projects/(?P<project>[^/]+))?"
    r"(?:/(?:ajax-)?api(?P<rest>/[23]\.0/mlflow(?:-artifacts)?(?:/.*)?)|(?P<plain>/version|/health))",
    re.DOTALL,
)
WORKSPACE = b"x-mlflow-workspace"


@dataclass(frozen=True, slots=True)
class Place:
    """A project as it was written in a path (None where it was not), and the rest of the path."""

    project: str | None
    rest: str


def place_of(path: str) -> Place | None:
    """Read a path; None for one that is not MLflow's."""
    found = _PATH.fullmatch(path)
    return Place(found["project"], found["rest"] or found["plain"]) if found else None


def claims(path: str) -> bool:
    """Say whether a path is MLflow's."""
    return _PATH.fullmatch(path) is not None


def project_of(place: Place, scope: Scope) -> str:
    """Answer the project of a request, in lower case. Raises `Refusal`."""
    named = [value for name, value in scope["headers"] if name == WORKSPACE]
    wanted = {each.decode("latin-1").strip() for each in named} | {place.project or ""}
    wanted.discard("")
    try:
        found = {check_project(each) for each in wanted} or {DEFAULT_PROJECT}
    except Invalid as error:
        raise invalid(error.message) from error
    if len(found) > 1:
        msg = f"the request names more than one project: {', '.join(sorted(found))}"
        raise invalid(msg)
    return found.pop()


def base_of(scope: Scope, project: str, settings: ServerSettings) -> str:
    """Answer the address of a project here: under the public one, else the one that was asked."""
    root = (settings.public_url or "").rstrip("/")
    if not root:
        host = next((value for name, value in scope["headers"] if name == b"host"), b"localhost")
        root = f"{scope['scheme']}://{host.decode('latin-1')}"
    return root if project == DEFAULT_PROJECT else f"{root}/projects/{project}"
