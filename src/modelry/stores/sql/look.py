"""What every read begins with: a connection, and how rows come from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select


class Look:
    """Queries over one connection, inside whatever transaction it is in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _rows(self, query: Select[Any], **given: object) -> Sequence[Any]:
        return self._connection.execute(query, given).fetchall()

    def _row(self, query: Select[Any], **given: object) -> Any | None:  # noqa: ANN401 - a row
        return self._connection.execute(query, given).first()
