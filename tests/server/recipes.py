"""For every route a request that would do something, so that who may can be tried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from server_site import Caller, Site

from modelry.core.access import EVERYWHERE

OURS, THEIRS, ELSEWHERE = "ours", "theirs", "elsewhere"
VERSIONS = "/registry/models/versions"
PUBLISHER = {"issuer": "https://gitlab.com", "claims": {"project_path": "a/b"}, "account": "ci"}
STAGES = ["none", "staging", "production"]
BYTES = {"Content-Type": "application/octet-stream", "Upload-Offset": "0"}


@dataclass(frozen=True)
class Place:
    """A project with something in it: what a request names."""

    project: str
    version: str
    publisher: str

    @property
    def model(self) -> str:
        return f"{self.project}/m"


@dataclass(frozen=True)
class Asked:
    """A request, where its rule holds, and what it answers whom it may concern."""

    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    done: frozenset[int] = frozenset({200, 201, 204})

    @property
    def by_id(self) -> bool:
        """Say whether it names no project: then an id that means nothing tells of none."""
        return self.path.startswith(VERSIONS)

    def send(self, caller: Caller, method: str, request_id: str) -> Any:  # noqa: ANN401 - an answer
        headers = {**self.headers, "X-Request-Id": request_id}
        more = {} if self.body is None else {"json": self.body}
        return caller(method, self.path, headers=headers, **more)


Recipe = Callable[[Place, Caller], Asked]


def _at(path: str, body: Any = None) -> Recipe:  # noqa: ANN401 - a document
    """Ask for something of a place; `{...}` in the path stands for its parts."""

    def recipe(place: Place, caller: Caller) -> Asked:
        del caller
        told = {key: value(place) if callable(value) else value for key, value in body.items()} if (
            isinstance(body, dict)) else body  # fmt: skip
        return Asked(path.format(p=place), told, where=place.project)

    return recipe


def _own(path: str, body: Any = None) -> Recipe:  # noqa: ANN401 - a document
    """Ask for something that every account has."""
    return lambda place, caller: Asked(path, body)  # noqa: ARG005 - the same for all


def _everywhere(path: str, body: Any = None, done: int | None = None) -> Recipe:  # noqa: ANN401
    """Ask for something of the registry as a whole."""

    def recipe(place: Place, caller: Caller) -> Asked:
        del place, caller
        expected = frozenset({200, 201, 204}) if done is None else frozenset({done})
        return Asked(path, body, where=EVERYWHERE, done=expected)

    return recipe


def _upload(place: Place, caller: Caller) -> Asked:
    """Ask for an upload of one's own, empty, or for one that nobody began."""
    del place
    begun = caller.post("/registry/uploads", {"size": 0, "sha256": EMPTY})
    identity = begun.json().get("id", "none")
    return Asked(f"/registry/uploads/{identity}", headers=BYTES)


def _own_token(place: Place, caller: Caller) -> Asked:
    del place
    own = caller.get("/registry/me").json().get("token") or {}
    return Asked(f"/registry/tokens/{own.get('id', 'none')}")


def _new_token(place: Place, caller: Caller) -> Asked:
    del place
    return Asked("/registry/tokens", _narrow(caller))


def _narrow(caller: Caller) -> dict[str, Any]:
    """Answer a token that is no wider than the one that makes it."""
    own = caller.get("/registry/me").json().get("token") or {}
    return {"name": "x", "project": own.get("project"), "role": "reader", "lifetime_seconds": 60}


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NO_ID = {"upload": "none"}


def _ref(place: Place) -> str:
    return f"{place.model}:1"


def _model(place: Place) -> str:
    return place.model


