"""Connections that wait for their next transaction, just as the last one left them.

A pool looks after connections that may break at any time, and takes longer to
lend one than a small file database takes to answer.
"""

from __future__ import annotations

import os

from sqlalchemy import Connection, Engine

MOST = 8
"""How many connections wait at most; each may keep pages in memory."""


class Spare:
    """Lends connections of an engine; safe among threads, each has one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[Connection] = []
        self._process = os.getpid()

    def take(self) -> Connection:
        """Answer a connection that nobody else has."""
        try:
            return self._waiting.pop()
        except IndexError:
            connection = self._engine.connect()
            connection.begin()  # so that SQLAlchemy and Alembic leave the end to us
            return connection

    def give(self, connection: Connection) -> None:
        """Take a connection back that is in no transaction of the database."""
        if connection.invalidated or len(self._waiting) >= MOST or self._process != os.getpid():
            connection.close()
        else:
            self._waiting.append(connection)

    def close(self) -> None:
        """Close those that wait."""
        while self._waiting:
            self._waiting.pop().close()

    def leave(self) -> list[Connection]:
        """Answer those that wait, which are somebody else's: nobody is lent them any more."""
        waiting, self._waiting = self._waiting, []
        return waiting
