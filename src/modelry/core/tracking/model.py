"""The nouns of tracking, as frozen dataclasses that know no storage.

Times that a client tells (start, end, of a measurement) are milliseconds since
1970 UTC, as MLflow has them; `created`, `updated` and `deleted` are the
registry's own, in microseconds like all else in the core.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DEFAULT = "0"
"""The id of a project's own experiment, which is there when it is first needed."""

DEFAULT_NAME = "Default"
RUN_NAME = "mlflow.runName"
"""The tag that is a run's name, and stays the same as it."""

LinkKind = Literal["input", "output"]
Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
ModelStatus = Literal["PENDING", "READY", "UPLOAD_FAILED"]


def key_of(project: str, experiment_id: str) -> str:
    """Answer under which key an experiment is kept: its id, which is `0` in every project once."""
    return f"{DEFAULT}/{project}" if experiment_id == DEFAULT else experiment_id


def id_of(key: str) -> str:
    """Answer the id of the experiment that is kept under `key`: a decimal text."""
    return key.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A named set of runs in a project; `key` is unique among all projects."""

    key: str
    project: str
    name: str
    tags: Mapping[str, str]
    author: str
    created: int
    updated: int
    deleted: int | None = None

    @property
    def id(self) -> str:
        """The id as clients know it."""
        return id_of(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement: a value at a step and a time. NaN and infinities are values too.

    `model` is the logged model that was measured, `dataset` and `digest` say on what.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0
    model: str | None = None
    dataset: str | None = None
    digest: str | None = None

    @property
    def place(self) -> tuple[str, int, int, float, bool]:
        """What makes a measurement the same as another of its run."""
        missing = math.isnan(self.value)
        return self.key, self.step, self.timestamp, 0.0 if missing else self.value, missing


def newer(point: Point, known: Point) -> bool:
    """Say whether `point` is what a metric stands at, rather than `known`.

    The highest step counts, then the latest time, then the highest value; to
    all three NaN is as nothing.
    """
    return _rank(point) > _rank(known)


def _rank(point: Point) -> tuple[int, int, float]:
    return point.step, point.timestamp, 0.0 if math.isnan(point.value) else point.value


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedDataset:
    """A data set that a run read; `source` tells where it is, as JSON or plain text."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str | None = None
    profile: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A logged model that a run read or made, at a step."""

    kind: LinkKind
    model: str
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: what it was told, what it measured, what it read and made.

    `metrics` holds the point at which each metric stands, sorted by key.
    """

    id: str
    project: str
    experiment: str
    name: str
    status: Status
    user: str
    start: int | None
    end: int | None
    author: str
    created: int
    deleted: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Point, ...] = ()
    datasets: tuple[UsedDataset, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def experiment_id(self) -> str:
        """The id of its experiment as clients know it."""
        return id_of(self.experiment)

    @property
    def artifact_root(self) -> str:
        """Where its artefacts are, below the root of all of them."""
        return f"{self.experiment_id}/{self.id}/artifacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedModel:
    """A model that a run saved: its files are artefacts of its own.

    `metrics` holds all that was measured of it, with the run of each.
    """

    id: str
    project: str
    experiment: str
    name: str
    model_type: str
    run_id: str | None
    status: ModelStatus
    author: str
    created: int
    updated: int
    deleted: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[tuple[str, Point], ...] = ()

    @property
    def experiment_id(self) -> str:
        """The id of its experiment as clients know it."""
        return id_of(self.experiment)

    @property
    def artifact_root(self) -> str:
        """Where its files are, below the root of all artefacts."""
        return f"{self.experiment_id}/models/{self.id}/artifacts"


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A data set that some run of an experiment read, and what for."""

    experiment: str
    name: str
    digest: str
    context: str | None = None


Owner = Run | LoggedModel
"""What has artefacts of its own."""
