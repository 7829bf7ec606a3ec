"""The versions of a selection that changed last, found model by model.

The latest change of each model is one look at an index, so models come in the
order of theirs. Some at a time give their latest versions, until no model that
is left can have one that is later than those of the page. So neither all
versions are sorted, nor all of those that match.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, literal_column, select

from modelry.core.selection import Selection, Sort
from modelry.core.strict_json import dumps
from modelry.stores.sql.look import Look
from modelry.stores.sql.matching import (
    Shape,
    Tongue,
    barred,
    given_for,
    is_exact,
    model_holds,
    ready,
    shape_of,
    tagged,
    version_holds,
)
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import models, versions

_NEWEST = (Sort("changed", descending=True), Sort("name"), Sort("number", descending=True))
_MOST = 1_000
"""Up to which place pages are found so; all that is beyond is sorted."""

_FEW = 400
"""A tag that fewer versions have finds them by itself."""

_FIRST, _GROWTH = 8, 4
"""How many models are asked first, and how many times as many are each time after."""

Place = tuple[int, str, int, int]
"""Where a version stands: its change and its number, both negated, around its title; its id."""


class NewestLook(Look):
    """The part of a selection that is about the latest changes."""

    def _newest(self, project: str, selection: Selection) -> list[int] | None:
        """Answer the ids of a page, None where another way to it is shorter."""
        most = selection.skip + selection.limit
        if selection.sorts != _NEWEST or most > _MOST or not self._common(project, selection):
            return None
        given = given_for(project, selection) | {"most": most}
        dialect, shape = self._driver.connection.dialect.name, shape_of(selection)
        waiting = self._rows(_models_query(dialect, shape), **given)
        found: list[Place] = []
        at, some = 0, _FIRST
        while at < len(waiting) and _may_come(waiting[at], found, most):
            given["ids"] = dumps([row[0] for row in waiting[at : at + some]])
            given["floor"] = -found[-1][0] if len(found) == most else 0
            more = self._rows(_versions_query(dialect, shape), **given)
            found += [(-changed, title, -number, key) for key, changed, title, number in more]
            found = sorted(found)[:most]
            at, some = at + some, some * _GROWTH
        return [place[-1] for place in found[selection.skip :]]

    def _common(self, project: str, selection: Selection) -> bool:
        """Say whether no condition is met by a few versions that an index finds."""
        matches, given = selection.matches, given_for(project, selection)
        if any(is_exact(each.subject, each.comparison) for each in matches):
            return False
        if any(each.subject == "run_id" for each in matches):
            return False
        return all(
            self._row(
                _count_query(at, match.comparison, self._driver.connection.dialect.name), **given
            )[0]  # type: ignore[index]  # a count is always there
            >= _FEW
            for at, match in enumerate(matches)
            if match.subject == "tag"
        )


def _may_come(model: Sequence[Any], found: list[Place], most: int) -> bool:
    """Say whether a model may have a version above the last place of a full page."""
    return len(found) < most or (-model[1], model[2]) <= found[-1][:2]


@cache
def _count_query(at: int, comparison: str, dialect: str) -> Statement:
    few = tagged(Tongue(dialect), at, comparison).limit(_FEW).subquery()
    return Statement(select(func.count()).select_from(few))


@cache
def _models_query(dialect: str, shape: Shape) -> Select[Any] | Statement:
    """Ask for id, latest change and title of the models whose versions are wanted."""
    tongue = Tongue(dialect)
    matches, _, barring = shape
    wanted = [models.c.project == bindparam("project"), models.c.deleted.is_(None)]
    wanted += [model_holds(tongue, at, *match) for at, match in enumerate(matches)
               if match[0] == "name"]  # fmt: skip
    if barring:
        wanted.append(models.c.id.not_in(barred()))
    latest = select(func.max(versions.c.changed)).where(versions.c.model_id == models.c.id)
    columns = (latest.scalar_subquery().label("latest"), tongue.title().label("title"))
    named = select(models.c.id, *columns).where(*wanted).subquery()
    query = (
        select(named)
        .where(named.c.latest.is_not(None))
        .order_by(literal_column("latest").desc(), literal_column("title"))
    )
    return ready(query, shape)


@cache
def _versions_query(dialect: str, shape: Shape) -> Select[Any] | Statement:
    """Ask some models for their latest versions that match, as many as a page needs of each."""
    tongue = Tongue(dialect)
    wanted = [version_holds(tongue, at, *match, apiece=True) for at, match in enumerate(shape[0])
              if match[0] != "name"]  # fmt: skip
    latest = (
        select(versions.c.id)
        .where(versions.c.model_id == models.c.id, versions.c.deleted.is_(None))
        .where(versions.c.changed >= bindparam("floor"), *wanted)
        .order_by(versions.c.changed.desc(), versions.c.number.desc())
        .limit(bindparam("most"))
        .correlate(models)
    )
    each = versions.alias()
    query = (
        select(each.c.id, each.c.changed, tongue.title().label("title"), each.c.number)
        .select_from(models.join(each, each.c.id.in_(latest)))
        .where(models.c.id.in_(tongue.given("ids")))
        .order_by(each.c.changed.desc(), literal_column("title"), each.c.number.desc())
        .limit(bindparam("most"))
    )
    return ready(query, shape)
