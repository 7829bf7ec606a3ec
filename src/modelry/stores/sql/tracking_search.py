"""Searches of tracking as SQL: each clause a subquery by the key of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    case,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from modelry.core.names import fold
from modelry.core.tracking.search import Clause, Order, Search
from modelry.stores.sql.tracking_tables import (
    experiments,
    inputs,
    latest,
    logged_models,
    measured,
    notes,
    runs,
)

Column = ColumnElement[Any]
_MILLI: Any = literal_column("1000")
_SLASH: Any = literal_column("'/'")


@dataclass(frozen=True, slots=True)
class Ground:
    """What is searched: its table, what it belongs to, its attributes, its own order."""

    table: Table
    owner: Column
    within: Column
    attributes: Mapping[str, Column]
    order: tuple[Column, ...]


def _id_of(key: Column) -> Column:
    """Answer the id that is in the key of an experiment: `0/project` is shown as `0`."""
    return case((key.like("0/%"), literal_column("'0'")), else_=key)


EXPERIMENTS = Ground(
    experiments,
    experiments.c.key,
    experiments.c.project,
    {
        "name": experiments.c.name,
        "experiment_id": _id_of(experiments.c.key),
        "creation_time": experiments.c.created // _MILLI,
        "last_update_time": experiments.c.updated // _MILLI,
    },
    (experiments.c.created.desc(), experiments.c.key),
)
RUNS = Ground(
    runs,
    runs.c.id,
    runs.c.experiment,
    {
        "run_id": runs.c.id,
        "run_name": runs.c.name,
        "status": runs.c.status,
        "user_id": runs.c.user,
        "artifact_uri": literal_column("'mlflow-artifacts:/'")
        + _id_of(runs.c.experiment) + _SLASH + runs.c.id + literal_column("'/artifacts'"),
        "start_time": runs.c.start,
        "end_time": runs.c.end,
    },
    (func.coalesce(runs.c.start, 0).desc(), runs.c.id),
)  # fmt: skip
MODELS = Ground(
    logged_models,
    logged_models.c.id,
    logged_models.c.experiment,
    {
        "name": logged_models.c.name,
        "model_id": logged_models.c.id,
        "model_type": logged_models.c.model_type,
        "status": logged_models.c.status,
        "source_run_id": logged_models.c.run_id,
        "creation_timestamp": logged_models.c.created // _MILLI,
        "last_updated_timestamp": logged_models.c.updated // _MILLI,
    },
    (logged_models.c.created.desc(), logged_models.c.id),
)


def found(ground: Ground, search: Search, sqlite: bool) -> Select[Any]:  # noqa: FBT001 - which LIKE
    """Write the query that answers the rows of a search, in its order."""
    table = ground.table
    query = select(table).where(ground.within.in_(search.within))
    if search.standing != "all":
        query = query.where(table.c.deleted.is_(None) == (search.standing == "active"))
    for clause in search.clauses:
        query = query.where(_holds(ground, clause, sqlite))
    order = [part for each in search.order for part in _sorted(ground, each)]
    return query.order_by(*order, *ground.order).limit(search.limit).offset(search.skip or None)


def _holds(ground: Ground, clause: Clause, sqlite: bool) -> Column:  # noqa: FBT001 - which LIKE
    if clause.entity == "attribute":
        return _compare(ground.attributes[clause.key], clause, sqlite)
    table, conditions = _place(ground, clause)
    if clause.op not in {"IS NULL", "IS NOT NULL"}:
        conditions.append(_compare(_value(table, clause.key), clause, sqlite))
    there: Column = exists(select(literal_column("1")).select_from(table).where(*conditions))
    return not_(there) if clause.op == "IS NULL" else there


def _place(ground: Ground, clause: Clause) -> tuple[Table, list[Column]]:
    """Answer where the values of a clause are, and which rows of there are meant."""
    if clause.entity == "dataset":
        return inputs, [inputs.c.run_id == ground.owner]
    if clause.entity != "metric":
        return notes, [
            notes.c.owner == ground.owner,
            notes.c.kind == clause.entity,
            notes.c.key == clause.key,
        ]
    table = measured if ground is MODELS else latest
    owner = measured.c.model if ground is MODELS else latest.c.run_id
    conditions = [owner == ground.owner]
    if clause.key:
        conditions.append(table.c.key == clause.key)
    if clause.op not in {"IS NULL", "IS NOT NULL"}:
        conditions.append(table.c.missing == 0)
    if clause.datasets:
        conditions.append(or_(*(_on_dataset(name, digest) for name, digest in clause.datasets)))
    return table, conditions


def _on_dataset(name: str, digest: str | None) -> Column:
    same = measured.c.dataset == name
    return same if digest is None else and_(same, measured.c.digest == digest)


def _value(table: Table, key: str) -> Column:
    return table.c[key] if table is inputs else table.c.value


def _compare(column: Column, clause: Clause, sqlite: bool) -> Column:  # noqa: FBT001, PLR0911 - one for each kind of operator
    value = clause.value
    if clause.op == "IN":
        return column.in_(value)  # type: ignore[arg-type]  # a list, by the grammar
    if clause.op == "NOT IN":
        return column.not_in(value)  # type: ignore[arg-type]  # a list, by the grammar
    if clause.op == "LIKE":
        # LIKE of SQLite knows no letter case in ASCII; GLOB does
        return column.op("GLOB")(glob(str(value))) if sqlite else column.like(_unescaped(value))
    if clause.op == "ILIKE":
        return func.lower(column).like(_unescaped(fold(str(value))))
    if clause.op == "IS NULL":
        return column.is_(None)
    if clause.op == "IS NOT NULL":
        return column.is_not(None)
    return column.op(clause.op, is_comparison=True)(value)


def _unescaped(value: object) -> str:
    """Let a backslash in a pattern mean itself: PostgreSQL takes it for an escape."""
    return str(value).replace("\\", "\\\\")


def glob(pattern: str) -> str:
    """Answer a pattern of LIKE as one of GLOB, whose own wildcards mean themselves."""
    known = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(known.get(character, character) for character in pattern)


def _sorted(ground: Ground, order: Order) -> list[Column]:
    """Answer what to sort by: what lacks it last, a NaN before that, then the value."""
    missing: Column | None = None
    if order.entity == "attribute":
        value = ground.attributes[order.key]
    elif order.entity == "metric":
        value, missing = _metric(ground, order, "value"), _metric(ground, order, "missing")
    else:
        value = select(notes.c.value).where(
            notes.c.owner == ground.owner, notes.c.kind == order.entity, notes.c.key == order.key,
        ).scalar_subquery()  # fmt: skip
    lacking = case((value.is_(None), 2), else_=0 if missing is None else missing)
    return [lacking, value.desc() if order.descending else value.asc()]


def _metric(ground: Ground, order: Order, column: str) -> Column:
    if ground is not MODELS:
        return select(latest.c[column]).where(
            latest.c.run_id == ground.owner, latest.c.key == order.key).scalar_subquery()  # fmt: skip
    query = select(measured.c[column]).where(
        measured.c.model == ground.owner, measured.c.key == order.key)  # fmt: skip
    if order.dataset is not None:
        query = query.where(_on_dataset(*order.dataset))
    last = query.order_by(
        measured.c.timestamp.desc(),
        measured.c.step.desc(),
        measured.c.run_id,
        measured.c.value.desc(),
    )
    return last.limit(1).scalar_subquery()
