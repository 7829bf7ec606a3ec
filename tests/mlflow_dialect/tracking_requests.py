"""For every tracking route a request that would do something, and a ground to try them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server_site import Answer, Caller, Site

API = "/api/2.0/mlflow"
BYTES = "/api/2.0/mlflow-artifacts"


@dataclass(frozen=True)
class Ground:
    """A project with an experiment, a run, a logged model and an artefact of each."""

    project: str
    experiment: str = "9" * 18
    run: str = "e" * 32
    model: str = f"m-{'f' * 32}"

    @property
    def base(self) -> str:
        return f"/projects/{self.project}"

    @property
    def root(self) -> str:
        return f"{self.experiment}/{self.run}/artifacts"

    def plain(self, text: str) -> str:
        """Answer a text without the ids that are this ground's own."""
        for name in ("experiment", "run", "model"):
            text = text.replace(getattr(self, name), name)
        return text


def fill(site: Site, project: str) -> Ground:
    """Make a project and something of everything in it."""
    admin = site.admin
    admin.made("/registry/projects", {"name": project})
    base = f"/projects/{project}{API}"
    experiment = admin.made(f"{base}/experiments/create", {"name": "e"}, 200)["experiment_id"]
    begun = admin.made(f"{base}/runs/create", {"experiment_id": experiment}, 200)
    run = begun["run"]["info"]["run_id"]
    saved = {"experiment_id": experiment, "name": "m", "source_run_id": run,
             "tags": [{"key": "t", "value": "u"}]}  # fmt: skip
    model = admin.made(f"{base}/logged-models", saved, 200)["model"]["info"]["model_id"]
    tagged = {"run_id": run, "key": "t", "value": "u"}
    admin.made(f"{base}/runs/set-tag", tagged, 200)
    tagged = {"experiment_id": experiment, "key": "t", "value": "u"}
    admin.made(f"{base}/experiments/set-experiment-tag", tagged, 200)
    ground = Ground(project, experiment, run, model)
    assert put(admin, f"{ground.root}/a", b"x").status_code == 200
    return ground


def put(caller: Caller, place: str, data: bytes, **headers: str) -> Answer:
    return caller("PUT", f"{BYTES}/artifacts/{place}", content=data, headers=headers)


@dataclass(frozen=True)
class Asked:
    """A request: the path after `/api`, with `{g...}` for parts of the ground, and its body."""

    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    done: int = 200

    def send(self, caller: Caller, method: str, ground: Ground) -> Answer:
        path = f"{ground.base}/api{self.path.format(g=ground)}"
        if self.content is not None:
            return caller(method, path, content=self.content)
        if method in {"GET", "HEAD"}:
            return caller(method, path, params=_filled(self.body, ground))
        return caller(method, path, json=_filled(self.body, ground))


def _filled(body: Any, ground: Ground) -> Any:  # noqa: ANN401 - a document
    if isinstance(body, str):
        return body.format(g=ground) if body.startswith("{g.") else body
    if isinstance(body, Mapping):
        return {key: _filled(value, ground) for key, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, ground) for value in body]
    return body


_E, _R, _M = "{g.experiment}", "{g.run}", "{g.model}"
_X, _L = "/2.0/mlflow", "/2.0/mlflow/logged-models"
_ONE = f"{_L}/{{model_id}}"
_OF_RUN = {"run_id": _R}
_OF_EXPERIMENT = {"experiment_id": _E}
_ARTIFACT = "/2.0/mlflow-artifacts/artifacts"
_POINT = {"key": "auc", "value": 0.5, "timestamp": 1}
_MODEL_JSON = '{"artifact_path":"a","flavors":{},"utc_time_created":"x","run_id":"x"}'
_WHOLE = {"name": "d", "digest": "1", "source": "s", "source_type": "t"}

