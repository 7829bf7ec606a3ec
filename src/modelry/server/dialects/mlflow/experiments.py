"""Experiments of the tracking protocol."""

from __future__ import annotations

from modelry.core.access import Action
from modelry.core.errors import Conflict
from modelry.core.service import Service
from modelry.core.tracking.search import Search, Standing
from modelry.core.verbs.experiments import MAX_FOUND
from modelry.server.dialects.mlflow.asked import Asked, wrong
from modelry.server.dialects.mlflow.doors import Document, Work, door
from modelry.server.dialects.mlflow.offsets import offset_of, token_of
from modelry.server.dialects.mlflow.refusals import EXISTS, Refusal
from modelry.server.dialects.mlflow.refusals import invalid as refuse
from modelry.server.dialects.mlflow.run_filters import EXPERIMENTS, parse_filter, parse_order
from modelry.server.dialects.mlflow.tracking_shapes import experiment_document

_BASE = "/2.0/mlflow/experiments"
_VIEWS: dict[str, Standing] = {
    "ACTIVE_ONLY": "active", "DELETED_ONLY": "deleted", "ALL": "all",
    "1": "active", "2": "deleted", "3": "all",
}  # fmt: skip
_DEFAULT_FOUND = 1000


def standing_of(asked: Asked, name: str) -> Standing:
    """Read which life-cycle stages are wanted: the active ones where nothing is said."""
    value = asked.given.get(name)
    if value is None or value == "":
        return "active"
    standing = _VIEWS.get(str(value)) if isinstance(value, str | int) else None
    if standing is None:
        raise wrong(name, value)
    return standing


def _create(asked: Asked) -> Work:
    name, tags = asked.needed("name"), dict(asked.pairs("tags"))
    location = asked.text("artifact_location")
    if location:
        msg = (
            "Invalid value for parameter 'artifact_location' supplied: this registry keeps the "
            "artifacts of its experiments itself; leave it out"
        )
        raise refuse(msg)

    def work(service: Service) -> Document:
        try:
            made = service.tracking(asked.project).create_experiment(name, tags)
        except Conflict as error:
            raise Refusal(EXISTS, error.message) from error
        return {"experiment_id": made.id}

    return work


def _get(asked: Asked) -> Work:
    experiment_id = asked.needed("experiment_id")

    def work(service: Service) -> Document:
        found = service.tracking(asked.project).experiment(experiment_id)
        return {"experiment": experiment_document(found)}

    return work


def _get_by_name(asked: Asked) -> Work:
    name = asked.needed("experiment_name")

    def work(service: Service) -> Document:
        found = service.tracking(asked.project).experiment_named(name)
        return {"experiment": experiment_document(found)}

    return work


def _search(asked: Asked) -> Work:
    limit = asked.within("max_results", _DEFAULT_FOUND, 1, MAX_FOUND)
    skip = offset_of(asked.text("page_token"))
    wanted = Search(
        within=(),
        clauses=parse_filter(asked.text("filter"), EXPERIMENTS),
        order=parse_order(asked.texts("order_by"), EXPERIMENTS),
        standing=standing_of(asked, "view_type"),
        limit=limit + 1,
        skip=skip,
    )

    def work(service: Service) -> Document:
        found = service.tracking(asked.project).find_experiments(wanted)
        document: dict[str, object] = {}
        if found:
            document["experiments"] = [experiment_document(each) for each in found[:limit]]
        if len(found) > limit:
            document["next_page_token"] = token_of(skip + limit)
        return document

    return work


def _update(asked: Asked) -> Work:
    experiment_id, name = asked.needed("experiment_id"), asked.needed("new_name")

    def work(service: Service) -> Document:
        try:
            service.tracking(asked.project).rename_experiment(experiment_id, name)
        except Conflict as error:
            raise Refusal(EXISTS, error.message) from error
        return {}

    return work


def _delete(asked: Asked) -> Work:
    experiment_id = asked.needed("experiment_id")

    def work(service: Service) -> Document:
        service.tracking(asked.project).delete_experiment(experiment_id)
        return {}

    return work


def _restore(asked: Asked) -> Work:
    experiment_id = asked.needed("experiment_id")

    def work(service: Service) -> Document:
        service.tracking(asked.project).restore_experiment(experiment_id)
        return {}

    return work


def _set_tag(asked: Asked) -> Work:
    experiment_id, key = asked.needed("experiment_id"), asked.needed("key")
    value = asked.text("value")

    def work(service: Service) -> Document:
        service.tracking(asked.project).tag_experiment(experiment_id, {key: value})
        return {}

    return work


def _delete_tag(asked: Asked) -> Work:
    experiment_id, key = asked.needed("experiment_id"), asked.needed("key")

    def work(service: Service) -> Document:
        service.tracking(asked.project).untag_experiment(experiment_id, key)
        return {}

    return work


def _search_datasets(asked: Asked) -> Work:
    ids = asked.texts("experiment_ids")

    def work(service: Service) -> Document:
        found = service.tracking(asked.project).datasets(ids)
        summaries = [
            {"experiment_id": each.experiment.partition("/")[0], "name": each.name,
             "digest": each.digest, **({"context": each.context} if each.context else {})}
            for each in found
        ]  # fmt: skip
        return {"dataset_summaries": summaries} if summaries else {}

    return work


routes = [
    door("POST", f"{_BASE}/create", _create, Action.LOG),
    door("GET", f"{_BASE}/get", _get, Action.READ),
    door("GET", f"{_BASE}/get-by-name", _get_by_name, Action.READ),
    door("POST", f"{_BASE}/search", _search, Action.READ),
    door("GET", f"{_BASE}/search", _search, Action.READ),
    door("POST", f"{_BASE}/update", _update, Action.LOG),
    door("POST", f"{_BASE}/delete", _delete, Action.REMOVE),
    door("POST", f"{_BASE}/restore", _restore, Action.REMOVE),
    door("POST", f"{_BASE}/set-experiment-tag", _set_tag, Action.LOG),
    door("POST", f"{_BASE}/delete-experiment-tag", _delete_tag, Action.LOG),
    door("POST", f"{_BASE}/search-datasets", _search_datasets),
]
