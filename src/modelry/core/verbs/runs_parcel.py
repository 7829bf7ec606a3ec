"""Experiments, runs, logged models and artefacts in an archive: written, checked, taken in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from modelry.core.errors import Unsupported
from modelry.core.model import File
from modelry.core.names import check_path, check_project
from modelry.core.ports import TrackingView, Unit, View
from modelry.core.strict_json import Json
from modelry.core.tracking.checks import check_datasets, check_points, check_tags
from modelry.core.tracking.model import (
    Experiment,
    Link,
    LoggedModel,
    Owner,
    Point,
    Run,
    UsedDataset,
    key_of,
)
from modelry.core.tracking.places import KEY, MODEL_ID, RUN_ID
from modelry.core.verbs.world import tracking_in

_PAGE = 1000
_WHOLE = frozenset({"created", "updated", "deleted", "start", "end", "step", "size"})
_MAPS = frozenset({"params", "tags"})
_LISTS = frozenset({"datasets", "links"})
_OPTIONAL = frozenset({"deleted", "start", "end", "run_id", "schema", "profile", "model", "dataset",
                       "digest"})  # fmt: skip
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
Record = dict[str, Json]


@dataclass(slots=True)
class Tracked:
    """What an archive says of tracking, before any of it is believed."""

    experiments: list[Experiment] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    models: dict[str, LoggedModel] = field(default_factory=dict)
    points: list[tuple[str, list[Point]]] = field(default_factory=list)
    files: list[tuple[str, File]] = field(default_factory=list)

    def owner(self, identity: str) -> Owner:
        """Answer the run or the logged model of this archive. Raises `KeyError`."""
        return self.models[identity] if identity.startswith("m-") else self.runs[identity]

    @property
    def blobs(self) -> dict[str, int]:
        """The sizes of the blobs that artefacts name."""
        return {file.sha256: file.size for _, file in self.files}


def stored_blobs(view: View) -> dict[str, int]:
    """Answer the sizes of the blobs that the artefacts of a store name."""
    tracking = view.tracking
    if tracking is None:
        return {}
    return {
        file.sha256: file.size for owner in _owners(tracking) for file in tracking.files(owner.id)
    }


def _owners(tracking: TrackingView) -> Iterator[Owner]:
    yield from tracking.every_run()
    yield from tracking.every_logged_model()


def records(view: View) -> Iterator[Record]:
    """Answer everything of tracking as records; nothing where a store keeps none."""
    tracking = view.tracking
    if tracking is None:
        return
    for experiment in tracking.every_experiment():
        yield _record("experiment", _experiment_body(experiment))
    for model in tracking.every_logged_model():
        yield _record("logged_model", _model_body(model))
        yield from _files(tracking, model)
    for run in tracking.every_run():
        yield _record("run", _run_body(run))
        yield from _files(tracking, run)
        yield from _points(tracking, run)
    for model in tracking.every_logged_model():
        for run_id, point in model.metrics:
            yield _record("points", {"run": run_id, "rows": [_row(point)]})


def _record(kind: str, body: Record) -> Record:
    return {"record": "tracking", "kind": kind, "body": body}


def _files(tracking: TrackingView, owner: Owner) -> Iterator[Record]:
    for file in tracking.files(owner.id):
        yield _record("artifact", {"of": owner.id, "path": file.path, "sha256": file.sha256,
                                   "size": file.size})  # fmt: skip


def _points(tracking: TrackingView, run: Run) -> Iterator[Record]:
    skip = 0
    while page := tracking.history(run.id, None, _PAGE, skip):
        yield _record("points", {"run": run.id, "rows": [_row(each) for each in page]})
        skip += len(page)


def _row(point: Point) -> Json:
    value: Json = point.value
    if not math.isfinite(point.value):
        value = "NaN" if math.isnan(point.value) else "Infinity" if point.value > 0 else "-Infinity"
    return [point.key, value, point.timestamp, point.step, point.model, point.dataset, point.digest]


def _experiment_body(experiment: Experiment) -> Record:
    return {
        "key": experiment.key, "project": experiment.project, "name": experiment.name,
        "tags": experiment.tags, "author": experiment.author, "created": experiment.created,
        "updated": experiment.updated, "deleted": experiment.deleted,
    }  # fmt: skip


def _run_body(run: Run) -> Record:
    datasets: list[Json] = [
        {"name": each.name, "digest": each.digest, "source_type": each.source_type,
         "source": each.source, "schema": each.schema, "profile": each.profile, "tags": each.tags}
        for each in run.datasets
    ]  # fmt: skip
    return {
        "id": run.id, "project": run.project, "experiment": run.experiment, "name": run.name,
        "status": run.status, "user": run.user, "start": run.start, "end": run.end,
        "author": run.author, "created": run.created, "deleted": run.deleted,
        "params": run.params, "tags": run.tags, "datasets": datasets,
        "links": [[each.kind, each.model, each.step] for each in run.links],
    }  # fmt: skip


def _model_body(model: LoggedModel) -> Record:
    return {
        "id": model.id, "project": model.project, "experiment": model.experiment,
        "name": model.name, "model_type": model.model_type, "run_id": model.run_id,
        "status": model.status, "author": model.author, "created": model.created,
        "updated": model.updated, "deleted": model.deleted, "params": model.params,
        "tags": model.tags,
    }  # fmt: skip


def take_record(tracked: Tracked, kind: object, body: Mapping[str, Any]) -> None:
    """Read one record. Raises `KeyError`, `TypeError`, `ValueError` or `Invalid` for nonsense."""
    if kind == "experiment":
        tracked.experiments.append(_experiment(body))
    elif kind == "run":
        run = _run(body)
        tracked.runs[run.id] = run
    elif kind == "logged_model":
        model = _model(body)
        tracked.models[model.id] = model
    elif kind == "points":
        tracked.points.append((str(body["run"]), [_point(row) for row in body["rows"]]))
    elif kind == "artifact":
        tracked.files.append((str(body["of"]), _file(body)))
    else:
        msg = f"there is no record of tracking called {kind!r}"
        raise ValueError(msg)


def _typed(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer a body of which each field is of its type. Raises `TypeError`."""
    for name, value in body.items():
        kinds: tuple[type, ...] = (str,)
        if name in _WHOLE:
            kinds = (int,)
        elif name in _MAPS:
            kinds = (dict,)
        elif name in _LISTS:
            kinds = (list,)
        absent = value is None and name in _OPTIONAL
        if not (absent or isinstance(value, kinds)) or isinstance(value, bool):
            msg = f"{name} is {value!r}"
            raise TypeError(msg)
        if name in _MAPS and not all(isinstance(each, str) for each in value.values()):
            msg = f"{name} holds what is no text"
            raise TypeError(msg)
    return body


