"""Writes on PostgreSQL, where changes run side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects.postgresql import insert

from modelry.core.errors import Conflict
from modelry.core.model import Model
from modelry.stores.sql import rows
from modelry.stores.sql.tables import events, models, versions
from modelry.stores.sql.unit import SqlUnit
from modelry.stores.sql.view import SELECT_MODEL

# Others that only point at the model by a foreign key need not wait.
_LOCK_MODEL = SELECT_MODEL.with_for_update(key_share=True)

# What is in the way and can be seen is a conflict, and no row comes back. What
# is in the way and cannot be seen yet was a race, and PostgreSQL says so.
_INSERT: dict[str, Insert] = {
    table.name: insert(table).on_conflict_do_nothing().returning(table.c.id)
    for table in (models, versions, events)
}


class PostgresqlUnit(SqlUnit):
    """The `Unit` port; `touched` are the models that others should wait for after a race."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.touched: set[str] = set()

    def model(self, project: str, name: str) -> Model | None:
        """See `View.model`: the row stays locked until the end."""
        self.touched.add(f"{project}/{name.lower()}")
        row = self._row(_LOCK_MODEL, project=project, name=name.lower())
        return rows.model(row) if row else None

    def add_model(self, model: Model) -> Model:
        """See `Ledger.add_model`."""
        self.touched.add(f"{model.project}/{model.name.lower()}")
        return super().add_model(model)

    def _insert(self, table: Table, row: Mapping[str, Any], taken: str) -> int:
        key = self._connection.execute(_INSERT[table.name], row).scalar()
        if key is None:
            raise Conflict(taken)
        return int(key)
