"""Statements for PostgreSQL that are sent several at a time, by libpq itself.

To send a small statement and to take its answer, psycopg spends three times
what libpq does, and a change has a dozen of them. So what is known beforehand
is prepared once for each connection, and all that can be sent together makes
the way to the server and back together.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import psycopg as dialect

from modelry.stores.sql.statement import Cursor, Driver, Statement

MOST = 200
"""Statements that wait for an answer to be asked for; more are sent before."""

_WORDS = dialect.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as SQLAlchemy has it
_KEY = "modelry.wire"


class Asked(NamedTuple):
    """A statement whose parameters are `$1`, `$2` ..., and their values; see `Statement.fitted`."""

    text: str
    values: Sequence[object] = ()
    fitted: bool = False


class Answer:
    """What one statement was answered, as a driver's cursor tells it."""

    lastrowid: int | None = None

    def __init__(self, rows: list[tuple[Any, ...]], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def fetchone(self) -> tuple[Any, ...] | None:
        """Answer the next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """Answer all rows that are left."""
        rows, self._rows = self._rows, []
        return rows


class Ahead:
    """A question that goes ahead of the first that is sent, with it and in its transaction.

    `told` is what `read` makes of the answer, None while there is none.
    """

    def __init__(self, question: Asked, read: Callable[[Answer], Hashable]) -> None:
        self.question, self._read = question, read
        self.told: Hashable = None

    def hear(self, answer: Answer) -> None:
        """Take the answer."""
        self.told = self._read(answer)


class Wire:
    """One connection; each statement is prepared on it when it is first sent."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._names: dict[str, bytes] = {}
        self._made = 0
        self._left = False
        self._adapter = Transformer(connection)

    @property
    def closed(self) -> bool:
        """Say whether the connection has ended."""
        return self._connection.closed

    @property
    def left(self) -> bool:
        """Say whether something was sent of which nobody has taken the answer."""
        return self._left

    @property
    def status(self) -> int:
        """Say whether a transaction has begun, and how it stands; what was left is its end."""
        return TransactionStatus.IDLE if self._left else self._connection.pgconn.transaction_status

    def leave(self, last: Asked) -> None:
        """Send a statement without values, and take its answer when something else is sent.

        What breaks on the way is found then. Only this wire may use the connection before.
        """
        pgconn = self._connection.pgconn
        try:
            pgconn.enter_pipeline_mode()
            self._send(
                pgconn, [(last._replace(fitted=True), ())]
            )  # nobody hears that it has a name
            pgconn.flush()  # a few bytes; what a full socket keeps back goes with the next
        except BaseException:
            self._connection.close()
            raise
        self._left = True

    def exchange(self, statements: Sequence[Asked]) -> list[Answer]:
        """Send statements together and answer what each was answered.

        After one that is refused none is carried out: its error is raised. A
        connection that breaks, or that is left in the middle, is closed.
        """
        pgconn, found = self._connection.pgconn, list[PGresult]()
        sent = [(each, self._dumped(each.values)) for each in statements]
        left, self._left = self._left, False
        try:
            if not left:
                pgconn.enter_pipeline_mode()
            steps = self._send(pgconn, sent)
            self._connection.wait(_answers(pgconn, [[], found] if left else [found]))
            pgconn.exit_pipeline_mode()
        except BaseException as error:
            self._connection.close()
            if isinstance(error, psycopg.OperationalError):
                _refuse(found)
            raise
        for step, result in zip(steps, found, strict=True):
            if step is not None and result.status == ExecStatus.COMMAND_OK:
                self._names.update([step])
        _refuse(found)
        return [
            self._read(result) for step, result in zip(steps, found, strict=True) if step is None
        ]

    def _dumped(self, values: Sequence[object]) -> Sequence[Any]:
        """Write values as PostgreSQL reads them. Raises `psycopg.DataError` for what it cannot."""
        return self._adapter.dump_sequence(values, [PyFormat.TEXT] * len(values)) if values else ()

    def _send(
        self, pgconn: PGconn, sent: Sequence[tuple[Asked, Sequence[Any]]]
    ) -> list[tuple[str, bytes] | None]:
        """Hand all to libpq; answer for each message what it gives a name to, None for a query."""
        steps: list[tuple[str, bytes] | None] = []
        new: dict[str, bytes] = {}
        for (text, _, fitted), values in sent:
            if fitted:
                pgconn.send_query_params(text.encode(), values)
                steps.append(None)
                continue
            name = self._names.get(text) or new.get(text)
            if name is None:
                self._made += 1
                name = new[text] = b"modelry_%d" % self._made
                pgconn.send_prepare(name, text.encode())
                steps.append((text, name))
            pgconn.send_query_prepared(name, values)
            steps.append(None)
        pgconn.pipeline_sync()
        return steps

    def _read(self, result: PGresult) -> Answer:
        if result.status != ExecStatus.TUPLES_OK:
            return Answer([], result.command_tuples or 0)
        self._adapter.set_pgresult(result)
        return Answer(self._adapter.load_rows(0, result.ntuples, tuple), result.ntuples)


def _answers(pgconn: PGconn, parts: Sequence[list[PGresult]]) -> Generator[Wait, int, None]:
    """Send what is left to send and collect what comes back, for `psycopg.Connection.wait`.

    Each of the parts takes what was sent together.
    """
    while pgconn.flush():
        ready = yield Wait.RW
        if ready & Ready.R:  # who does not read while it writes may wait for one who does so too
            pgconn.consume_input()
    for part in parts:
        while True:
            while pgconn.is_busy():
                yield Wait.R
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
                break
            if result is not None:
                part.append(result)
            elif pgconn.status != ConnStatus.OK:
                msg = "the connection is lost"
                raise psycopg.OperationalError(msg)


def _refuse(found: Sequence[PGresult]) -> None:
    """Raise the first error that the server answered."""
    for result in found:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)


