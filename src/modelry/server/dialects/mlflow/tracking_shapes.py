"""Experiments, runs and logged models as MLflow's JSON has them. Nothing that is empty is there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from modelry.core.tracking.model import (
    Experiment,
    LoggedModel,
    Point,
    Run,
    UsedDataset,
)
from modelry.core.tracking.places import SCHEME

Document = dict[str, object]
_MILLI = 1000


def _full(document: Mapping[str, object]) -> Document:
    """Leave out what is unset or an empty list."""
    return {key: value for key, value in document.items() if value is not None and value != []}


def pairs(given: Mapping[str, str]) -> list[Document]:
    """Answer parameters or tags as a list."""
    return [{"key": key, "value": value} for key, value in given.items()]


def address(place: str) -> str:
    """Answer the address of a place among artefacts."""
    return f"{SCHEME}/{place}"


def number(value: float) -> float | str:
    """Answer a number; what is none as JSON of protobuf writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def experiment_document(experiment: Experiment) -> Document:
    """Answer an experiment."""
    return _full({
        "experiment_id": experiment.id,
        "name": experiment.name,
        "artifact_location": address(experiment.id),
        "lifecycle_stage": _standing(experiment.deleted),
        "last_update_time": experiment.updated // _MILLI,
        "creation_time": experiment.created // _MILLI,
        "tags": pairs(experiment.tags),
        "workspace": experiment.project,
    })  # fmt: skip


def _standing(deleted: int | None) -> str:
    return "active" if deleted is None else "deleted"


def run_info(run: Run) -> Document:
    """Answer what a run is, without what it logged."""
    return _full({
        "run_uuid": run.id,
        "experiment_id": run.experiment_id,
        "run_name": run.name,
        "user_id": run.user,
        "status": run.status,
        "start_time": run.start,
        "end_time": run.end,
        "artifact_uri": address(run.artifact_root),
        "lifecycle_stage": _standing(run.deleted),
        "run_id": run.id,
    })  # fmt: skip


def run_document(run: Run) -> Document:
    """Answer a run with all that it logged."""
    read = [each for each in run.links if each.kind == "input"]
    made = [each for each in run.links if each.kind == "output"]
    return {
        "info": run_info(run),
        "data": _full({
            "metrics": [point_document(each) for each in run.metrics],
            "params": pairs(run.params),
            "tags": pairs(run.tags),
        }),
        "inputs": _full({
            "dataset_inputs": [_used(each) for each in run.datasets],
            "model_inputs": [{"model_id": each.model} for each in read],
        }),
        "outputs": _full({
            "model_outputs": [{"model_id": each.model, "step": each.step} for each in made],
        }),
    }  # fmt: skip


def point_document(point: Point, run_id: str | None = None) -> Document:
    """Answer a measurement; of a logged model also with the run that it is from."""
    document: Document = {
        "key": point.key,
        "value": number(point.value),
        "timestamp": point.timestamp,
        "step": point.step,
    }
    if run_id is None:
        return document
    return _full({
        **document, "model_id": point.model, "run_id": run_id,
        "dataset_name": point.dataset, "dataset_digest": point.digest,
    })  # fmt: skip


def _used(used: UsedDataset) -> Document:
    return _full({
        "tags": pairs(used.tags),
        "dataset": _full({
            "name": used.name,
            "digest": used.digest,
            "source_type": used.source_type,
            "source": used.source,
            "schema": used.schema,
            "profile": used.profile,
        }),
    })  # fmt: skip


def model_document(model: LoggedModel) -> Document:
    """Answer a logged model."""
    tags = {key: model.tags[key] for key in sorted(model.tags)}
    return {
        "info": _full({
            "model_id": model.id,
            "experiment_id": model.experiment_id,
            "name": model.name,
            "creation_timestamp_ms": model.created // _MILLI,
            "last_updated_timestamp_ms": model.updated // _MILLI,
            "artifact_uri": address(model.artifact_root),
            "status": f"LOGGED_MODEL_{model.status}",
            "model_type": model.model_type,
            "source_run_id": model.run_id,
            "tags": pairs(tags),
        }),
        "data": _full({
            "params": pairs(model.params),
            "metrics": [point_document(point, run_id) for run_id, point in model.metrics],
        }),
    }  # fmt: skip


def files_document(root: str, folder: str, entries: Sequence[tuple[str, int | None]]) -> Document:
    """Answer what is in a folder of a run or a logged model, by paths from its root."""
    start = f"{folder}/" if folder else ""
    files = [_entry(f"{start}{name}", size) for name, size in entries]
    return _full({"root_uri": address(root), "files": files})


def listing(entries: Sequence[tuple[str, int | None]]) -> Document:
    """Answer what is in a folder, by names alone."""
    return _full({"files": [_entry(name, size) for name, size in entries]})


def _entry(path: str, size: int | None) -> Document:
    return _full({"path": path, "is_dir": size is None, "file_size": size})
