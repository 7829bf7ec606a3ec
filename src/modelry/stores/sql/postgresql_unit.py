"""Writes on PostgreSQL, where changes run side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from modelry.core.errors import Conflict
from modelry.core.events import model_chain
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, Pointer
from modelry.stores.sql.log import HEAD
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import counts, environments, versions
from modelry.stores.sql.unit import SqlUnit
from modelry.stores.sql.view import LAST_MOVE, LIFECYCLE, LOCK_MODEL, MEMBERS
from modelry.stores.sql.wire import Asked, WireDriver

BLOCK = 32
"""Numbers that are taken at once."""

FEW = 4
"""Stages of a project that are all asked about at once."""

SMALL = 4096
"""Characters of an environment that is rather sent once more than asked for."""


# What is in the way and can be seen is a conflict, and no row comes back. What
# is in the way and cannot be seen yet was a race, and PostgreSQL says so.
@cache
def _insert(table: Table, columns: tuple[str, ...]) -> Statement:
    return Statement(insert(table).on_conflict_do_nothing().returning(table.c.id), columns)


@cache
def _upsert(table: Table, keys: tuple[str, ...], columns: tuple[str, ...]) -> Statement:
    adding = insert(table)
    new = {name: adding.excluded[name] for name in columns}
    return Statement(adding.on_conflict_do_update(table.primary_key, set_=new), (*keys, *columns))


_ADDING = insert(counts)
_COUNTED = {"living": counts.c.living + _ADDING.excluded.living}
_COUNT = Statement(
    _ADDING.on_conflict_do_update(counts.primary_key, set_=_COUNTED),
    ("model_id", "stage", "living"),
)
_KEEP_ENVIRONMENT = Statement(insert(environments).on_conflict_do_nothing(), ("digest", "body"))


def _relabel() -> Statement:
    """Write the statement that moves a version to a stage, and the counts with it."""
    which = (versions.c.model_id == bindparam("key"), versions.c.number == bindparam("key_number"))
    to = bindparam("stage", type_=versions.c.stage.type)
    before = select(versions.c.stage).where(*which, versions.c.deleted.is_(None)).cte("before")
    left = update(counts).values(living=counts.c.living - 1).where(
        counts.c.model_id == bindparam("key"), counts.c.stage == before.c.stage,
        before.c.stage != to).cte("departed")  # fmt: skip
    model = bindparam("key", type_=counts.c.model_id.type)
    entered = (
        insert(counts)
        .from_select(("model_id", "stage", "living"),
                     select(model, to, 1).select_from(before).where(before.c.stage != to))
        .on_conflict_do_update(counts.primary_key, set_={"living": counts.c.living + 1})
        .cte("arrived")
    )  # fmt: skip
    moved = update(versions).where(*which).values(stage=to, entered=bindparam("entered"))
    return Statement(moved.add_cte(before, left, entered))


_RELABEL = _relabel()
_NUMBERS = Statement(
    select(func.nextval(func.pg_get_serial_sequence(versions.name, "id")))
    .select_from(func.generate_series(1, BLOCK).alias("each"))
)  # fmt: skip


class Numbers:
    """Numbers for new rows of `versions`, taken many at once: those of a process that ends are lost.

    So a version can be written with all that hangs on it, and nobody waits for its number.
    """

    def __init__(self) -> None:
        self._left: deque[int] = deque()

    def take(self, driver: WireDriver) -> int:
        """Answer a number that nobody else has."""
        try:
            return self._left.popleft()
        except IndexError:
            found = [int(row[0]) for row in driver.run(_NUMBERS, {}).fetchall()]
            self._left.extend(found[1:])
            return found[0]


class PostgresqlUnit(SqlUnit):
    """The `Unit` port; `touched` are the models that others should wait for after a race.

    What is written waits for the next thing that is asked, or for the commit.
    A `careful` one lets nothing wait, so that each refusal is told as what it is.
    """

    _find_model = LOCK_MODEL

    def __init__(self, driver: WireDriver, numbers: Numbers, *, careful: bool = False) -> None:
        super().__init__(driver.connection, driver)
        self._wired, self._numbers, self._careful = driver, numbers, careful
        self._stages: tuple[str, ...] = ()
        self.touched: set[str] = set()

    def begin(self) -> None:
        """See `WireDriver.begin`."""
        self._wired.begin()

    def commit(self) -> None:
        """Write what waits and commit it, in one go."""
        self._wired.finish(Asked("COMMIT"))

    def lifecycle(self, project: str) -> Lifecycle | None:
        """See `View.lifecycle`."""
        found = super().lifecycle(project)
        if found is not None:
            self._stages = tuple(stage.name for stage in found.stages if stage.pointed)
        return found

    def model(self, project: str, name: str) -> Model | None:
        """See `View.model`: the row stays locked until the end."""
        self._beside(project, name)
        return super().model(project, name)

    def foresee(self, project: str, name: str) -> None:
        """See `Unit.foresee`."""
        self._beside(project, name)
        self._wired.foresee(self._find_model, {"project": project, "name": name.lower()})

    def _beside(self, project: str, name: str) -> None:
        """Ask along for the head of a model and for what its project allows: who changes it will."""
        key = f"{project}/{name.lower()}"
        if key not in self.touched:
            self.touched.add(key)
            self._wired.foresee(HEAD, {"chain": model_chain(project, name)})
            self._wired.foresee(LIFECYCLE, {"project": project})

    def pointers(self, model: Model) -> Sequence[Pointer]:
        """See `View.pointers`. Who asks who is named also asks who is there, and since when."""
        for stage in self._stages if len(self._stages) <= FEW else ():
            self._wired.foresee(MEMBERS, {"model": model.id, "stage": stage})
            self._wired.foresee(LAST_MOVE, {"model": model.id, "name": stage})
        return super().pointers(model)

    def add_model(self, model: Model) -> Model:
        """See `Ledger.add_model`."""
        self.touched.add(f"{model.project}/{model.name.lower()}")
        return super().add_model(model)

    def relabel(self, model: Model, number: int, stage: str, seq: int) -> None:
        """See `Fold.relabel`."""
        row = {"key": model.id, "key_number": number, "stage": stage, "entered": seq}
        self._driver.write(_RELABEL, row)

    def add_environment(self, digest: str, body: str) -> None:
        """See `Ledger.add_environment`."""
        if len(body) <= SMALL or self.environment(digest) is None:
            self._driver.write(_KEEP_ENVIRONMENT, {"digest": digest, "body": body})

    def _count(self, model: Model, stage: str, by: int) -> None:
        self._driver.write(_COUNT, {"model_id": model.id, "stage": stage, "living": by})

    def _put(self, table: Table, key: Mapping[str, object], row: Mapping[str, object]) -> None:
        self._driver.write(_upsert(table, tuple(key), tuple(row)), {**key, **row})

    def _add_once(self, table: Table, row: Mapping[str, object], taken: str) -> None:
        if self._careful:
            self._insert(table, row, taken)
        else:
            self._add(table, row)

    def _insert(self, table: Table, row: Mapping[str, Any], taken: str) -> int:
        if table is versions and not self._careful:
            number = self._numbers.take(self._wired)
            self._add(table, {"id": number, **row})
            return number
        key = self._driver.run(_insert(table, tuple(row)), row).fetchone()
        if key is None:
            raise Conflict(taken)
        return int(key[0])
