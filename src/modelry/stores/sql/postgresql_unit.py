"""Writes on PostgreSQL, where changes run side by side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert

from modelry.core.errors import Conflict
from modelry.core.model import Model
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.unit import SqlUnit
from modelry.stores.sql.view import LOCK_MODEL


# What is in the way and can be seen is a conflict, and no row comes back. What
# is in the way and cannot be seen yet was a race, and PostgreSQL says so.
@cache
def _insert(table: Table, columns: tuple[str, ...]) -> Statement:
    return Statement(insert(table).on_conflict_do_nothing().returning(table.c.id), columns)


class PostgresqlUnit(SqlUnit):
    """The `Unit` port; `touched` are the models that others should wait for after a race."""

    _find_model = LOCK_MODEL

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.touched: set[str] = set()

    def model(self, project: str, name: str) -> Model | None:
        """See `View.model`: the row stays locked until the end."""
        self.touched.add(f"{project}/{name.lower()}")
        return super().model(project, name)

    def add_model(self, model: Model) -> Model:
        """See `Ledger.add_model`."""
        self.touched.add(f"{model.project}/{model.name.lower()}")
        return super().add_model(model)

    def _insert(self, table: Table, row: Mapping[str, Any], taken: str) -> int:
        key = self._driver.run(_insert(table, tuple(row)), row).fetchone()
        if key is None:
            raise Conflict(taken)
        return int(key[0])
