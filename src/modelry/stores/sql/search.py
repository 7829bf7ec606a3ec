"""Searches, compiled to SQL with bound parameters and paged by key.

A condition that is rare drives the query (see `drivers`); where none is rare,
the answer's order drives it, because a page then fills up soon. Either way the
time follows the page and not the registry.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, literal, select, true, tuple_

from modelry.core.errors import Invalid
from modelry.core.model import Version
from modelry.core.query import Both, Condition, Query
from modelry.core.strict_json import dumps, loads
from modelry.stores.sql import rows
from modelry.stores.sql.apart import apart
from modelry.stores.sql.conditions import IN_TIME, column, compare, meaning
from modelry.stores.sql.drivers import rarest
from modelry.stores.sql.tables import metrics, models, versions


def search(
    connection: Connection,
    query: Query,
    projects: Collection[str] | None,
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[Version], str | None]:
    """Answer one page of living versions that match, and the cursor of the next."""
    sort, source, bounds = _sort(query)
    wanted = and_(
        *bounds,
        versions.c.deleted.is_(None),
        apart(models.c.project).in_(sorted(projects)) if projects is not None else true(),
        meaning(query.where) if query.where is not None else true(),
    )
    driver = rarest(connection, query.where, projects)
    if driver is None:
        wanted = and_(wanted, *_in_time(query))
    else:
        # Sorted by an expression, so that no index of the order is walked to find a few.
        sort = [each + literal("" if isinstance(each.type, String) else 0) for each in sort]
        wanted = and_(wanted, versions.c.id.in_(driver.ids))
    if cursor is not None:
        place = _place(_read_cursor(cursor, query, sort), sort)
        key = tuple_(*sort)
        wanted = and_(wanted, key < place if query.order.descending else key > place)
    order = [each.desc() if query.order.descending else each.asc() for each in sort]
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
            compare(by.c.value, part)
            for part in (query.where.parts if isinstance(query.where, Both) else (query.where,))
            if isinstance(part, Condition)
            and (part.field, part.key) == ("metrics", query.order.key)
            and part.op != "exists"
        ]
        return [by.c.value, by.c.version_id], source, bounds
    return [versions.c.created, versions.c.id], source, []


def _in_time(query: Query) -> list[ColumnElement[bool]]:
    """Answer a condition whose index has what it selects in the order of the answer."""
    where = query.where
    if query.order.field != "created":
        return []
    parts = where.parts if isinstance(where, Both) else (where,)
    return [
        column(part)
        for part in parts
        if isinstance(part, Condition) and part.op == "=" and part.field in IN_TIME
    ][:1]


def _place(values: Sequence[Any], sort: Sequence[ColumnElement[Any]]) -> Any:  # noqa: ANN401 - a row value
    return tuple_(*[literal(v, each.type) for v, each in zip(values, sort, strict=True)])


def _mark(query: Query) -> str:
    return hashlib.sha256(query.text.encode()).hexdigest()[:12]


def _write_cursor(query: Query, place: Sequence[Any]) -> str:
    text = dumps([_mark(query), *place])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_cursor(cursor: str, query: Query, sort: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        value = loads(base64.urlsafe_b64decode(cursor.encode()), "the cursor")
    except (binascii.Error, ValueError, Invalid):
        value = None
    mark, *place = value if isinstance(value, list) and value else [None]
    if mark != _mark(query) or [type(each) for each in place] != [
        each.type.python_type for each in sort
    ]:
        msg = "the cursor does not belong to this search; begin again without it"
        raise Invalid(msg, cursor=cursor)
    return place
