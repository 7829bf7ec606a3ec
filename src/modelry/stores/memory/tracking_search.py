"""Searches of tracking evaluated noun by noun: the meaning that the SQL must have too."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from modelry.core.names import fold
from modelry.core.tracking.model import Experiment, LoggedModel, Point, Run
from modelry.core.tracking.search import Clause, Order, Search, Value

Noun = Experiment | Run | LoggedModel
N = TypeVar("N", Experiment, Run, LoggedModel)

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge,
    "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def found(nouns: Sequence[N], search: Search) -> Sequence[N]:
    """Answer those that a search finds, in its order."""
    chosen = [
        noun
        for noun in nouns
        if search.standing in {"all", "active" if noun.deleted is None else "deleted"}
        and all(_holds(noun, clause) for clause in search.clauses)
    ]
    chosen.sort(key=_natural)
    for order in reversed(search.order):
        chosen = _sorted(chosen, order)
    return chosen[search.skip : search.skip + search.limit]


def _natural(noun: Noun) -> tuple[int, str]:
    if isinstance(noun, Run):
        return -(noun.start or 0), noun.id
    return -noun.created, noun.key if isinstance(noun, Experiment) else noun.id


def _sorted(nouns: list[N], order: Order) -> list[N]:
    """Sort stably; what lacks the value comes last, and a NaN before that."""
    having, missing, lacking = list[N](), list[N](), list[N]()
    for noun in nouns:
        value = _sort_value(noun, order)
        if value is None:
            lacking.append(noun)
        elif isinstance(value, float) and math.isnan(value):
            missing.append(noun)
        else:
            having.append(noun)
    having.sort(key=lambda noun: _sort_value(noun, order), reverse=order.descending)  # type: ignore[arg-type, return-value]  # numbers or text
    return having + missing + lacking


def _sort_value(noun: Noun, order: Order) -> Value:
    if order.entity == "attribute":
        return attribute(noun, order.key)
    if order.entity == "metric":
        return _sort_metric(noun, order)
    return _notes(noun, order.entity).get(order.key)


def _sort_metric(noun: Noun, order: Order) -> float | None:
    if isinstance(noun, LoggedModel):
        wanted = [
            (run_id, point)
            for run_id, point in noun.metrics
            if point.key == order.key
            and (order.dataset is None or _on(point, [order.dataset]))
        ]  # fmt: skip
        wanted.sort(key=lambda each: (-each[1].timestamp, -each[1].step, each[0], -each[1].value))
        return wanted[0][1].value if wanted else None
    return next((each.value for each in _points(noun) if each.key == order.key), None)


def _points(noun: Noun) -> Iterator[Point]:
    if isinstance(noun, Run):
        yield from noun.metrics
    elif isinstance(noun, LoggedModel):
        yield from (point for _, point in noun.metrics)


def _notes(noun: Noun, entity: str) -> Mapping[str, str]:
    if entity == "param":
        return {} if isinstance(noun, Experiment) else noun.params
    return noun.tags


def attribute(noun: Noun, name: str) -> Value:
    """Answer the attribute of a noun that has this name in a search."""
    facts: dict[str, Value]
    if isinstance(noun, Experiment):
        facts = {
            "name": noun.name,
            "experiment_id": noun.id,
            "creation_time": noun.created // 1000,
            "last_update_time": noun.updated // 1000,
        }
    elif isinstance(noun, Run):
        facts = {
            "run_id": noun.id,
            "run_name": noun.name,
            "status": noun.status,
            "user_id": noun.user,
            "artifact_uri": f"mlflow-artifacts:/{noun.artifact_root}",
            "start_time": noun.start,
            "end_time": noun.end,
        }
    else:
        facts = {
            "name": noun.name,
            "model_id": noun.id,
            "model_type": noun.model_type,
            "status": noun.status,
            "source_run_id": noun.run_id,
            "creation_timestamp": noun.created // 1000,
            "last_updated_timestamp": noun.updated // 1000,
        }
    return facts[name]


def _holds(noun: Noun, clause: Clause) -> bool:
    values = list(_values(noun, clause))
    if clause.op in {"IS NULL", "IS NOT NULL"}:
        return bool(values) == (clause.op == "IS NOT NULL")
    return any(_compare(value, clause) for value in values)


def _values(noun: Noun, clause: Clause) -> Iterator[Value]:
    if clause.entity == "attribute":
        value = attribute(noun, clause.key)
        yield from [] if value is None else [value]
    elif clause.entity == "metric":
        for point in _points(noun):
            if clause.key in {"", point.key} and (
                not clause.datasets or _on(point, clause.datasets)
            ):
                yield point.value
    elif clause.entity == "dataset":
        for each in noun.datasets if isinstance(noun, Run) else ():
            context = each.tags.get("mlflow.data.context")
            value = {"name": each.name, "digest": each.digest, "context": context}[clause.key]
            yield from [] if value is None else [value]
    elif clause.key in _notes(noun, clause.entity):
        yield _notes(noun, clause.entity)[clause.key]


def _on(point: Point, datasets: Sequence[tuple[str, str | None]]) -> bool:
    return any(
        point.dataset == name and digest in {None, point.digest} for name, digest in datasets
    )


def _compare(value: Value, clause: Clause) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    if clause.op in {"IN", "NOT IN"}:
        return (value in (clause.value or ())) == (clause.op == "IN")  # type: ignore[operator]  # a list, by the grammar
    if clause.op == "LIKE":
        return _like(str(value), str(clause.value))
    if clause.op == "ILIKE":
        return _like(fold(str(value)), fold(str(clause.value)))
    return _COMPARE[clause.op](value, clause.value)


def _like(text: str, pattern: str) -> bool:
    known = {"%": ".*", "_": "."}
    shape = "".join(known.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(shape, text, re.DOTALL) is not None
