"""Selections compiled to SQL: exact names and rare tags drive, pages are read last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from modelry.core.model import Model, Pointer
from modelry.core.selection import CHANGES_OF_MODEL, FoundVersion, Front, Outline, Selection
from modelry.core.strict_json import dumps
from modelry.stores.sql import rows
from modelry.stores.sql.apart import apart
from modelry.stores.sql.matching import (
    Shape,
    Tongue,
    barred,
    given_for,
    is_exact,
    model_holds,
    order,
    ready,
    shape_of,
    version_holds,
)
from modelry.stores.sql.newest import NewestLook
from modelry.stores.sql.statement import Statement, first_of
from modelry.stores.sql.tables import counts, events, models, pointers, versions

_OF_MODEL = sorted(map(str, CHANGES_OF_MODEL))
_CHAIN: ColumnElement[str] = models.c.project + literal("/") + models.c.name_key


def _last_of_model(chain: Any) -> ScalarSelect[Any]:  # noqa: ANN401 - a column or a value
    return (
        select(events.c.at)
        .where(events.c.chain == chain, or_(*[events.c.kind == kind for kind in _OF_MODEL]))
        .order_by(events.c.seq.desc())
        .limit(1)
        .correlate(models)
        .scalar_subquery()
    )


_MODEL_CHANGED = func.coalesce(_last_of_model(_CHAIN), models.c.created)
_ONE_CHANGE = Statement(
    select(versions.c.changed).where(
        versions.c.model_id == bindparam("model"), versions.c.number == bindparam("number")
    )
)
_CHANGES = Statement(
    select(versions.c.number, versions.c.changed).where(versions.c.model_id == bindparam("model"))
)


class SelectionLook(NewestLook):
    """The part of `View` about selections."""

    _is_still = False
    """Whether nothing can change that is looked at."""
    _told: Mapping[int, int] = {}
    """When models changed that were selected, by their ids."""

    def select_models(self, project: str, selection: Selection) -> Sequence[Model]:
        """See `View.select_models`."""
        dialect = self._driver.connection.dialect.name
        query = _models_query(dialect, shape_of(selection))
        found = self._rows(query, **given_for(project, selection))
        if dialect == "sqlite":
            return [rows.model(row) for row in found]
        if self._is_still:
            self._told = {row[0]: row[-1] for row in found}
        return [rows.model(row[:-1]) for row in found]

    def select_versions(self, project: str, selection: Selection) -> Sequence[FoundVersion]:
        """See `View.select_versions`: first which, then all of them, in one question or in two."""
        dialect, shape = self._driver.connection.dialect.name, shape_of(selection)
        given = given_for(project, selection)
        if dialect != "sqlite":
            return [found_in(row) for row in self._rows(_page_query(dialect, shape), **given)]
        which = self._newest(project, selection)
        if which is None:
            which = [row[0] for row in self._rows(_versions_query(dialect, shape), **given)]
        found = {row[0]: found_in(row) for row in self._rows(_READING, ids=dumps(which))}
        return [found[each] for each in which]

    def fronts(self, some: Sequence[Model]) -> Sequence[Front]:
        """See `View.fronts`: a few queries, however many models, asked together where they can."""
        highest, named_by, changes = _front_queries(self._driver.connection.dialect.name)
        ids = [model.id for model in some]
        given, changed = {"ids": dumps(ids)}, self._told
        asked = (highest, named_by) if changed.keys() >= set(ids) else (highest, named_by, changes)
        for each in asked[1:]:
            self._driver.foresee(each, given)
        heights, aliases, *others = (self._rows(each, **given) for each in asked)
        for found in others:
            changed = dict(map(tuple, found))
        latest: dict[int, list[tuple[Outline, int]]] = {}
        for row in heights:
            version, model, at = rows.outline(row)
            latest.setdefault(model, []).append((version, at))
        named: dict[int, list[Pointer]] = {}
        for row in aliases:
            named.setdefault(row[0], []).append(rows.pointer(row[1:]))
        return [
            rows.made(Front, (changed[each.id], latest.get(each.id, ()), named.get(each.id, ())))
            for each in some
        ]

    def changed(self, model: Model, number: int) -> int:
        """See `View.changed`."""
        row = self._row(_ONE_CHANGE, model=model.id, number=number)
        return int(row[0]) if row else 0

    def changes(self, model: Model) -> dict[int, int]:
        """See `View.changes`."""
        return dict(map(tuple, self._rows(_CHANGES, model=model.id)))


@cache
def _models_query(dialect: str, shape: Shape) -> Select[Any] | Statement:
    tongue = Tongue(dialect)
    matches, sorts, barring = shape
    wanted = [models.c.project == bindparam("project"), models.c.deleted.is_(None)]
    wanted += [model_holds(tongue, at, *match) for at, match in enumerate(matches)]
    if barring:
        tag = func.coalesce(tongue.member(models.c.tags, bindparam("barred_key")), "")
        wanted.append(tag != bindparam("barred"))
    by = {"name": tongue.title(), "created": models.c.created, "changed": _MODEL_CHANGED}
    # PostgreSQL looks when a model changed only for those of the page, SQLite for all that match.
    more = () if dialect == "sqlite" else (_MODEL_CHANGED,)
    query = (
        select(*rows.MODEL_COLUMNS, *more)
        .where(*wanted)
        .order_by(*order(sorts, by))
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )
    return ready(query, shape)


@cache
def _versions_query(dialect: str, shape: Shape) -> Select[Any] | Statement:
    return ready(_which(dialect, shape).order_by(*_sorted(dialect, shape)), shape)


@cache
def _page_query(dialect: str, shape: Shape) -> Select[Any] | Statement:
    """Read the versions of a page in their order."""
    by = _sorted(dialect, shape)
    which = _which(dialect, shape).order_by(*by)
    return ready(_reading(dialect).where(versions.c.id.in_(which)).order_by(*by), shape)


def page_query(project: str, selection: Selection) -> tuple[Statement, dict[str, object]] | None:
    """Answer how PostgreSQL is asked for a page of versions; None where it takes more than that.

    `found_in` reads its rows.
    """
    query = _page_query("postgresql", shape_of(selection))
    return (query, given_for(project, selection)) if isinstance(query, Statement) else None


def _which(dialect: str, shape: Shape) -> Select[Any]:
    """Answer which versions match, as many as a page has."""
    tongue = Tongue(dialect)
    matches, _, barring = shape
    named = any(is_exact(subject, comparison) for subject, comparison, _ in matches)
    driven = not named and any(subject in {"tag", "run_id"} for subject, _, _ in matches)
    project = apart(models.c.project) if driven else models.c.project
    wanted = [project == bindparam("project"), models.c.deleted.is_(None),
              versions.c.deleted.is_(None)]  # fmt: skip
    wanted += [version_holds(tongue, at, *match, apiece=named) for at, match in enumerate(matches)]
    if barring:
        wanted.append(versions.c.model_id.not_in(barred()))
    return (
        select(versions.c.id)
        .select_from(versions.join(models, models.c.id == versions.c.model_id))
        .where(*wanted)
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )


def _sorted(dialect: str, shape: Shape) -> list[ColumnElement[Any]]:
    return order(shape[1], {
        "name": Tongue(dialect).title(), "number": versions.c.number,
        "created": versions.c.created, "changed": versions.c.changed,
    })  # fmt: skip


def _reading(dialect: str) -> Select[Any]:
    """Begin a query whose rows `_found` reads."""
    tongue = Tongue(dialect)
    columns = (*rows.OUTLINE_COLUMNS, tongue.source(), tongue.title(), versions.c.changed)
    both = versions.join(models, models.c.id == versions.c.model_id)
    return select(*columns).select_from(both)


_READING = Statement(_reading("sqlite").where(versions.c.id.in_(Tongue("sqlite").given("ids"))))


def found_in(row: rows.Row) -> FoundVersion:
    """Make what was found of a row of a page."""
    return rows.made(FoundVersion, rows.outline(row))


@cache
def _front_queries(dialect: str) -> tuple[Statement, Statement, Statement]:
    """Ask some models for the highest version of each stage, for aliases, and for last changes."""
    tongue = Tongue(dialect)
    ids = tongue.given("ids")
    columns = (*rows.OUTLINE_COLUMNS, tongue.source(), versions.c.model_id, versions.c.changed)
    latest = _highest if dialect == "sqlite" else _highest_from_above
    aliases = (
        select(pointers.c.model_id, *rows.POINTER_COLUMNS)
        .where(pointers.c.model_id.in_(ids), pointers.c.kind == "alias")
        .order_by(pointers.c.model_id, pointers.c.name)
    )
    changed = select(models.c.id, _MODEL_CHANGED).where(models.c.id.in_(ids))
    return (
        Statement(latest(select(*columns), ids), fitted=True),
        Statement(aliases, fitted=True),
        Statement(changed, fitted=True),
    )


def _highest(query: Select[Any], ids: Select[Any]) -> Select[Any]:
    """Let a query read the living version with the highest number of each stage of some models."""
    heights = (
        select(versions.c.model_id, versions.c.stage, func.max(versions.c.number).label("number"))
        .where(versions.c.model_id.in_(ids), versions.c.deleted.is_(None))
        .group_by(versions.c.model_id, versions.c.stage)
        .subquery()
    )
    same = and_(versions.c.model_id == heights.c.model_id, versions.c.number == heights.c.number)
    return query.select_from(heights.join(versions, same))


def _highest_from_above(query: Select[Any], ids: Select[Any]) -> Select[Any]:
    """Do the same where a join can look for each row anew: down from the last of each model.

    The highest of a stage is among the last as a rule, so not all are looked at.
    The offset of nothing keeps PostgreSQL from looking before it knows of which models.
    """
    each = versions.alias()
    wanted = (
        select(counts.c.model_id, counts.c.stage)
        .where(counts.c.model_id.in_(ids), counts.c.living > 0)
        .offset(literal_column("0"))
        .subquery()
    )
    found = (
        select(each.c.id)
        .where(
            each.c.model_id == wanted.c.model_id,
            each.c.stage == wanted.c.stage,
            each.c.deleted.is_(None),
        )
        .order_by(each.c.number.desc())
    )
    top = first_of(found.correlate(wanted)).lateral()
    return query.select_from(wanted.join(top, true()).join(versions, versions.c.id == top.c.id))
