"""Runs of the tracking protocol: begun, found, ended, deleted, restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from modelry.core.access import Action
from modelry.core.service import Service
from modelry.core.tracking.model import Status
from modelry.core.tracking.search import Search
from modelry.core.verbs.experiments import MAX_FOUND
from modelry.core.verbs.runs import STATUSES, Beginning
from modelry.server.dialects.mlflow.asked import Asked, missing, wrong
from modelry.server.dialects.mlflow.doors import Document, Work, door
from modelry.server.dialects.mlflow.experiments import standing_of
from modelry.server.dialects.mlflow.offsets import offset_of, token_of
from modelry.server.dialects.mlflow.run_filters import RUNS, parse_filter, parse_order
from modelry.server.dialects.mlflow.tracking_shapes import (
    files_document,
    run_document,
    run_info,
)

_BASE = "/2.0/mlflow/runs"
_NUMBERED: Mapping[str, Status] = {
    str(number): status for number, status in enumerate(STATUSES, 1)
}  # fmt: skip
_DEFAULT_FOUND = 1000


def run_id_of(asked: Asked) -> str:
    """Answer the run that is meant, by its new name or its old one."""
    run_id = asked.text("run_id") or asked.text("run_uuid")
    if not run_id:
        msg = "run_id"
        raise missing(msg)
    return run_id


def _create(asked: Asked) -> Work:
    start = asked.whole("start_time", 0)
    begun = Beginning(
        experiment_id=asked.text("experiment_id", "0"),
        name=asked.text("run_name"),
        user=asked.text("user_id"),
        start=start,
        tags=dict(asked.pairs("tags")),
    )

    def work(service: Service) -> Document:
        return {"run": run_document(service.tracking(asked.project).create_run(begun))}

    return work


def _get(asked: Asked) -> Work:
    run_id = run_id_of(asked)

    def work(service: Service) -> Document:
        return {"run": run_document(service.run(run_id))}

    return work


def _status(asked: Asked) -> Status | None:
    given = asked.given.get("status")
    if given is None:
        return None
    status = _NUMBERED.get(str(given), given) if isinstance(given, str | int) else None
    if status not in STATUSES:
        msg = "status"
        raise wrong(msg, given)
    return cast("Status", status)


def _update(asked: Asked) -> Work:
    run_id, status, name = run_id_of(asked), _status(asked), asked.text("run_name")
    end = None if asked.given.get("end_time") is None else asked.whole("end_time")

    def work(service: Service) -> Document:
        changed = service.tracking().update_run(run_id, status=status, end=end, name=name)
        return {"run_info": run_info(changed)}

    return work


def _delete(asked: Asked) -> Work:
    run_id = run_id_of(asked)

    def work(service: Service) -> Document:
        service.tracking().delete_run(run_id)
        return {}

    return work


def _restore(asked: Asked) -> Work:
    run_id = run_id_of(asked)

    def work(service: Service) -> Document:
        service.tracking().restore_run(run_id)
        return {}

    return work


def _search(asked: Asked) -> Work:
    ids = asked.texts("experiment_ids")
    limit = asked.within("max_results", _DEFAULT_FOUND, 1, MAX_FOUND)
    skip = offset_of(asked.text("page_token"))
    wanted = Search(
        within=(),
        clauses=parse_filter(asked.text("filter"), RUNS),
        order=parse_order(asked.texts("order_by"), RUNS),
        standing=standing_of(asked, "run_view_type"),
        limit=limit + 1,
        skip=skip,
    )

    def work(service: Service) -> Document:
        found = service.tracking(asked.project).find_runs(ids, wanted)
        document: dict[str, object] = {}
        if found:
            document["runs"] = [run_document(each) for each in found[:limit]]
        if len(found) > limit:
            document["next_page_token"] = token_of(skip + limit)
        return document

    return work


def _list_artifacts(asked: Asked) -> Work:
    run_id, folder = run_id_of(asked), asked.text("path").strip("/")

    def work(service: Service) -> Document:
        root = service.run(run_id).artifact_root
        place = f"{root}/{folder}" if folder else root
        entries = [(each.path, each.size) for each in service.tracking().artifacts(place)]
        return files_document(root, folder, entries)

    return work


routes = [
    door("POST", f"{_BASE}/create", _create, Action.LOG),
    door("GET", f"{_BASE}/get", _get, Action.READ),
    door("POST", f"{_BASE}/update", _update, Action.LOG),
    door("POST", f"{_BASE}/delete", _delete, Action.REMOVE),
    door("POST", f"{_BASE}/restore", _restore, Action.REMOVE),
    door("POST", f"{_BASE}/search", _search),
    door("GET", "/2.0/mlflow/artifacts/list", _list_artifacts, Action.READ),
]
