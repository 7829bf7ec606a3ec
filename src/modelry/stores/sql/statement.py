"""Statements that are compiled once and run by the driver itself.

To run a small statement, SQLAlchemy spends ten times what the database does.
So what every change needs is written in its language, for every database
alike, and becomes text once: then the driver is given text and values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import Connection, Delete, Insert, Select, Table, Update, insert, literal_column
from sqlalchemy.engine import Dialect

_ONE: Any = literal_column("1")
_NONE: Any = literal_column("0")

Clause = Select[Any] | Insert | Update | Delete


class Cursor(Protocol):
    """What a driver answers."""

    rowcount: int
    lastrowid: int | None

    def fetchone(self) -> Any | None:  # noqa: ANN401 - a row
        """Answer the next row."""
        ...

    def fetchall(self) -> Sequence[Any]:
        """Answer all rows that are left."""
        ...


class Compiled:
    """The text of a statement in the words of one database, and how its values are given."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.clause.compile(
            dialect=dialect,
            column_keys=statement.columns,
            compile_kwargs={"render_postcompile": True},
        )
        if not compiled.positional:
            msg = f"values have no places in the words of {dialect.name}"
            raise TypeError(msg)
        self.text = str(compiled)
        told = {*(statement.columns or ()), *(n for n, v in compiled.params.items() if v is None)}
        self._fixed = {name: compiled.params[name] for name in compiled.params.keys() - told}
        self._in_order = _in_order(compiled.positiontup or ())

    def values(self, given: Mapping[str, object]) -> Sequence[object]:
        """Answer what the driver is given beside the text, in the order of their places."""
        return self._in_order({**self._fixed, **given} if self._fixed else given)


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, object]], Sequence[object]]:
    """Answer what takes the values with these names, in their order, in one step."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda given: tuple([given[name] for name in names])


class Statement:
    """A clause whose values are all parameters; an insert says which `columns` it fills.

    One that is `fitted` is planned for its values each time, where a database
    would make one plan for all.
    """

    def __init__(
        self, clause: Clause, columns: Iterable[str] | None = None, *, fitted: bool = False
    ) -> None:
        self.clause = clause
        self.columns = None if columns is None else list(columns)
        self.fitted = fitted
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> Compiled:
        """Answer the statement in the words of a database, whose values have places."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = Compiled(self, dialect)
        return found


def first_of(query: Select[Any]) -> Select[Any]:
    """Let a query answer its first row alone.

    The one is written into the text: SQLite, where it is built with STAT4,
    plans a statement anew each time a limit is given to it.
    """
    return query.limit(_ONE).offset(_NONE)


@cache
def insert_into(table: Table, columns: tuple[str, ...]) -> Statement:
    """Answer the statement that fills these columns of a new row."""
    return Statement(insert(table), columns)


class Driver:
    """Runs statements on the `bare` connection that a SQLAlchemy connection stands for.

    `uses` counts how often it was lent.
    """

    uses = 0

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self.bare: Any = connection.connection.driver_connection

    def run(self, statement: Statement, given: Mapping[str, object]) -> Cursor:
        """Run a statement."""
        compiled = statement.compiled(self._dialect)
        cursor: Cursor = self.bare.execute(compiled.text, compiled.values(given))
        return cursor

    def foresee(self, statement: Statement, given: Mapping[str, object]) -> None:
        """Hear what will be asked next: nothing here, where asking it then costs no more."""
        del statement, given

    @property
    def connection(self) -> Connection:
        """The connection as it stands, where something may still wait."""
        return self._connection

    def settled(self) -> Connection:
        """Answer the connection, on which nothing is left to be done."""
        return self._connection

    def write(self, statement: Statement, given: Mapping[str, object]) -> None:
        """Run a statement of which nobody asks what it did; it is done before anything is read."""
        self.run(statement, given)

    def write_each(self, statement: Statement, rows: Sequence[Mapping[str, object]]) -> None:
        """Run such a statement for each row."""
        if len(rows) == 1:
            self.write(statement, rows[0])
        elif rows:
            compiled = statement.compiled(self._dialect)
            cursor = self.bare.cursor()
            cursor.executemany(compiled.text, [compiled.values(row) for row in rows])
            cursor.close()
