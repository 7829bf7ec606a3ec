"""Lists and counts of models, which cost the same however many versions there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, select, tuple_

from modelry.core.model import Model, ModelSummary, Pointer, Version
from modelry.core.names import fold
from modelry.stores.sql import rows
from modelry.stores.sql.look import Look
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import counts, models, pointers, versions

_LONGEST = 128

_LIVING = (
    select(func.sum(counts.c.living)).where(counts.c.model_id == models.c.id).scalar_subquery()
)
_LIVING_OF = Statement(
    select(func.sum(counts.c.living)).where(counts.c.model_id == bindparam("model"))
)
_MODEL = Statement(select(*rows.MODEL_COLUMNS).where(models.c.uid == bindparam("uid")))
_VERSION = Statement(rows.select_versions().where(versions.c.uid == bindparam("uid")))
_POINTERS = Statement(
    select(*rows.POINTER_COLUMNS)
    .where(pointers.c.model_id == bindparam("model"))
    .order_by(pointers.c.name)
)
_POINTERS_OF_MODELS = (
    select(pointers.c.model_id, *rows.POINTER_COLUMNS)
    .where(pointers.c.model_id.in_(bindparam("ids", expanding=True)))
    .order_by(pointers.c.model_id, pointers.c.name)
)


class ListingLook(Look):
    """The part of `View` about many models at once."""

    def models(
        self, projects: Collection[str] | None, after: str, limit: int
    ) -> Sequence[ModelSummary]:
        """See `View.models`."""
        query = select(*rows.MODEL_COLUMNS, _LIVING).where(_living_in(projects))
        if after:
            space, _, name = after.lower().partition("/")
            query = query.where(
                tuple_(models.c.project, models.c.name_key)
                > tuple_(literal(space, models.c.project.type), literal(name, models.c.name.type))
            )
        return self._summaries(query.limit(limit))

    def find_models(
        self, projects: Collection[str] | None, contains: str, skip: int, limit: int
    ) -> tuple[Sequence[ModelSummary], int]:
        """See `View.find_models`."""
        wanted = _living_in(projects)
        if len(contains) > _LONGEST:
            return (), 0  # no name is so long, and a database refuses such patterns
        if contains:
            wanted &= models.c.name_key.contains(fold(contains), autoescape=True)
        total = self._connection.execute(
            select(func.count()).select_from(models).where(wanted)
        ).scalar_one()
        query = select(*rows.MODEL_COLUMNS, _LIVING).where(wanted)
        return self._summaries(query.limit(limit).offset(skip)), int(total)

    def _summaries(self, query: Select[Any]) -> Sequence[ModelSummary]:
        found = self._rows(query.order_by(models.c.project, models.c.name_key))
        named = self._pointers_of([row[0] for row in found])
        return [
            ModelSummary(rows.model(row[:-1]), int(row[-1] or 0), named.get(row[0], ()))
            for row in found
        ]

    def find_model(self, uid: str) -> Model | None:
        """See `View.find_model`."""
        row = self._row(_MODEL, uid=uid) if uid else None
        return rows.model(row) if row else None

    def find_version(self, uid: str) -> Version | None:
        """See `View.find_version`."""
        row = self._row(_VERSION, uid=uid) if uid else None
        return rows.version(row) if row else None

    def count_models(self, projects: Collection[str] | None) -> int:
        """See `View.count_models`."""
        query = select(func.count()).select_from(models).where(_living_in(projects))
        return int(self._connection.execute(query).scalar_one())

    def count_versions(
        self, projects: Collection[str] | None, model: Model | None = None
    ) -> Mapping[str, int]:
        """See `View.count_versions`."""
        query = select(counts.c.stage, func.sum(counts.c.living)).where(counts.c.living > 0)
        if model is not None:
            query = query.where(counts.c.model_id == model.id)
        if projects is not None:
            query = query.join(models, models.c.id == counts.c.model_id).where(
                models.c.project.in_(sorted(projects))
            )
        found = self._rows(query.group_by(counts.c.stage).order_by(counts.c.stage))
        return {stage: int(living) for stage, living in found}

    def stages_in_use(self, project: str) -> frozenset[str]:
        """See `View.stages_in_use`."""
        return frozenset(self.count_versions({project}))

    def summary(self, model: Model) -> ModelSummary:
        """See `View.summary`."""
        row = self._row(_LIVING_OF, model=model.id)
        return ModelSummary(model, int(row[0] or 0) if row else 0, tuple(self.pointers(model)))

    def pointers(self, model: Model) -> Sequence[Pointer]:
        """See `View.pointers`."""
        return tuple(rows.pointer(row) for row in self._rows(_POINTERS, model=model.id))

    def _pointers_of(self, ids: Sequence[int]) -> dict[int, tuple[Pointer, ...]]:
        answer: dict[int, tuple[Pointer, ...]] = {}
        for row in self._rows(_POINTERS_OF_MODELS, ids=ids):
            answer[row[0]] = (*answer.get(row[0], ()), rows.pointer(row[1:]))
        return answer


def _living_in(projects: Collection[str] | None) -> ColumnElement[bool]:
    living = models.c.deleted.is_(None)
    return living if projects is None else living & models.c.project.in_(sorted(projects))
