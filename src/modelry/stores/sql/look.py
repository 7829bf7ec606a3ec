"""What every read begins with: a connection, and how rows come from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select

from modelry.stores.sql.statement import Driver, Statement


class Look:
    """Queries over one connection, inside whatever transaction it is in.

    A `Statement` is run by the driver itself; what is put together for one
    look goes through SQLAlchemy.
    """

    def __init__(self, connection: Connection, driver: Driver | None = None) -> None:
        self._driver = Driver(connection) if driver is None else driver

    @property
    def _connection(self) -> Connection:
        """The connection, on which everything has happened that was written so far."""
        return self._driver.settled()

    def _rows(self, query: Select[Any] | Statement, **given: object) -> Sequence[Any]:
        if isinstance(query, Statement):
            return self._driver.run(query, given).fetchall()
        return self._connection.execute(query, given).fetchall()

    def _row(self, query: Select[Any] | Statement, **given: object) -> Any | None:  # noqa: ANN401 - a row
        if isinstance(query, Statement):
            return self._driver.run(query, given).fetchone()
        return self._connection.execute(query, given).first()
