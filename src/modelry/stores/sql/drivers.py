"""The rarest condition of a search, by counting.

A database without statistics of its own guesses badly which condition is the
rare one. So each condition that has an index is counted, up to a small bound.
What must all hold is driven by its rarest part, what is joined by `or` by the
rare versions of all its parts together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, literal, select, union_all

from modelry.core.names import fold
from modelry.core.query import Both, Condition, Either, Negation, Node, Value, Word
from modelry.stores.sql import conditions
from modelry.stores.sql.tables import (
    attributes,
    metrics,
    model_words,
    models,
    pointers,
    version_words,
    versions,
)

RARE = 400
"""Up to how many matches a condition counts as rare."""

VALUES = 64
"""Up to how many different values of a field are looked through."""

_OF_VERSIONS = frozenset(
    {"created", "size", "number", "stage", "author", "format", "framework", "run_id",
     "base", "digest", "version"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Driver:
    """The ids of all versions that a condition may hold for, `count` of them."""

    ids: Select[Any]
    count: int


def rarest(
    connection: Connection, where: Node | None, projects: Collection[str] | None
) -> Driver | None:
    """Answer the rarest condition that must hold, None if none is rare."""
    best = None if where is None else _best(connection, where)
    if projects is None or (best is not None and not best.count):
        return best
    ids = select(versions.c.id.label("id")).where(
        versions.c.model_id.in_(select(models.c.id).where(models.c.project.in_(sorted(projects))))
    )
    return _rarer(best, _counted(connection, ids))


def _best(connection: Connection, node: Node) -> Driver | None:
    if isinstance(node, Both):
        best = None
        for part in node.parts:
            best = _rarer(best, _best(connection, part))
            if best is not None and not best.count:
                break
        return best
    if isinstance(node, Either):
        return _united(connection, node)
    if isinstance(node, Condition) and node.op == "~" and node.field in conditions.FEW_VALUES:
        node = _listed(connection, node) or node
    ids = None if isinstance(node, Negation) else _ids(node)
    return None if ids is None else _counted(connection, ids)


def _listed(connection: Connection, node: Condition) -> Condition | None:
    """Answer `~` as a list of the values it holds for; None where there are many values."""
    column, wanted = conditions.values_of(node.field), fold(str(node.values[0]))
    found: list[Value] = []
    last: str | None = ""
    for _ in range(VALUES):
        after = select(column).where(column > last).order_by(column).limit(1)
        last = connection.execute(after).scalar()
        if last is None:
            return Condition(node.field, "", "in", tuple(found))
        found += [last] if wanted in fold(last) else []
    return None


def _united(connection: Connection, node: Either) -> Driver | None:
    found: list[Driver] = []
    for part in node.parts:
        driver = _best(connection, part)
        if driver is None or sum(each.count for each in found) + driver.count >= RARE:
            return None
        found.append(driver)
    ids = union_all(*[each.ids for each in found]).subquery()
    return Driver(select(ids.c.id), sum(each.count for each in found))


def _rarer(one: Driver | None, other: Driver | None) -> Driver | None:
    if one is None or other is None:
        return one or other
    return other if other.count < one.count else one


def _counted(connection: Connection, ids: Select[Any]) -> Driver | None:
    bounded = select(literal(1)).select_from(ids.limit(RARE).subquery()).subquery()
    count = connection.execute(select(func.count()).select_from(bounded)).scalar_one()
    return Driver(ids, count) if count < RARE else None


def _ids(node: Word | Condition) -> Select[Any] | None:
    """Answer the ids of the versions that `node` holds for, by an index; None without one."""
    if isinstance(node, Word):
        return _ids_of_word(node)
    if node.field in {"name", "project", "alias"}:
        return _ids_by_name(node)
    if node.op in {"!=", "~"}:
        return None
    if node.field in _OF_VERSIONS:
        return select(versions.c.id.label("id")).where(conditions.column(node))
    return _ids_beside(node)


def _ids_beside(node: Condition) -> Select[Any] | None:
    if node.field == "metrics":
        return select(metrics.c.version_id.label("id")).where(conditions.metric(node))
    if node.field in conditions.KINDS or node.field == "dataset":
        return select(attributes.c.version_id.label("id")).where(conditions.attribute(node))
    return None


def _ids_of_word(node: Word) -> Select[Any]:
    start, end = conditions.span(node.text)
    of_version = select(version_words.c.version_id.label("id")).where(
        version_words.c.word >= start, version_words.c.word < end)  # fmt: skip
    of_model = select(versions.c.id.label("id")).where(versions.c.model_id.in_(
        select(model_words.c.model_id).where(
            model_words.c.word >= start, model_words.c.word < end)))  # fmt: skip
    return select(union_all(of_version, of_model).subquery().c.id)


def _ids_by_name(node: Condition) -> Select[Any] | None:
    """Look through all names for `~`: of models and of aliases there are few."""
    if node.op == "!=":
        return None
    if node.field != "alias":
        of_models = select(models.c.id).where(conditions.column(node))
        return select(versions.c.id.label("id")).where(versions.c.model_id.in_(of_models))
    return select(versions.c.id.label("id")).join(pointers, and_(
        pointers.c.model_id == versions.c.model_id,
        pointers.c.number == versions.c.number)).where(conditions.alias(node))  # fmt: skip
