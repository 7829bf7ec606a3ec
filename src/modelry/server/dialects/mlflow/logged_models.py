"""Logged models of the tracking protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelry.core.access import Action
from modelry.core.service import Service
from modelry.core.strict_json import Json
from modelry.core.tracking.model import ModelStatus
from modelry.core.tracking.search import Clause, Search
from modelry.core.verbs.logged_models import Saving
from modelry.server.dialects.mlflow.asked import Asked, missing, wrong
from modelry.server.dialects.mlflow.doors import Document, Work, door
from modelry.server.dialects.mlflow.offsets import offset_of, token_of
from modelry.server.dialects.mlflow.refusals import invalid
from modelry.server.dialects.mlflow.run_filters import MODELS, parse_filter, parse_model_orders
from modelry.server.dialects.mlflow.tracking_shapes import files_document, model_document

_BASE = "/2.0/mlflow/logged-models"
_ONE = f"{_BASE}/{{model_id}}"
_STATUS: Mapping[str, ModelStatus] = {
    "LOGGED_MODEL_PENDING": "PENDING", "LOGGED_MODEL_READY": "READY",
    "LOGGED_MODEL_UPLOAD_FAILED": "UPLOAD_FAILED",
    "1": "PENDING", "2": "READY", "3": "UPLOAD_FAILED",
}  # fmt: skip
_DEFAULT_FOUND = 50
_MOST_FOUND = 1000
_MOST_DATASETS = 100


def _create(asked: Asked) -> Work:
    saving = Saving(
        experiment_id=asked.needed("experiment_id"),
        name=asked.text("name"),
        model_type=asked.text("model_type"),
        run_id=asked.text("source_run_id") or None,
        params=asked.pairs("params"),
        tags=dict(asked.pairs("tags")),
    )

    def work(service: Service) -> Document:
        made = service.tracking(asked.project).create_logged_model(saving)
        return {"model": model_document(made)}

    return work


def _get(asked: Asked) -> Work:
    model_id = asked.place["model_id"]

    def work(service: Service) -> Document:
        return {"model": model_document(service.logged_model(model_id))}

    return work


def _finalize(asked: Asked) -> Work:
    model_id, given = asked.place["model_id"], asked.given.get("status")
    if given is None:
        msg = "status"
        raise missing(msg)
    status = _STATUS.get(str(given)) if isinstance(given, str | int) else None
    if status is None:
        msg = "status"
        raise wrong(msg, given)

    def work(service: Service) -> Document:
        changed = service.tracking().finalize_logged_model(model_id, status)
        return {"model": model_document(changed)}

    return work


def _delete(asked: Asked) -> Work:
    model_id = asked.place["model_id"]

    def work(service: Service) -> Document:
        service.tracking().delete_logged_model(model_id)
        return {}

    return work


def _set_tags(asked: Asked) -> Work:
    model_id, tags = asked.place["model_id"], dict(asked.pairs("tags"))

    def work(service: Service) -> Document:
        service.tracking().tag_logged_model(model_id, tags)
        return {}

    return work


def _delete_tag(asked: Asked) -> Work:
    model_id, key = asked.place["model_id"], asked.place["tag_key"]

    def work(service: Service) -> Document:
        service.tracking().untag_logged_model(model_id, key)
        return {}

    return work


def _params(asked: Asked) -> Work:
    model_id, params = asked.place["model_id"], asked.pairs("params")

    def work(service: Service) -> Document:
        service.tracking().add_model_params(model_id, params)
        return {}

    return work


def _search(asked: Asked) -> Work:
    ids = asked.texts("experiment_ids")
    if not ids:
        msg = "experiment_ids"
        raise missing(msg)
    limit = asked.within("max_results", _DEFAULT_FOUND, 1, _MOST_FOUND)
    skip = offset_of(asked.text("page_token"))
    clauses = _on_datasets(parse_filter(asked.text("filter"), MODELS), asked.items("datasets"))
    order = parse_model_orders(asked.items("order_by"))
    wanted = Search(within=(), clauses=clauses, order=order, limit=limit + 1, skip=skip)

    def work(service: Service) -> Document:
        found = service.tracking(asked.project).find_logged_models(ids, wanted)
        document: dict[str, object] = {}
        if found:
            document["models"] = [model_document(each) for each in found[:limit]]
        if len(found) > limit:
            document["next_page_token"] = token_of(skip + limit)
        return document

    return work


def _on_datasets(
    clauses: tuple[Clause, ...], given: Sequence[Mapping[str, Json]]
) -> tuple[Clause, ...]:
    """Narrow the metrics of a filter to data sets; without any, require some metric on them."""
    datasets: list[tuple[str, str | None]] = []
    for each in given:
        name, digest = each.get("dataset_name"), each.get("dataset_digest")
        if not isinstance(name, str) or not name:
            msg = "`dataset_name` in the `datasets` clause must be specified."
            raise invalid(msg)
        datasets.append((name, str(digest) if digest else None))
    if len(datasets) > _MOST_DATASETS:
        msg = f"{len(datasets)} data sets are too many for one search; at most {_MOST_DATASETS}"
        raise invalid(msg)
    if not datasets:
        return clauses
    on = tuple(datasets)
    if not any(each.entity == "metric" for each in clauses):
        return (*clauses, Clause("metric", "", "IS NOT NULL", None, on))
    return tuple(
        Clause("metric", each.key, each.op, each.value, on) if each.entity == "metric" else each
        for each in clauses
    )


def _directories(asked: Asked) -> Work:
    model_id, folder = asked.place["model_id"], asked.text("artifact_directory_path").strip("/")

    def work(service: Service) -> Document:
        root = service.logged_model(model_id).artifact_root
        place = f"{root}/{folder}" if folder else root
        entries = [(each.path, each.size) for each in service.tracking().artifacts(place)]
        return files_document(root, folder, entries)

    return work


routes = [
    door("POST", _BASE, _create, Action.LOG),
    door("POST", f"{_BASE}/search", _search),
    door("GET", _ONE, _get, Action.READ),
    door("PATCH", _ONE, _finalize, Action.LOG),
    door("DELETE", _ONE, _delete, Action.REMOVE),
    door("PATCH", f"{_ONE}/tags", _set_tags, Action.LOG),
    door("DELETE", f"{_ONE}/tags/{{tag_key:path}}", _delete_tag, Action.LOG),
    door("POST", f"{_ONE}/params", _params, Action.LOG),
    door("GET", f"{_ONE}/artifacts/directories", _directories, Action.READ),
]
