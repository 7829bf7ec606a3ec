"""A bare connection to PostgreSQL for each thread, for what must be fast.

It runs one prepared statement at a time, each a transaction of its own. A
connection that broke is replaced, and what was asked is asked once more.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import psycopg

from modelry.stores.sql.wire import Ahead, Answer, Asked, Wire

_OUTDATED_PLAN = "0A000"
_INHERITED: list[object] = []
"""What a parent opened and a fork must not close, which would end it for the parent too."""


def leave_to_parent(*things: object) -> None:
    """Keep what a fork inherited from being collected, and so from being closed."""
    _INHERITED.extend(things)


class _Own:
    """The connection of a thread, closed when the thread has ended."""

    def __init__(self, conninfo: str) -> None:
        self._process = os.getpid()
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.wire = Wire(self.connection)

    def close(self) -> None:
        if self._process == os.getpid():
            self.connection.close()

    def __del__(self) -> None:
        if hasattr(self, "connection"):
            self.close()


class HotConnections:
    """Asks short questions; `breaks` counts how often a connection was found broken."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._local = threading.local()
        self._all: weakref.WeakSet[_Own] = weakref.WeakSet()
        self._process = os.getpid()
        self.breaks = 0

    def row(self, question: Asked, ahead: Ahead | None = None) -> tuple[Any, ...] | None:
        """Answer the first row of a query; see `ask`."""
        return self.ask([question], ahead)[0].fetchone()

    def ask(self, questions: Sequence[Asked], ahead: Ahead | None = None) -> list[Answer]:
        """Answer queries that are sent together, before which something may be asked `ahead`."""
        if ahead is None or ahead.told is not None:
            return self._asked(questions)
        first, *answers = self._asked([ahead.question, *questions])
        ahead.hear(first)
        return answers

    def _asked(self, questions: Sequence[Asked]) -> list[Answer]:
        if os.getpid() != self._process:
            self._after_fork()
        own: _Own | None = getattr(self._local, "own", None)
        if own is not None:
            try:
                return own.wire.exchange(questions)
            except (psycopg.OperationalError, psycopg.NotSupportedError) as error:
                if not own.connection.closed and error.sqlstate != _OUTDATED_PLAN:
                    raise
                own.close()
                self.breaks += 1
        own = self._local.own = _Own(self._conninfo)
        self._all.add(own)
        return own.wire.exchange(questions)

    def _after_fork(self) -> None:
        leave_to_parent(self._local, *self._all)
        self._local, self._all = threading.local(), weakref.WeakSet()
        self._process = os.getpid()

    def close(self) -> None:
        """Give the connections of all threads back."""
        if self._process == os.getpid():
            for own in list(self._all):
                own.close()
        self._local, self._all = threading.local(), weakref.WeakSet()