def wire_of(connection: Connection) -> Wire:
    """Answer the wire of a connection of the pool, which knows what is prepared on it."""
    bare = connection.connection.driver_connection
    assert isinstance(bare, psycopg.Connection)  # noqa: S101 - for the type checker
    wire: Wire | None = connection.info.get(_KEY)
    if wire is None:
        wire = connection.info[_KEY] = Wire(bare)
    return wire


def settle(connection: Connection) -> None:
    """Take the answer that was left on a connection, before anything else uses it."""
    wire: Wire | None = connection.info.get(_KEY)
    if wire is None or not wire.left:
        return
    try:
        wire.exchange(())
    except psycopg.Error:
        connection.invalidate()  # it broke while nobody used it


class WireDriver(Driver):
    """Runs statements over a wire; what is written waits until something is asked.

    `begin` goes before the first. Where the connection is found broken by then,
    nothing was begun: `renew` gives another, once. With `patient` false nothing
    waits, so each refusal comes where it belongs. `ahead` comes next after `begin`.
    """

    def __init__(
        self,
        connection: Connection,
        begin: Sequence[Asked],
        renew: Callable[[], Connection] | None = None,
        *,
        patient: bool = True,
        ahead: Ahead | None = None,
    ) -> None:
        super().__init__(connection)
        self._begin, self._renew, self._ahead = begin, renew, ahead
        self._wire = wire_of(connection)
        self._waiting: list[Asked] = []
        self._coming: list[Asked] = []
        self._foreseen: list[tuple[Asked, Answer]] = []
        self._most = MOST if patient else 1
        self.written = 0

    def run(self, statement: Statement, given: Mapping[str, object]) -> Cursor:
        """Run a statement, after what waits."""
        question = asked(statement, given)
        for at, (known, answer) in enumerate(self._foreseen):
            if known == question:
                del self._foreseen[at]
                return answer
        coming, self._coming = self._coming, []
        self._waiting += [question, *coming]
        answers = self._send()[-1 - len(coming) :]
        self._foreseen += zip(coming, answers[1:], strict=True)
        return answers[0]

    def foresee(self, statement: Statement, given: Mapping[str, object]) -> None:
        """Ask with the next question what will be asked after it, unless something is written."""
        question = asked(statement, given)
        if all(known != question for known, _ in self._foreseen):
            self._coming.append(question)

    def write(self, statement: Statement, given: Mapping[str, object]) -> None:
        """Let a statement wait for the next that is run."""
        self._forget()
        self.written += 1
        self._waiting.append(asked(statement, given))
        if len(self._waiting) >= self._most:
            self._send()

    def write_each(self, statement: Statement, rows: Sequence[Mapping[str, object]]) -> None:
        """Let a statement wait for each row."""
        for row in rows:
            self.write(statement, row)

    def settled(self) -> Connection:
        """Begin, send what waits, and answer the connection."""
        self._forget()
        self._send()
        return super().settled()

    def begin(self) -> None:
        """Begin where nothing was sent yet: what ends a transaction never goes with its begin."""
        if self._begin:
            self._send()

    def finish(self, last: Asked) -> None:
        """Send what waits, and a last statement with it."""
        self._waiting.append(last)
        self._send()

    def _forget(self) -> None:
        self._coming.clear()
        self._foreseen.clear()

    def _send(self) -> list[Answer]:
        first, self._begin = self._begin, ()
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.told is None:
            self._waiting.insert(0, ahead.question)
        else:
            ahead = None
        sent, self._waiting = [*first, *self._waiting], []
        if not sent:
            return []
        answers = self._exchange(sent, first)[len(first) :]
        if ahead is None:
            return answers
        ahead.hear(answers[0])
        return answers[1:]

    def _exchange(self, sent: Sequence[Asked], first: Sequence[Asked]) -> list[Answer]:
        """Send, and where nothing was begun send it once more on another connection."""
        try:
            return self._wire.exchange(sent)
        except psycopg.OperationalError:
            if not first or self._renew is None or not self._wire.closed:
                raise
        self._connection = self._renew()
        self._wire = wire_of(self._connection)
        return self._wire.exchange(sent)


def asked(statement: Statement, given: Mapping[str, object]) -> Asked:
    """Answer a statement and its values as they are sent."""
    compiled = statement.compiled(_WORDS)
    return Asked(compiled.text, compiled.values(given), statement.fitted)
