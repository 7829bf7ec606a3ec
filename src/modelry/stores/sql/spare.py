"""Connections that wait for their next transaction, just as the last one left them.

A pool looks after connections that may break at any time, and takes longer to
lend one than a small file database takes to answer.
"""

from __future__ import annotations

import os

from sqlalchemy import Connection, Engine

from modelry.stores.sql.driver import driver
from modelry.stores.sql.statement import Driver

MOST = 8
"""How many connections wait at most; each may keep pages in memory."""

USES = 5000
"""How often a connection is lent.

pysqlite3 keeps the statements that were used most. Once it keeps as many as it
may, a new one goes out with the next that is new, so that what an old
connection has to do is prepared again each time.
"""


class Spare:
    """Lends connections of an engine; safe among threads, each has one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[Driver] = []
        self._process = os.getpid()

    def take(self) -> Driver:
        """Answer a connection that nobody else has, and what runs statements on it."""
        try:
            return self._waiting.pop()
        except IndexError:
            connection = self._engine.connect()
            connection.begin()  # so that SQLAlchemy and Alembic leave the end to us
            return Driver(connection)

    def give(self, lent: Driver) -> None:
        """Take a connection back that is in no transaction of the database."""
        connection = lent.connection
        lent.uses += 1
        worn = connection.invalidated or lent.uses >= USES
        if worn or len(self._waiting) >= MOST or self._process != os.getpid():
            connection.close()
        else:
            self._waiting.append(lent)

    def close(self) -> None:
        """Close those that wait."""
        while self._waiting:
            self._waiting.pop().connection.close()

    def leave(self) -> list[Connection]:
        """Answer those that wait, which are somebody else's: nobody is lent them any more."""
        waiting, self._waiting = self._waiting, []
        return [each.connection for each in waiting]


class Transaction:
    """All or nothing, on a connection that nobody else has meanwhile."""

    __slots__ = ("_begin", "_lent", "_spare")

    def __init__(self, spare: Spare, begin: str) -> None:
        self._spare, self._begin = spare, begin

    def __enter__(self) -> Driver:
        self._lent = self._spare.take()
        self._execute(self._begin)
        return self._lent

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._give_up()
            return
        self._execute("COMMIT")
        self._spare.give(self._lent)

    def _execute(self, text: str) -> None:
        try:
            self._lent.bare.execute(text)
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        try:
            _roll_back(self._lent)
        finally:
            self._spare.give(self._lent)


def _roll_back(lent: Driver) -> None:
    """End what is left of a transaction; SQLite may have ended it by itself."""
    try:
        if lent.bare.in_transaction:
            lent.bare.execute("ROLLBACK")
    except driver().Error:
        lent.connection.invalidate()
