"""Reads, inside whatever transaction the connection is in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from modelry.core.lifecycle import Lifecycle, lifecycle_from_json
from modelry.core.model import Model, Move, Version
from modelry.core.names import Ref, Selector
from modelry.core.query import Query
from modelry.core.strict_json import loads
from modelry.stores.sql import rows
from modelry.stores.sql.kept import KeptLook
from modelry.stores.sql.listing import ListingLook
from modelry.stores.sql.log import LogLook
from modelry.stores.sql.search import search
from modelry.stores.sql.selecting import SelectionLook
from modelry.stores.sql.statement import Statement, first_of
from modelry.stores.sql.tables import (
    environments,
    holdings,
    models,
    moves,
    pointers,
    projects,
    versions,
)
from modelry.stores.sql.tracking import SqlTrackingView
from modelry.stores.sql.tracking_tables import artifacts

_BATCH = 500

# Built once: to build a query costs more than to run it.
LIFECYCLE = Statement(select(projects.c.lifecycle).where(projects.c.name == bindparam("project")))
_MODEL = select(*rows.MODEL_COLUMNS).where(
    models.c.project == bindparam("project"), models.c.name_key == bindparam("name")
)
SELECT_MODEL = Statement(_MODEL)
"""Finds a model by `project` and `name`, the name in lower case."""

LOCK_MODEL = Statement(_MODEL.with_for_update(key_share=True))
"""The same, and keeps it: others that only point at the model by a foreign key need not wait."""

_ENVIRONMENT = Statement(
    select(environments.c.body).where(environments.c.digest == bindparam("digest"))
)
_SIZE = Statement(first_of(select(holdings.c.size).where(holdings.c.size == bindparam("size"))))
_NEXT_NAME = Statement(select(func.min(moves.c.name)).where(
    moves.c.model_id == bindparam("model"), moves.c.name > bindparam("name")
))  # fmt: skip
_MOVES = select(*rows.MOVE_COLUMNS).where(
    moves.c.model_id == bindparam("model"), moves.c.name == bindparam("name")
)
_LATEST_OF_MOVES = first_of(_MOVES.order_by(moves.c.seq.desc()))
_MOVE = Statement(_MOVES.where(moves.c.seq == bindparam("seq")))
LAST_MOVE = Statement(_LATEST_OF_MOVES)
_MOVE_BEFORE = Statement(_LATEST_OF_MOVES.where(moves.c.seq < bindparam("seq")))
MEMBERS = Statement(
    select(versions.c.number)
    .where(
        versions.c.model_id == bindparam("model"),
        versions.c.stage == bindparam("stage"),
        versions.c.deleted.is_(None),
    )
    .order_by(versions.c.entered.desc(), versions.c.number.desc())
)


@cache
def lifecycle_in(text: str) -> Lifecycle:
    """Read the stages of a project."""
    return lifecycle_from_json(loads(text.encode(), "stages"))


@cache
def select_version(selector: Selector) -> Select[Any]:
    """Write the query for a ref: parameters `project`, `name`, and `value` where it has one."""
    query = (
        select(*rows.VERSION_COLUMNS)
        .select_from(versions.join(models, models.c.id == versions.c.model_id))
        .where(
            models.c.project == bindparam("project"),
            models.c.name_key == bindparam("name"),
        )
    )
    if selector == "number":
        return query.where(versions.c.number == bindparam("value"))
    if selector == "label":
        return query.where(versions.c.label_key == bindparam("value"))
    if selector == "pointer":
        return query.where(versions.c.number == select(pointers.c.number).where(
            pointers.c.model_id == models.c.id, pointers.c.name == bindparam("value"),
        ).scalar_subquery())  # fmt: skip
    living = query.where(versions.c.deleted.is_(None))
    if selector == "digest":
        living = living.where(versions.c.digest == bindparam("value"))
    return first_of(living.order_by(versions.c.number.desc()))


@cache
def version_statement(selector: Selector) -> Statement:
    """Answer the query for a ref as a statement."""
    return Statement(select_version(selector))


def version_parameters(ref: Ref) -> dict[str, str | int]:
    """Answer the parameters of `select_version` for `ref`."""
    given: dict[str, str | int] = {"project": ref.project, "name": ref.name.lower()}
    if ref.selector == "number":
        given["value"] = ref.number
    elif ref.selector == "digest":
        given["value"] = f"sha256:{ref.value}"
    elif ref.value:
        given["value"] = ref.value
    return given


class SqlView(ListingLook, SelectionLook, LogLook, KeptLook):
    """The `View` port over one connection."""

    def lifecycle(self, project: str) -> Lifecycle | None:
        """See `View.lifecycle`."""
        row = self._row(LIFECYCLE, project=project)
        return lifecycle_in(row[0]) if row else None

    def projects(self) -> Sequence[str]:
        """See `View.projects`."""
        return [row[0] for row in self._rows(select(projects.c.name).order_by(projects.c.name))]

    def model(self, project: str, name: str) -> Model | None:
        """See `View.model`."""
        row = self._row(SELECT_MODEL, project=project, name=name.lower())
        return rows.model(row) if row else None

    def version(self, ref: Ref) -> Version | None:
        """See `View.version`."""
        row = self._row(version_statement(ref.selector), **version_parameters(ref))
        return rows.version(row) if row else None

    def versions(
        self, model: Model, stage: str | None, below: int | None, limit: int, skip: int = 0
    ) -> Sequence[Version]:
        """See `View.versions`."""
        query = rows.select_versions().where(
            versions.c.model_id == model.id, versions.c.deleted.is_(None)
        )
        if stage is not None:
            query = query.where(versions.c.stage == stage)
        if below is not None:
            query = query.where(versions.c.number < below)
        query = query.order_by(versions.c.number.desc()).limit(limit).offset(skip or None)
        return [rows.version(row) for row in self._rows(query)]

    def every_version(self, model: Model) -> Iterator[Version]:
        """See `View.every_version`."""
        last = 0
        while True:
            query = (
                rows.select_versions()
                .where(versions.c.model_id == model.id, versions.c.number > last)
                .order_by(versions.c.number)
                .limit(_BATCH)
            )
            found = [rows.version(row) for row in self._rows(query)]
            yield from found
            if len(found) < _BATCH:
                return
            last = found[-1].number

    def members(self, model: Model, stage: str) -> Sequence[int]:
        """See `View.members`."""
        return [row[0] for row in self._rows(MEMBERS, model=model.id, stage=stage)]

    def move(self, model: Model, pointer: str, seq: int | None) -> Move | None:
        """See `View.move`."""
        if seq is None:
            row = self._row(LAST_MOVE, model=model.id, name=pointer)
        else:
            row = self._row(_MOVE, model=model.id, name=pointer, seq=seq)
        return rows.move(row) if row else None

    def moves_before(self, model: Model, seq: int) -> Sequence[Move]:
        """See `View.moves_before`; leaps from name to name, however many moves each has."""
        found: list[Move] = []
        row = self._row(_NEXT_NAME, model=model.id, name="")
        while row is not None and row[0] is not None:
            last = self._row(_MOVE_BEFORE, model=model.id, name=row[0], seq=seq)
            found += [rows.move(last)] if last else []
            row = self._row(_NEXT_NAME, model=model.id, name=row[0])
        return found

    def search(
        self, query: Query, projects: Collection[str] | None, cursor: str | None, limit: int
    ) -> tuple[Sequence[Version], str | None]:
        """See `View.search`."""
        return search(self._connection, query, projects, cursor, limit)

    def environment(self, digest: str) -> str | None:
        """See `View.environment`."""
        row = self._row(_ENVIRONMENT, digest=digest)
        return str(row[0]) if row else None

    def known_size(self, size: int) -> bool:
        """See `View.known_size`."""
        return self._row(_SIZE, size=size) is not None

    def has_content(self, digest: str) -> bool:
        """See `View.has_content`."""
        query = select(versions.c.id).where(
            versions.c.digest == digest, versions.c.purged.is_(None)
        )
        return self._row(query.limit(1)) is not None

    def named(
        self, digests: Iterable[str], projects: Collection[str] | None = None
    ) -> frozenset[str]:
        """See `View.named`."""
        wanted, answer = list(digests), set[str]()
        query = select(holdings.c.sha256).distinct()
        logged = select(artifacts.c.sha256).distinct()
        if projects is not None:
            query = (
                query.join(versions, versions.c.id == holdings.c.version_id)
                .join(models, models.c.id == versions.c.model_id)
                .where(models.c.project.in_(sorted(projects)), versions.c.deleted.is_(None))
            )
            logged = logged.where(artifacts.c.project.in_(sorted(projects)))
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            answer.update(row[0] for row in self._rows(query.where(holdings.c.sha256.in_(batch))))
            answer.update(row[0] for row in self._rows(logged.where(artifacts.c.sha256.in_(batch))))
        return frozenset(answer)

    @property
    def tracking(self) -> SqlTrackingView:
        """See `View.tracking`."""
        return SqlTrackingView(self._driver.connection, self._driver)