def _experiment(body: Mapping[str, Any]) -> Experiment:
    made = Experiment(**_typed(body))
    check_project(made.project)
    check_tags(made.tags, _PAGE * _PAGE)
    _shaped(KEY, made.key)
    if made.key.startswith("0") and made.key != key_of(made.project, "0"):
        msg = f"the experiment {made.key} is not of {made.project}"
        raise ValueError(msg)
    return made


def _run(body: Mapping[str, Any]) -> Run:
    _typed(body)
    datasets = tuple(UsedDataset(**_typed(each)) for each in body["datasets"])
    links = tuple(_link(each) for each in body["links"])
    made = Run(**{**body, "datasets": datasets, "links": links})
    check_tags(made.tags)
    check_datasets(datasets)
    _shaped(RUN_ID, made.id)
    return made


def _shaped(shape: re.Pattern[str], text: str) -> None:
    if not shape.fullmatch(text):
        msg = f"{text!r} is no id"
        raise ValueError(msg)


def _link(row: Sequence[Any]) -> Link:
    kind, model, step = row
    if kind not in {"input", "output"} or not isinstance(model, str) or type(step) is not int:
        msg = f"a link of a run is {row!r}"
        raise TypeError(msg)
    return Link(kind, model, step)


def _model(body: Mapping[str, Any]) -> LoggedModel:
    made = LoggedModel(**_typed(body))
    check_tags(made.tags)
    _shaped(MODEL_ID, made.id)
    return made


def _point(row: Sequence[Any]) -> Point:
    key, value, timestamp, step, model, dataset, digest = row
    _typed({"key": key, "step": step, "created": timestamp, "model": model, "dataset": dataset,
            "digest": digest})  # fmt: skip
    number = _SPECIAL[value] if isinstance(value, str) else float(value)
    point = Point(key=key, value=number, timestamp=timestamp, step=step, model=model,
                  dataset=dataset, digest=digest)  # fmt: skip
    check_points([point])
    return point


def _file(body: Mapping[str, Any]) -> File:
    _typed(body)
    file = File(check_path(body["path"]), body["sha256"], body["size"])
    if len(bytes.fromhex(file.sha256)) != 32 or file.size < 0:  # noqa: PLR2004 - a sha256
        msg = f"the artifact {file.path!r} has no digest"
        raise ValueError(msg)
    return file


def check_whole(tracked: Tracked) -> None:
    """Refuse what belongs to nothing: a run of no experiment, an artefact of no run."""
    homes = {each.key: each.project for each in tracked.experiments}
    owners: list[Owner] = [*tracked.runs.values(), *tracked.models.values()]
    for owner in owners:
        if homes[owner.experiment] != owner.project:
            msg = f"{owner.id} is not of the project of its experiment"
            raise ValueError(msg)
    for identity, _ in tracked.files:
        tracked.owner(identity)
    for run_id, points in tracked.points:
        project = tracked.runs[run_id].project
        if any(each.model and tracked.models[each.model].project != project for each in points):
            msg = f"the run {run_id} measured a model of another project"
            raise ValueError(msg)


def take_in(unit: Unit, tracked: Tracked) -> None:
    """Keep everything. Raises `Unsupported` where the store keeps no runs and there are some."""
    if not tracked.experiments:
        return
    if unit.tracking is None:
        msg = (
            "the backup holds experiments and runs, which this registry cannot keep; "
            "restore it into one on SQLite or PostgreSQL"
        )
        raise Unsupported(msg)
    tracking = tracking_in(unit)
    for experiment in tracked.experiments:
        tracking.add_experiment(experiment)
    for model in tracked.models.values():
        tracking.add_logged_model(model)
    for run in tracked.runs.values():
        tracking.add_run(run)
    for run_id, points in tracked.points:
        tracking.add_points(run_id, points)
    for identity, file in tracked.files:
        tracking.put_file(tracked.owner(identity), file)


def body_of(record: Mapping[str, Json]) -> Mapping[str, Any]:
    """Answer the body of a record of tracking. Raises `TypeError` where it has none."""
    body = record["body"]
    if not isinstance(body, dict):
        msg = "a record of tracking has no body"
        raise TypeError(msg)
    return cast("Mapping[str, Any]", body)
