"""Connections of a pool that wait at hand for their next transaction.

To ask SQLAlchemy's pool for a connection and to give it back costs a tenth of
what a small change does. So one that was lent waits here, still counted by
the pool as lent, unless somebody is waiting for the pool.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import Connection, Engine


class Lender:
    """Lends connections of an engine; safe among threads, each has one at a time.

    `settle` is called with each before SQLAlchemy takes it back.
    """

    def __init__(
        self, engine: Engine, settle: Callable[[Connection], None] = lambda _: None
    ) -> None:
        self._engine, self._settle = engine, settle
        self._lock = threading.Lock()
        self._waiting: list[Connection] = []
        self._asking = 0

    def take(self) -> Connection:
        """Answer a connection that nobody else has. Raises SQLAlchemy's `TimeoutError`."""
        with self._lock:
            if self._waiting:
                return self._waiting.pop()
            self._asking += 1
        try:
            return self.new()
        finally:
            with self._lock:
                self._asking -= 1

    def new(self) -> Connection:
        """Answer a connection from the pool."""
        connection = self._engine.connect()
        connection.begin()  # so that SQLAlchemy and Alembic leave the end to us
        return connection

    def give(self, connection: Connection) -> None:
        """Take a connection back that is in no transaction of the database."""
        with self._lock:
            keep = not (self._asking or connection.closed or connection.invalidated)
            if keep:
                self._waiting.append(connection)
        if not keep:
            self._end(connection)

    def close(self) -> None:
        """Give those that wait back to the pool."""
        for connection in self.leave():
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        if not (connection.closed or connection.invalidated):
            self._settle(connection)
        connection.close()

    def leave(self) -> list[Connection]:
        """Answer those that wait: nobody is lent them any more."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return waiting
