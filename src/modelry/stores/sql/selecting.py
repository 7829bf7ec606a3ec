"""Selections compiled to SQL: exact names and rare tags drive, pages are read last."""

from __future__ import annotations

from collections.abc import Sequence
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
    or_,
    select,
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
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import events, models, pointers, versions

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
_IDS: Any = bindparam("ids", expanding=True)
_heights = (
    select(versions.c.model_id, versions.c.stage, func.max(versions.c.number).label("number"))
    .where(versions.c.model_id.in_(_IDS), versions.c.deleted.is_(None))
    .group_by(versions.c.model_id, versions.c.stage)
    .subquery()
)
_ALIASES = (
    select(pointers.c.model_id, *rows.POINTER_COLUMNS)
    .where(pointers.c.model_id.in_(_IDS), pointers.c.kind == "alias")
    .order_by(pointers.c.model_id, pointers.c.name)
)
_CHANGED = select(models.c.id, _MODEL_CHANGED).where(models.c.id.in_(_IDS))


class SelectionLook(NewestLook):
    """The part of `View` about selections."""

    def select_models(self, project: str, selection: Selection) -> Sequence[Model]:
        """See `View.select_models`."""
        query = _models_query(self._driver.connection.dialect.name, shape_of(selection))
        return [rows.model(row) for row in self._rows(query, **given_for(project, selection))]

    def select_versions(self, project: str, selection: Selection) -> Sequence[FoundVersion]:
        """See `View.select_versions`: first which, then all of them."""
        which = self._newest(project, selection)
        if which is None:
            query = _versions_query(self._driver.connection.dialect.name, shape_of(selection))
            which = [row[0] for row in self._rows(query, **given_for(project, selection))]
        found: dict[int, FoundVersion] = {}
        reading = _reading_query(self._driver.connection.dialect.name)
        for row in self._rows(reading, ids=dumps(which)):
            found[row[0]] = FoundVersion(rows.outline(row[:-2]), row[-2], row[-1])
        return [found[each] for each in which]

    def fronts(self, some: Sequence[Model]) -> Sequence[Front]:
        """See `View.fronts`: three queries, however many models."""
        ids = [model.id for model in some]
        latest: dict[int, list[tuple[Outline, int]]] = {}
        for row in self._rows(_latest_query(self._driver.connection.dialect.name), ids=ids):
            latest.setdefault(row[-2], []).append((rows.outline(row[:-2]), row[-1]))
        named: dict[int, list[Pointer]] = {}
        for row in self._rows(_ALIASES, ids=ids):
            named.setdefault(row[0], []).append(rows.pointer(row[1:]))
        changed = {row[0]: row[1] for row in self._rows(_CHANGED, ids=ids)}
        return [
            Front(changed[each], tuple(latest.get(each, ())), tuple(named.get(each, ())))
            for each in ids
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
    query = (
        select(*rows.MODEL_COLUMNS)
        .where(*wanted)
        .order_by(*order(sorts, by))
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )
    return ready(dialect, query, shape)


@cache
def _versions_query(dialect: str, shape: Shape) -> Select[Any] | Statement:
    tongue = Tongue(dialect)
    matches, sorts, barring = shape
    named = any(is_exact(subject, comparison) for subject, comparison, _ in matches)
    driven = not named and any(subject in {"tag", "run_id"} for subject, _, _ in matches)
    project = apart(models.c.project) if driven else models.c.project
    wanted = [project == bindparam("project"), models.c.deleted.is_(None),
              versions.c.deleted.is_(None)]  # fmt: skip
    wanted += [version_holds(tongue, at, *match, apiece=named) for at, match in enumerate(matches)]
    if barring:
        wanted.append(versions.c.model_id.not_in(barred()))
    by = {"name": tongue.title(), "number": versions.c.number,
          "created": versions.c.created, "changed": versions.c.changed}  # fmt: skip
    query = (
        select(versions.c.id)
        .select_from(versions.join(models, models.c.id == versions.c.model_id))
        .where(*wanted)
        .order_by(*order(sorts, by))
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )
    return ready(dialect, query, shape)


@cache
def _reading_query(dialect: str) -> Statement:
    tongue = Tongue(dialect)
    return Statement(
        select(*rows.OUTLINE_COLUMNS, tongue.source(), tongue.title(), versions.c.changed)
        .select_from(versions.join(models, models.c.id == versions.c.model_id))
        .where(versions.c.id.in_(tongue.given("ids")))
    )


@cache
def _latest_query(dialect: str) -> Select[Any]:
    source = Tongue(dialect).source()
    same = and_(versions.c.model_id == _heights.c.model_id, versions.c.number == _heights.c.number)
    columns = (*rows.OUTLINE_COLUMNS, source, versions.c.model_id, versions.c.changed)
    return select(*columns).select_from(_heights.join(versions, same))
