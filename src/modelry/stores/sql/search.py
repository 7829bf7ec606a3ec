"""Searches, compiled to SQL with bound parameters and paged by key.

A database without statistics of its own guesses badly which condition is the
rare one. So each condition that has an index is first counted up to a small
bound. The rarest then drives the query; where none is rare, the answer's
order drives it, because a page then fills up soon. Either way the time
follows the page and not the registry.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    tuple_,
)

from modelry.core.errors import Invalid
from modelry.core.model import Version
from modelry.core.query import Both, Condition, Either, Negation, Node, Query, Value, Word
from modelry.core.strict_json import dumps, loads
from modelry.stores.sql import rows
from modelry.stores.sql.tables import (
    MAX_WORD,
    START,
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

_KINDS = {"params": "param", "tags": "tag"}
_COLUMNS: dict[str, ColumnElement[Any]] = {
    "number": versions.c.number,
    "size": versions.c.size,
    "created": versions.c.created,
    "stage": versions.c.stage,
    "author": versions.c.author,
    "description": versions.c.description,
    "digest": versions.c.digest,
    "format": versions.c.format,
    "framework": versions.c.framework,
    "run_id": versions.c.run_id,
    "base": versions.c.base,
    "project": models.c.project,
}
_FOLDED = {"name": models.c.name_key, "version": versions.c.label_key}


def search(
    connection: Connection, query: Query, project: str | None, cursor: str | None, limit: int
) -> tuple[Sequence[Version], str | None]:
    """Answer one page of living versions that match, and the cursor of the next."""
    sort, source, bounds = _sort(query)
    wanted = and_(
        *bounds,
        versions.c.deleted.is_(None),
        models.c.project == project if project is not None else true(),
        _where(query.where) if query.where is not None else true(),
    )
    driver = _rarest(connection, query.where)
    if driver is not None:
        # Sorted by an expression, so that no index of the order is walked to find a few.
        sort = [column + literal("" if isinstance(column.type, String) else 0) for column in sort]
        wanted = and_(wanted, driver)
    if cursor is not None:
        place = tuple_(*[literal(value) for value in _read_cursor(cursor, query, len(sort))])
        key = tuple_(*sort)
        wanted = and_(wanted, key < place if query.order.descending else key > place)
    order = [column.desc() if query.order.descending else column.asc() for column in sort]
    page = (
        select(*rows.VERSION_COLUMNS, *sort)
        .select_from(source)
        .where(wanted)
        .order_by(*order)
        .limit(limit + 1)
    )
    found = connection.execute(page).fetchall()
    more = found[limit - 1][-len(sort) :] if len(found) > limit else None
    answer = [rows.version(row[: -len(sort)]) for row in found[:limit]]
    return answer, _write_cursor(query, more) if more is not None else None


def _sort(query: Query) -> tuple[list[ColumnElement[Any]], Any, list[ColumnElement[bool]]]:
    """Answer what to sort by, the tables, and conditions that the sorting column must meet."""
    source = versions.join(models, models.c.id == versions.c.model_id)
    if query.order.field == "name":
        by_name = models.join(versions, models.c.id == versions.c.model_id)
        return [models.c.name_key, models.c.project, versions.c.number], by_name, []
    if query.order.field == "metrics":
        by = metrics.alias()
        source = source.join(
            by, and_(by.c.version_id == versions.c.id, by.c.name == query.order.key)
        )
        bounds = [
            _compare(by.c.value, part)
            for part in (query.where.parts if isinstance(query.where, Both) else (query.where,))
            if isinstance(part, Condition)
            and (part.field, part.key) == ("metrics", query.order.key)
            and part.op != "exists"
        ]
        return [by.c.value, by.c.version_id], source, bounds
    return [versions.c.created, versions.c.id], source, []


def _mark(query: Query) -> str:
    return hashlib.sha256(query.text.encode()).hexdigest()[:12]


def _write_cursor(query: Query, place: Sequence[Any]) -> str:
    text = dumps([_mark(query), *place])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_cursor(cursor: str, query: Query, length: int) -> list[Any]:
    try:
        value = loads(base64.urlsafe_b64decode(cursor.encode()), "the cursor")
    except (binascii.Error, ValueError, Invalid):
        value = None
    place = list(value) if isinstance(value, list) else []
    plain = all(isinstance(each, int | float | str) for each in place)
    if not plain or len(place) != length + 1 or place[0] != _mark(query):
        msg = "the cursor does not belong to this search; begin again without it"
        raise Invalid(msg, cursor=cursor)
    return place[1:]


def _rarest(connection: Connection, where: Node | None) -> ColumnElement[bool] | None:
    """Answer the rarest condition that must hold, as a list of ids; None if none is rare."""
    best, least = None, RARE
    for ids in _drivers(where):
        bounded = select(literal(1)).select_from(ids.limit(least).subquery()).subquery()
        count = connection.execute(select(func.count()).select_from(bounded)).scalar_one()
        if count < least:
            best, least = versions.c.id.in_(ids), count
        if not least:
            break
    return best


def _drivers(where: Node | None) -> Iterator[Select[Any]]:
    """Answer, for each indexed condition that must hold, the ids of its versions."""
    if isinstance(where, Both):
        for part in where.parts:
            yield from _drivers(part)
    elif isinstance(where, Word):
        start, end = _span(where.text)
        of_version = select(version_words.c.version_id.label("id")).where(
            version_words.c.word >= start, version_words.c.word < end)  # fmt: skip
        of_model = select(versions.c.id.label("id")).where(versions.c.model_id.in_(
            select(model_words.c.model_id).where(
                model_words.c.word >= start, model_words.c.word < end)))  # fmt: skip
        yield select(of_version.union_all(of_model).subquery().c.id)
    elif isinstance(where, Condition) and where.op not in {"!=", "~"}:
        yield from _condition_drivers(where)


def _condition_drivers(where: Condition) -> Iterator[Select[Any]]:
    if where.field == "metrics":
        yield select(metrics.c.version_id).where(_metric(where))
    elif where.field in _KINDS:
        yield select(attributes.c.version_id).where(_attribute(where))
    elif where.field == "alias":
        yield select(versions.c.id).join(pointers, and_(
            pointers.c.model_id == versions.c.model_id,
            pointers.c.number == versions.c.number)).where(_alias(where))  # fmt: skip
    elif where.field in {"name", "created", "run_id"}:
        yield (
            select(versions.c.id)
            .select_from(versions.join(models, models.c.id == versions.c.model_id))
            .where(_column(where))
        )


def _where(node: Node) -> ColumnElement[bool]:
    if isinstance(node, Both):
        return and_(*[_where(part) for part in node.parts])
    if isinstance(node, Either):
        return or_(*[_where(part) for part in node.parts])
    if isinstance(node, Negation):
        return not_(func.coalesce(_where(node.part), literal(value=False)))
    return _word(node) if isinstance(node, Word) else _condition(node)


def _span(word: str) -> tuple[str, str]:
    start = word[:MAX_WORD]
    return start, start + "\U0010ffff"


def _word(node: Word) -> ColumnElement[bool]:
    start, end = _span(node.text)
    return or_(
        _some(version_words.c.version_id == versions.c.id,
              version_words.c.word >= start, version_words.c.word < end),
        _some(model_words.c.model_id == versions.c.model_id,
              model_words.c.word >= start, model_words.c.word < end),
    )  # fmt: skip


def _condition(node: Condition) -> ColumnElement[bool]:
    if node.field == "metrics":
        return _some(metrics.c.version_id == versions.c.id, _metric(node))
    if node.field in _KINDS or node.field == "dataset":
        return _some(attributes.c.version_id == versions.c.id, _attribute(node))
    if node.field == "alias":
        return _some(
            pointers.c.model_id == versions.c.model_id,
            pointers.c.number == versions.c.number,
            _alias(node),
        )
    return _column(node)


def _some(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say that there is a row beside the version for which all of `conditions` hold."""
    return select(literal(1)).where(*conditions).correlate(versions).exists()


