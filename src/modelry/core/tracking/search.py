"""Searches over experiments, runs and logged models, as values: a store evaluates them.

A clause holds where the attribute, metric, parameter, tag or data set that it
names is there and compares so; what is absent never matches, but for `IS NULL`.
Metrics compare as numbers (NaN as nothing does), all else as text, by code points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Entity = Literal["attribute", "metric", "param", "tag", "dataset"]
Op = Literal[
    "=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"
]
Standing = Literal["active", "deleted", "all"]
Value = str | float | tuple[str, ...] | None

EXPERIMENT_FIELDS = {
    "name": "text",
    "creation_time": "number",
    "last_update_time": "number",
    "experiment_id": "text",
}
RUN_FIELDS = {
    "run_id": "text",
    "run_name": "text",
    "status": "text",
    "user_id": "text",
    "artifact_uri": "text",
    "start_time": "number",
    "end_time": "number",
}
MODEL_FIELDS = {
    "name": "text",
    "model_id": "text",
    "model_type": "text",
    "status": "text",
    "source_run_id": "text",
    "creation_timestamp": "number",
    "last_updated_timestamp": "number",
}
"""The attributes that can be searched and sorted by; times are in milliseconds."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition. The data set fields are `name`, `digest` and `context`.

    A metric of a logged model may be meant on one data set alone: `dataset`, `digest`.
    """

    entity: Entity
    key: str
    op: Op
    value: Value = None
    datasets: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to sort by; what lacks it comes last, whichever way."""

    entity: Entity
    key: str
    descending: bool = False
    dataset: tuple[str, str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search among the things of `within`: experiments by key, or a project for experiments."""

    within: tuple[str, ...]
    clauses: tuple[Clause, ...] = ()
    order: tuple[Order, ...] = ()
    standing: Standing = "active"
    limit: int = 1000
    skip: int = 0
