"""A connection of PostgreSQL that is lent to one user, and given back with nothing left on it."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from modelry.stores.sql.lender import Lender
from modelry.stores.sql.wire import Asked, wire_of

ROLLBACK = Asked("ROLLBACK")


class Loan:
    """A connection of a pool, for one user until it is given back."""

    def __init__(self, lender: Lender) -> None:
        self._lender = lender
        self._use(lender.take())

    def _use(self, connection: Connection) -> None:
        self.connection, self.wire = connection, wire_of(connection)

    def renew(self) -> Connection:
        """Answer another connection in place of one that was found broken.

        SQLAlchemy is let to find that out for itself: then it trusts none that is as old.
        """
        with suppress(DBAPIError):
            self.connection.exec_driver_sql("SELECT 1")
        self.connection.close()
        self._use(self._lender.new())
        return self.connection

    def roll_back(self, *, waiting: bool = True) -> None:
        """End what was begun. Raises `psycopg.Error` for a connection that cannot."""
        if self.wire.status == TransactionStatus.IDLE:
            return
        if waiting:
            self.wire.exchange([ROLLBACK])
        else:
            self.wire.leave(ROLLBACK)

    def let_go(self) -> None:
        """Give the locks of a session back; the end of a connection gives them back too."""
        self._ended()
        if self.connection.closed or self.connection.invalidated:
            return
        try:
            self.connection.exec_driver_sql("SELECT pg_advisory_unlock_all(); RESET lock_timeout")
        except DBAPIError:
            self.connection.invalidate()

    def _ended(self, *, waiting: bool = True) -> None:
        """End what is left of a transaction; a connection that cannot is thrown away."""
        if self.connection.closed or self.connection.invalidated:
            return
        try:
            self.roll_back(waiting=waiting)
        except psycopg.Error:
            self.connection.invalidate()

    def end(self, *, waiting: bool = True) -> None:
        """Give the connection back, with nothing left on it but an answer where nobody waits."""
        self._ended(waiting=waiting)
        self._lender.give(self.connection)
