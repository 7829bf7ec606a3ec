"""The mark of PostgreSQL without a thread: an event loop asks, and is told when it can read.

A thread that waits for the answer costs several times what the question does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import psycopg
from psycopg.pq import ExecStatus

from modelry.core.errors import Unavailable

_NAME = b"modelry_mark"


class Glance:
    """One connection that asks one question, by libpq's own way of not waiting.

    `ask`, then `answer` whenever `fileno` can be read, until it answers. For
    one loop alone; nothing of it waits but `open`.
    """

    def __init__(self, conninfo: str, question: str, breaks: Callable[[], int]) -> None:
        self._conninfo, self._question, self._breaks = conninfo, question, breaks
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def open(self) -> int:
        """Connect, and answer what to wait on. Raises `psycopg.Error`."""
        connection = psycopg.connect(self._conninfo, autocommit=True)
        connection.pgconn.prepare(_NAME, self._question.encode())
        self._connection = connection
        return connection.pgconn.socket

    def ask(self) -> None:
        """Send the question. Raises `Unavailable` where nobody is there."""
        pgconn = self._open().pgconn
        try:
            pgconn.send_query_prepared(_NAME, None)
            pgconn.flush()
        except psycopg.Error as error:
            raise _gone() from error

    def answer(self) -> Hashable:
        """Answer the mark, None while it is not here yet. Raises `Unavailable`."""
        pgconn = self._open().pgconn
        try:
            pgconn.consume_input()
            if pgconn.is_busy():
                return None
            result = pgconn.get_result()
            told = (
                result.get_value(0, 0) if result and result.status == ExecStatus.TUPLES_OK else None
            )
            while result is not None:
                result = pgconn.get_result()
        except psycopg.Error as error:
            raise _gone() from error
        if told is None:
            raise _gone()
        return self._breaks(), told.decode()

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._connection is None:
            raise _gone()
        return self._connection


def _gone() -> Unavailable:
    return Unavailable("the database went away; try again", reason="database")