def _metric(node: Condition) -> ColumnElement[bool]:
    named = metrics.c.name == node.key
    return named if node.op == "exists" else and_(named, _compare(metrics.c.value, node))


def _attribute(node: Condition) -> ColumnElement[bool]:
    if node.field == "dataset":
        return and_(attributes.c.kind == "dataset", _compare(attributes.c.name, node))
    named = and_(attributes.c.kind == _KINDS[node.field], attributes.c.name == node.key)
    if node.op == "exists":
        return named
    if node.op in {"<", "<=", ">", ">="}:
        return and_(named, _compare(attributes.c.number, node))
    return and_(named, _equal_text(node))


def _equal_text(node: Condition) -> ColumnElement[bool]:
    """Compare text by its indexed start first; a number also by its value."""
    if node.op == "~":
        return _compare(attributes.c.value, node)
    same: list[ColumnElement[bool]] = []
    for value in node.values:
        text = str(value)
        same.append(and_(attributes.c.start == text[:START], attributes.c.value == text))
        number = _finite(text) if node.field == "params" else None
        if number is not None:
            same.append(attributes.c.number == number)
    return not_(func.coalesce(or_(*same), literal(value=False))) if node.op == "!=" else or_(*same)


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _alias(node: Condition) -> ColumnElement[bool]:
    lowered = Condition(node.field, "", node.op, tuple(str(value).lower() for value in node.values))
    return and_(pointers.c.kind == "alias", _compare(pointers.c.name, lowered))


def _column(node: Condition) -> ColumnElement[bool]:
    if node.field in _FOLDED:
        fold: Callable[[str], str] = str.lower
        if node.field == "version" and node.op != "~":
            fold = _label
        values = tuple(fold(str(value)) for value in node.values)
        return _compare(_FOLDED[node.field], Condition(node.field, "", node.op, values))
    if node.field in {"stage", "project"}:
        values = tuple(str(value).lower() for value in node.values)
        return _compare(_COLUMNS[node.field], Condition(node.field, "", node.op, values))
    if node.field == "digest" and node.op in {"=", "!=", "in"}:
        values = tuple(f"sha256:{str(value).removeprefix('sha256:')}" for value in node.values)
        return _compare(_COLUMNS["digest"], Condition(node.field, "", node.op, values))
    return _compare(_COLUMNS[node.field], node)


def _label(text: str) -> str:
    lowered = text.lower()
    return lowered[1:] if lowered[:1] == "v" and lowered[1:2].isdigit() else lowered


def _compare(column: ColumnElement[Any], node: Condition) -> ColumnElement[bool]:
    value: Value = node.values[0]
    operators: dict[str, Callable[[], ColumnElement[bool]]] = {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
        "in": lambda: column.in_(node.values),
        "~": lambda: func.lower(column).contains(str(value).lower(), autoescape=True),
    }
    return operators[node.op]()