RECIPES: Mapping[tuple[str, str], Asked] = {
    ("GET", "/3.0/mlflow/server-info"): Asked("/3.0/mlflow/server-info"),
    ("POST", f"{_X}/experiments/create"): Asked(f"{_X}/experiments/create", {"name": "new"}),
    ("GET", f"{_X}/experiments/get"): Asked(f"{_X}/experiments/get", _OF_EXPERIMENT),
    ("GET", f"{_X}/experiments/get-by-name"): Asked(
        f"{_X}/experiments/get-by-name", {"experiment_name": "e"}),
    ("POST", f"{_X}/experiments/search"): Asked(f"{_X}/experiments/search"),
    ("GET", f"{_X}/experiments/search"): Asked(f"{_X}/experiments/search"),
    ("POST", f"{_X}/experiments/update"): Asked(
        f"{_X}/experiments/update", {**_OF_EXPERIMENT, "new_name": "n"}),
    ("POST", f"{_X}/experiments/delete"): Asked(f"{_X}/experiments/delete", _OF_EXPERIMENT),
    ("POST", f"{_X}/experiments/restore"): Asked(
        f"{_X}/experiments/restore", _OF_EXPERIMENT, done=404),
    ("POST", f"{_X}/experiments/set-experiment-tag"): Asked(
        f"{_X}/experiments/set-experiment-tag", {**_OF_EXPERIMENT, "key": "a", "value": "b"}),
    ("POST", f"{_X}/experiments/delete-experiment-tag"): Asked(
        f"{_X}/experiments/delete-experiment-tag", {**_OF_EXPERIMENT, "key": "t"}),
    ("POST", f"{_X}/experiments/search-datasets"): Asked(
        f"{_X}/experiments/search-datasets", {"experiment_ids": [_E]}),
    ("POST", f"{_X}/runs/create"): Asked(f"{_X}/runs/create", _OF_EXPERIMENT),
    ("GET", f"{_X}/runs/get"): Asked(f"{_X}/runs/get", _OF_RUN),
    ("POST", f"{_X}/runs/update"): Asked(f"{_X}/runs/update", {**_OF_RUN, "status": "FINISHED"}),
    ("POST", f"{_X}/runs/delete"): Asked(f"{_X}/runs/delete", _OF_RUN),
    ("POST", f"{_X}/runs/restore"): Asked(f"{_X}/runs/restore", _OF_RUN),
    ("POST", f"{_X}/runs/search"): Asked(f"{_X}/runs/search", {"experiment_ids": [_E]}),
    ("GET", f"{_X}/artifacts/list"): Asked(f"{_X}/artifacts/list", _OF_RUN),
    ("POST", f"{_X}/runs/log-metric"): Asked(f"{_X}/runs/log-metric", {**_OF_RUN, **_POINT}),
    ("POST", f"{_X}/runs/log-parameter"): Asked(
        f"{_X}/runs/log-parameter", {**_OF_RUN, "key": "a", "value": "b"}),
    ("POST", f"{_X}/runs/set-tag"): Asked(
        f"{_X}/runs/set-tag", {**_OF_RUN, "key": "a", "value": "b"}),
    ("POST", f"{_X}/runs/delete-tag"): Asked(f"{_X}/runs/delete-tag", {**_OF_RUN, "key": "t"}),
    ("POST", f"{_X}/runs/log-batch"): Asked(
        f"{_X}/runs/log-batch", {**_OF_RUN, "metrics": [_POINT]}),
    ("POST", f"{_X}/runs/log-model"): Asked(
        f"{_X}/runs/log-model", {**_OF_RUN, "model_json": _MODEL_JSON}),
    ("POST", f"{_X}/runs/log-inputs"): Asked(
        f"{_X}/runs/log-inputs", {**_OF_RUN, "datasets": [{"dataset": _WHOLE}]}),
    ("POST", f"{_X}/runs/outputs"): Asked(
        f"{_X}/runs/outputs", {**_OF_RUN, "models": [{"model_id": _M, "step": 1}]}),
    ("GET", f"{_X}/metrics/get-history"): Asked(
        f"{_X}/metrics/get-history", {**_OF_RUN, "metric_key": "auc"}),
    ("GET", f"{_X}/metrics/get-history-bulk"): Asked(
        f"{_X}/metrics/get-history-bulk", {**_OF_RUN, "metric_key": "auc"}),
    ("GET", f"{_X}/metrics/get-history-bulk-interval"): Asked(
        f"{_X}/metrics/get-history-bulk-interval", {"run_ids": _R, "metric_key": "auc"}),
    ("POST", _L): Asked(_L, {**_OF_EXPERIMENT, "name": "n"}),
    ("POST", f"{_L}/search"): Asked(f"{_L}/search", {"experiment_ids": [_E]}),
    ("GET", _ONE): Asked(f"{_L}/{_M}"),
    ("PATCH", _ONE): Asked(f"{_L}/{_M}", {"status": "LOGGED_MODEL_READY"}),
    ("DELETE", _ONE): Asked(f"{_L}/{_M}"),
    ("PATCH", f"{_ONE}/tags"): Asked(f"{_L}/{_M}/tags", {"tags": [{"key": "a", "value": "b"}]}),
    ("DELETE", f"{_ONE}/tags/{{tag_key:path}}"): Asked(f"{_L}/{_M}/tags/t"),
    ("POST", f"{_ONE}/params"): Asked(f"{_L}/{_M}/params", {"params": [{"key": "a", "value": "b"}]}),
    ("GET", f"{_ONE}/artifacts/directories"): Asked(f"{_L}/{_M}/artifacts/directories"),
    ("GET", _ARTIFACT): Asked(_ARTIFACT, {"path": "{g.root}"}),
    ("GET", f"{_ARTIFACT}/{{artifact_path:path}}"): Asked(f"{_ARTIFACT}/{{g.root}}/a"),
    ("PUT", f"{_ARTIFACT}/{{artifact_path:path}}"): Asked(f"{_ARTIFACT}/{{g.root}}/b", content=b"y"),
    ("DELETE", f"{_ARTIFACT}/{{artifact_path:path}}"): Asked(f"{_ARTIFACT}/{{g.root}}/a"),
    ("GET", "/2.0/mlflow-artifacts/presigned/{artifact_path:path}"): Asked(
        "/2.0/mlflow-artifacts/presigned/{g.root}/a", done=501),
    **{
        ("POST", f"/2.0/mlflow-artifacts/mpu/{verb}/{{artifact_path:path}}"): Asked(
            f"/2.0/mlflow-artifacts/mpu/{verb}/{{g.root}}", {"path": "p", **body}, done=done)
        for verb, body, done in (
            ("create", {"num_parts": 2}, 200),
            ("complete", {"upload_id": "no slip", "parts": []}, 404),
            ("abort", {"upload_id": "no slip"}, 404),
        )
    },
    ("PUT", "/2.0/mlflow-artifacts/mpu/part/{number}"): Asked(
        "/2.0/mlflow-artifacts/mpu/part/1", content=b"y"),
}  # fmt: skip
