"""From rows of tracking to nouns, and back."""

from __future__ import annotations

import json
import math
from typing import Any

from modelry.core.model import File
from modelry.core.strict_json import dumps
from modelry.core.tracking.model import Experiment, Link, LoggedModel, Point, Run, UsedDataset
from modelry.stores.sql.tracking_tables import artifacts, inputs, latest, links, measured, points

Row = Any

POINT_COLUMNS = (
    points.c.key,
    points.c.value,
    points.c.missing,
    points.c.timestamp,
    points.c.step,
)
MEASURED_COLUMNS = (
    *(measured.c[column.name] for column in POINT_COLUMNS),
    measured.c.model,
    measured.c.dataset,
    measured.c.digest,
)
LATEST_COLUMNS = tuple(latest.c[column.name] for column in POINT_COLUMNS)
INPUT_COLUMNS = (
    inputs.c.name,
    inputs.c.digest,
    inputs.c.source_type,
    inputs.c.source,
    inputs.c.schema,
    inputs.c.profile,
    inputs.c.tags,
)
LINK_COLUMNS = (links.c.kind, links.c.model, links.c.step)
FILE_COLUMNS = (artifacts.c.path, artifacts.c.sha256, artifacts.c.size)


def point(row: Row) -> Point:
    """Make a point of a row of `POINT_COLUMNS`, or of `MEASURED_COLUMNS`."""
    key, value, missing, timestamp, step, *more = row
    model, dataset, digest = more or (None, None, None)
    return Point(
        key=key,
        value=math.nan if missing else float(value),
        timestamp=timestamp,
        step=step,
        model=model,
        dataset=dataset,
        digest=digest,
    )


def point_row(run_id: str, point: Point) -> dict[str, object]:
    """Answer the row that keeps a point of a run."""
    key, step, timestamp, value, missing = point.place
    return {
        "run_id": run_id, "key": key, "timestamp": timestamp, "step": step,
        "missing": int(missing), "value": value,
    }  # fmt: skip


def measured_row(run_id: str, point: Point) -> dict[str, object]:
    """Answer the row that keeps what was measured of a logged model."""
    of_model = {"model": point.model, "dataset": point.dataset, "digest": point.digest}
    return {**point_row(run_id, point), **of_model}


def dataset(row: Row) -> UsedDataset:
    """Make a data set of a row of `INPUT_COLUMNS`."""
    name, digest, source_type, source, schema, profile, tags = row
    return UsedDataset(
        name=name,
        digest=digest,
        source_type=source_type,
        source=source,
        schema=schema,
        profile=profile,
        tags=json.loads(tags),
    )


def dataset_row(run_id: str, at: int, used: UsedDataset) -> dict[str, object]:
    """Answer the row that keeps a data set, the one at place `at` of its run."""
    return {
        "run_id": run_id, "name": used.name, "digest": used.digest, "at": at,
        "source_type": used.source_type, "source": used.source, "schema": used.schema,
        "profile": used.profile, "tags": dumps(used.tags),
        "context": used.tags.get("mlflow.data.context"),
    }  # fmt: skip


def link(row: Row) -> Link:
    """Make a link of a row of `LINK_COLUMNS`."""
    return Link(*row)


def file(row: Row) -> File:
    """Make a file of a row of `FILE_COLUMNS`."""
    return File(*row)


def experiment(row: Row, tags: dict[str, str]) -> Experiment:
    """Make an experiment of its row."""
    return Experiment(
        key=row.key,
        project=row.project,
        name=row.name,
        tags=tags,
        author=row.author,
        created=row.created,
        updated=row.updated,
        deleted=row.deleted,
    )


def bare_run(row: Row) -> Run:
    """Make a run of its row, without what it logged."""
    return Run(
        id=row.id,
        project=row.project,
        experiment=row.experiment,
        name=row.name,
        status=row.status,
        user=row.user,
        start=row.start,
        end=row.end,
        author=row.author,
        created=row.created,
        deleted=row.deleted,
    )


def run_fields(run: Run) -> dict[str, object]:
    """Answer what may change about a run, as columns."""
    return {
        "name": run.name, "status": run.status, "start": run.start, "end": run.end,
        "deleted": run.deleted,
    }  # fmt: skip


def run_row(run: Run) -> dict[str, object]:
    """Answer the row that keeps a run."""
    return {
        **run_fields(run), "id": run.id, "project": run.project, "experiment": run.experiment,
        "user": run.user, "author": run.author, "created": run.created,
    }  # fmt: skip


def model_fields(model: LoggedModel) -> dict[str, object]:
    """Answer what may change about a logged model, as columns."""
    return {"status": model.status, "updated": model.updated, "deleted": model.deleted}


def model_row(model: LoggedModel) -> dict[str, object]:
    """Answer the row that keeps a logged model."""
    return {
        **model_fields(model), "id": model.id, "project": model.project,
        "experiment": model.experiment, "name": model.name, "model_type": model.model_type,
        "run_id": model.run_id, "author": model.author, "created": model.created,
    }  # fmt: skip