RECIPES: Mapping[tuple[str, str], Recipe] = {
    ("GET", "/registry/models/stages/{stage}/latest"): _at(
        "/registry/models/stages/production/latest?model_id={p.model}"
    ),
    ("GET", f"{VERSIONS}/{{version_id}}"): _at(f"{VERSIONS}/{{p.version}}"),
    ("PATCH", f"{VERSIONS}/{{version_id}}"): _at(f"{VERSIONS}/{{p.version}}", {"description": "x"}),
    ("DELETE", f"{VERSIONS}/{{version_id}}"): _at(f"{VERSIONS}/{{p.version}}"),
    ("POST", f"{VERSIONS}/{{version_id}}/transition"): _at(
        f"{VERSIONS}/{{p.version}}/transition", {"stage": "staging"}
    ),
    ("GET", f"{VERSIONS}/{{version_id}}/transitions"): _at(f"{VERSIONS}/{{p.version}}/transitions"),
    ("GET", f"{VERSIONS}/{{version_id}}/files/{{path:path}}"): _at(
        f"{VERSIONS}/{{p.version}}/files/model.bin"
    ),
    ("HEAD", f"{VERSIONS}/{{version_id}}/files/{{path:path}}"): _at(
        f"{VERSIONS}/{{p.version}}/files/model.bin"
    ),
    ("POST", "/registry/models/{model_id:model}/versions"): _at(
        "/registry/models/{p.model}/versions", {"description": "x"}
    ),
    ("GET", "/registry/models/{model_id:model}/versions"): _at(
        "/registry/models/{p.model}/versions"
    ),
    ("GET", "/registry/models/{model_id:model}/versions/{version}"): _at(
        "/registry/models/{p.model}/versions/1"
    ),
    ("POST", "/registry/models"): _at(
        "/registry/models", {"name": "new", "project": lambda place: place.project}
    ),
    ("PUT", "/registry/models"): _at("/registry/models?model={p.project}/new", {}),
    ("GET", "/registry/models"): _at("/registry/models?project={p.project}"),
    ("GET", "/registry/models/summary"): _at("/registry/models/summary?project={p.project}"),
    ("GET", "/registry/models/{model_id:model}"): _at("/registry/models/{p.model}"),
    ("PATCH", "/registry/models/{model_id:model}"): _at(
        "/registry/models/{p.model}", {"description": "x"}
    ),
    ("DELETE", "/registry/models/{model_id:model}"): _at("/registry/models/{p.project}/doomed"),
    ("GET", "/registry/resolve"): _at("/registry/resolve?ref={p.model}@production"),
    ("POST", "/registry/promotions"): _at(
        "/registry/promotions", {"ref": _ref, "stage": "staging"}
    ),
    ("POST", "/registry/archivals"): _at("/registry/archivals", {"ref": _ref}),
    ("POST", "/registry/rollbacks"): _at("/registry/rollbacks", {"model": _model}),
    ("POST", "/registry/deployments"): _at("/registry/deployments", {"ref": _ref, "target": "eu"}),
    ("GET", "/registry/deployments"): _at("/registry/deployments?model={p.model}"),
    ("POST", "/registry/aliases"): _at(
        "/registry/aliases", {"model": _model, "alias": "new", "ref": _ref}
    ),
    ("DELETE", "/registry/aliases"): _at("/registry/aliases?model={p.model}&alias=gone"),
    ("PATCH", "/registry/refs"): _at("/registry/refs?ref={p.model}:1", {"description": "x"}),
    ("DELETE", "/registry/refs"): _at("/registry/refs?ref={p.project}/doomed"),
    ("POST", "/registry/purges"): _at(
        "/registry/purges", {"ref": lambda place: f"{place.model}:4"}
    ),
    ("GET", "/registry/search"): _at("/registry/search?project={p.project}"),
    ("GET", "/registry/compare"): _at("/registry/compare?ref={p.model}:1&ref={p.model}:2"),
    ("GET", "/registry/history"): _at("/registry/history?ref={p.model}"),
    ("GET", "/registry/environment"): _at("/registry/environment?ref={p.model}:1"),
    ("POST", "/registry/uploads/missing"): _own("/registry/uploads/missing", {"digests": [EMPTY]}),
    ("POST", "/registry/uploads"): _own("/registry/uploads", {"size": 0, "sha256": EMPTY}),
    ("GET", "/registry/uploads/{upload_id:upload}"): _upload,
    ("HEAD", "/registry/uploads/{upload_id:upload}"): _upload,
    ("PATCH", "/registry/uploads/{upload_id:upload}"): _upload,
    ("DELETE", "/registry/uploads/{upload_id:upload}"): _upload,
    ("GET", "/registry/projects"): _own("/registry/projects"),
    ("POST", "/registry/projects"): _everywhere("/registry/projects", {"name": "new"}),
    ("GET", "/registry/projects/{project}/stages"): _at("/registry/projects/{p.project}/stages"),
    ("PUT", "/registry/projects/{project}/stages"): _at(
        "/registry/projects/{p.project}/stages",
        {
            "stages": [
                {"name": "none"},
                {"name": "staging", "pointed": True},
                {"name": "production", "exclusive": True, "displaced": "archived"},
                {"name": "archived", "pointed": False},
            ]
        },
    ),
    ("GET", "/registry/projects/{project}/history"): _at("/registry/projects/{p.project}/history"),
    ("GET", "/registry/projects/{project}/members"): _at("/registry/projects/{p.project}/members"),
    ("PUT", "/registry/projects/{project}/members/{account}"): _at(
        "/registry/projects/{p.project}/members/ci", {"role": "reader"}
    ),
    ("DELETE", "/registry/projects/{project}/members/{account}"): _at(
        "/registry/projects/{p.project}/members/mate"
    ),
    ("GET", "/registry/projects/{project}/publishers"): _at(
        "/registry/projects/{p.project}/publishers"
    ),
    ("POST", "/registry/projects/{project}/publishers"): _at(
        "/registry/projects/{p.project}/publishers",
        {**PUBLISHER, "claims": {"project_path": "other/one"}},
    ),
    ("DELETE", "/registry/projects/{project}/publishers/{publisher_id}"): _at(
        "/registry/projects/{p.project}/publishers/{p.publisher}"
    ),
    ("GET", "/registry/me"): _own("/registry/me"),
    ("GET", "/registry/accounts"): _everywhere("/registry/accounts"),
    ("POST", "/registry/accounts"): _everywhere("/registry/accounts", {"name": "new"}),
    ("POST", "/registry/accounts/{account}/disable"): _everywhere(
        "/registry/accounts/mate/disable"
    ),
    ("POST", "/registry/accounts/{account}/enable"): _everywhere("/registry/accounts/mate/enable"),
    ("GET", "/registry/tokens"): _own("/registry/tokens"),
    ("POST", "/registry/tokens"): _new_token,
    ("DELETE", "/registry/tokens/{token_id}"): _own_token,
    ("GET", "/registry/audit"): _at("/registry/audit?project={p.project}"),
    ("GET", "/registry/audit/checkpoint"): _everywhere("/registry/audit/checkpoint"),
    ("POST", "/registry/audit/verifications"): _at(
        "/registry/audit/verifications", {"model": _model}
    ),
    ("POST", "/registry/verifications"): _at("/registry/verifications", {"ref": _ref}),
    ("POST", "/registry/collections"): _everywhere("/registry/collections", {"grace": 10**8}),
    ("GET", "/registry/export"): _at("/registry/export?model={p.model}"),
    ("POST", "/registry/imports"): _everywhere("/registry/imports", NO_ID, done=404),
    ("POST", "/registry/restorations"): _everywhere("/registry/restorations", NO_ID, done=404),
}
"""One recipe for each route that has a rule."""


def fill(site: Site, project: str) -> Place:
    """Make a project in which every recipe finds what it names."""
    admin = site.admin
    admin.made("/registry/projects", {"name": project})
    path = f"{project}/m"
    made = [admin.version(path, f"{project} {n}".encode()) for n in range(1, 5)]
    admin.made("/registry/models", {"name": f"{project}/doomed"})
    for number in (2, 1):
        body = {"ref": f"{path}:{number}", "stage": "production"}
        admin.made("/registry/promotions", body, 200)
    admin.made("/registry/aliases", {"model": path, "alias": "gone", "ref": f"{path}:1"}, 200)
    assert admin.delete(f"/registry/refs?ref={path}:4").status_code == 204
    member = admin.put(f"/registry/projects/{project}/members/mate", {"role": "reader"})
    assert member.status_code == 200
    trusted = admin.made(f"/registry/projects/{project}/publishers", PUBLISHER)
    return Place(project, made[2]["id"], trusted["id"])
