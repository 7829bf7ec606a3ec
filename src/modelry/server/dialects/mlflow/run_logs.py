"""What runs log through the tracking protocol, and what they measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

from modelry.core.access import Action
from modelry.core.service import Service
from modelry.core.strict_json import Json, loads
from modelry.core.tracking.checks import MAX_TAG
from modelry.core.tracking.model import Link, LinkKind, Point, UsedDataset
from modelry.core.verbs.logging_runs import Batch
from modelry.server.dialects.mlflow.asked import Asked, missing
from modelry.server.dialects.mlflow.asked import real as read_real
from modelry.server.dialects.mlflow.doors import Document, Work, door
from modelry.server.dialects.mlflow.offsets import offset_of, token_of
from modelry.server.dialects.mlflow.refusals import invalid
from modelry.server.dialects.mlflow.runs import run_id_of
from modelry.server.dialects.mlflow.tracking_shapes import point_document

_BASE = "/2.0/mlflow/runs"
_METRICS = "/2.0/mlflow/metrics"
_PAGE = 25_000
_MOST_RUNS = 100
_HISTORY = "mlflow.log-model.history"
_MODEL_FIELDS = frozenset({"artifact_path", "flavors", "utc_time_created", "run_id"})


def _part(asked: Asked, item: Mapping[str, Json]) -> Asked:
    return Asked(asked.project, item)


def _point(asked: Asked, item: Mapping[str, Json], path: str = "") -> Point:
    """Read a measurement; `path` says where it stands."""
    for name in ("key", "value", "timestamp"):
        if item.get(name) is None or item.get(name) == "":
            msg = f"{path}{name}"
            raise missing(msg)
    part = _part(asked, item)
    return Point(
        key=part.needed("key"),
        value=read_real(f"{path}value", item["value"]),
        timestamp=part.whole("timestamp"),
        step=part.whole("step", 0),
        model=part.text("model_id") or None,
        dataset=part.text("dataset_name") or None,
        digest=part.text("dataset_digest") or None,
    )


def _log(run_id: str, batch: Batch) -> Work:
    def work(service: Service) -> Document:
        service.tracking().log(run_id, batch)
        return {}

    return work


def _log_metric(asked: Asked) -> Work:
    point = _point(asked, asked.given)
    return _log(run_id_of(asked), Batch(points=[point], tags={}, few=True))


def _log_parameter(asked: Asked) -> Work:
    pair = (asked.needed("key"), asked.text("value"))
    return _log(run_id_of(asked), Batch(params=[pair], tags={}, few=True))


def _set_tag(asked: Asked) -> Work:
    tags = {asked.needed("key"): asked.text("value")}
    return _log(run_id_of(asked), Batch(tags=tags, few=True))


def _log_batch(asked: Asked) -> Work:
    points = [_point(asked, item, f"metrics[{at}].")
              for at, item in enumerate(asked.items("metrics"))]  # fmt: skip
    batch = Batch(points=points, params=asked.pairs("params"), tags=dict(asked.pairs("tags")))
    return _log(run_id_of(asked), batch)


def _delete_tag(asked: Asked) -> Work:
    run_id, key = run_id_of(asked), asked.needed("key")

    def work(service: Service) -> Document:
        service.tracking().untag_run(run_id, key)
        return {}

    return work


def _log_model(asked: Asked) -> Work:
    run_id, text = run_id_of(asked), asked.needed("model_json")
    try:
        model = loads(text.encode("utf-8", "replace"), "the model")
    except Exception as error:
        msg = f"Malformed model info. \n {text[:200]} \n is not a valid JSON."
        raise invalid(msg) from error
    lacking = _MODEL_FIELDS - (model.keys() if isinstance(model, dict) else set())
    if lacking or not isinstance(model, dict):
        msg = f"Model json is missing mandatory fields: {lacking}"
        raise invalid(msg)
    entry = {key: value for key, value in model.items() if key != "signature"}

    def work(service: Service) -> Document:
        tracking = service.tracking()
        tags = {_HISTORY: _with(tracking.run(run_id).tags.get(_HISTORY, "[]"), entry)}
        tracking.log(run_id, Batch(tags=tags, few=True))
        return {}

    return work


def _with(history: str, entry: Mapping[str, Json]) -> str:
    """Add a model to the tag that lists them; the oldest go where there is no room for all."""
    try:
        known = json.loads(history)
    except ValueError:
        known = []
    models = [*(known if isinstance(known, list) else []), entry]
    while len(models) > 1 and len(json.dumps(models)) > MAX_TAG:
        models.pop(0)
    return json.dumps(models)


def _log_inputs(asked: Asked) -> Work:
    run_id = asked.needed("run_id")
    datasets = [_dataset(asked, at, each) for at, each in enumerate(asked.items("datasets"))]
    links = _links(asked, "input")

    def work(service: Service) -> Document:
        service.tracking().relate(run_id, datasets, links)
        return {}

    return work


def _dataset(asked: Asked, at: int, item: Mapping[str, Json]) -> UsedDataset:
    given = item.get("dataset")
    if not isinstance(given, dict):
        msg = f"datasets[{at}].dataset"
        raise missing(msg)
    part = _part(asked, cast("Mapping[str, Json]", given))
    return UsedDataset(
        name=part.needed("name"),
        digest=part.needed("digest"),
        source_type=part.text("source_type"),
        source=part.text("source"),
        schema=part.maybe("schema"),
        profile=part.maybe("profile"),
        tags=dict(_part(asked, item).pairs("tags")),
    )


def _links(asked: Asked, kind: LinkKind) -> Sequence[Link]:
    parts = [_part(asked, each) for each in asked.items("models")]
    return [Link(kind, part.needed("model_id"), part.whole("step", 0)) for part in parts]


def _outputs(asked: Asked) -> Work:
    run_id, links = asked.needed("run_id"), _links(asked, "output")

    def work(service: Service) -> Document:
        service.tracking().relate(run_id, (), links)
        return {}

    return work


def _history(asked: Asked) -> Work:
    run_id, key = run_id_of(asked), asked.needed("metric_key")
    given = asked.given.get("max_results")
    limit = _PAGE if given is None else asked.whole("max_results")
    if limit <= 0:
        msg = (
            f"Invalid value {limit} for parameter 'max_results' supplied. "
            "It must be a positive integer."
        )
        raise invalid(msg)
    limit = min(limit, _PAGE)
    skip = offset_of(asked.text("page_token"))

    def work(service: Service) -> Document:
        found = service.tracking().history(run_id, key, limit + 1, skip)
        document: dict[str, object] = {}
        if found:
            document["metrics"] = [point_document(each) for each in found[:limit]]
        if len(found) > limit:
            document["next_page_token"] = token_of(skip + limit)
        return document

    return work


def _of_runs(asked: Asked, name: str, what: str) -> Sequence[str]:
    ids = asked.texts(name)
    if not ids:
        msg = f"{what} request must specify at least one run_id."
        raise invalid(msg)
    if len(ids) > _MOST_RUNS:
        msg = (
            f"{what} request cannot specify more than {_MOST_RUNS} run_ids. "
            f"Received {len(ids)} run_ids."
        )
        raise invalid(msg)
    return sorted(set(ids))


def _history_bulk(asked: Asked) -> Work:
    ids, key = _of_runs(asked, "run_id", "GetMetricHistoryBulk"), asked.text("metric_key")
    if not key:
        msg = "GetMetricHistoryBulk request must specify a metric_key."
        raise invalid(msg)
    limit = min(asked.within("max_results", _PAGE, 1, 2**31), _PAGE)

    def work(service: Service) -> Document:
        found: list[Document] = []
        for run_id in ids:
            points = service.tracking().history(run_id, key, limit - len(found))
            found += [{**point_document(each), "run_id": run_id} for each in points]
            if len(found) >= limit:
                break
        return {"metrics": found}

    return work


def _history_interval(asked: Asked) -> Work:
    ids, key = (
        _of_runs(asked, "run_ids", "GetMetricHistoryBulkInterval"),
        asked.needed("metric_key"),
    )
    most = asked.within("max_results", 2500, 1, 2500)
    start, end = asked.whole("start_step", -(2**62)), asked.whole("end_step", 2**62)
    if start > end:
        msg = f"end_step must be greater than start_step. Found start_step={start} and end_step={end}."
        raise invalid(msg)

    def work(service: Service) -> Document:
        found: list[Document] = []
        for run_id in ids:
            points = [each for each in service.tracking().history(run_id, key, _PAGE)
                      if start <= each.step <= end]  # fmt: skip
            found += [{**point_document(each), "run_id": run_id} for each in _thin(points, most)]
        return {"metrics": found} if found else {}

    return work


def _thin(points: Sequence[Point], most: int) -> Sequence[Point]:
    """Answer about `most` points, evenly spread over the steps, with the last one."""
    steps = sorted({each.step for each in points})
    if len(steps) <= most:
        return sorted(points, key=lambda each: (each.step, each.timestamp))
    every = -(-len(steps) // most)
    kept = {*steps[::every], steps[-1]}
    chosen = [each for each in points if each.step in kept]
    return sorted(chosen, key=lambda each: (each.step, each.timestamp))


routes = [
    door("POST", f"{_BASE}/log-metric", _log_metric, Action.LOG),
    door("POST", f"{_BASE}/log-parameter", _log_parameter, Action.LOG),
    door("POST", f"{_BASE}/set-tag", _set_tag, Action.LOG),
    door("POST", f"{_BASE}/delete-tag", _delete_tag, Action.LOG),
    door("POST", f"{_BASE}/log-batch", _log_batch, Action.LOG),
    door("POST", f"{_BASE}/log-model", _log_model, Action.LOG),
    door("POST", f"{_BASE}/log-inputs", _log_inputs, Action.LOG),
    door("POST", f"{_BASE}/outputs", _outputs, Action.LOG),
    door("GET", f"{_METRICS}/get-history", _history, Action.READ),
    door("GET", f"{_METRICS}/get-history-bulk", _history_bulk, Action.READ),
    door("GET", f"{_METRICS}/get-history-bulk-interval", _history_interval, Action.READ),
]
