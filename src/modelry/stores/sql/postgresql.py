"""PostgreSQL: one database for a team, whose changes run side by side.

Changes are SERIALIZABLE: PostgreSQL itself sees to it that what was committed
is what some order of them, one after another, would have left. Who cannot be
fitted into such an order is refused by it, and tried again here.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.postgresql import psycopg as dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from modelry.core.errors import Invalid, Unavailable
from modelry.core.model import Version
from modelry.core.names import Ref, Selector
from modelry.core.ports import Unit, View
from modelry.core.strict_json import Json
from modelry.stores.sql import rows
from modelry.stores.sql.address import Address, address_of
from modelry.stores.sql.glance import Glance
from modelry.stores.sql.hot import HotConnections, leave_to_parent
from modelry.stores.sql.kept import KEPT, kept_body
from modelry.stores.sql.postgresql_refusals import busy, is_race, translated, unknown_outcome
from modelry.stores.sql.postgresql_unit import PostgresqlUnit
from modelry.stores.sql.races import Race, lock_key, take_locks
from modelry.stores.sql.revision import make_tables, refuse_other, stamped, stamps
from modelry.stores.sql.tables import metadata
from modelry.stores.sql.view import SqlView, select_version, version_parameters

T = TypeVar("T")

OLDEST = 140000
PATIENCE = 60.0
"""Seconds that a caller waits for other writers, or for a connection."""

TURN = 0.05
"""Seconds that a change waits for the others of its process."""

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
CHANGE = "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL enable_seqscan = off"
"""Whoever reads a whole table conflicts with all who write to it; an index says what was read."""

ALONE = f"BEGIN; SELECT pg_advisory_xact_lock({lock_key('@schema')})"
"""Begins a change of the schema, for which all other such changes wait."""

_GENERATION = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text "
    "ELSE pg_current_snapshot()::text END"
)
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
# Asked of the catalogue itself: `to_regclass` may answer from before a lock was waited for.
_TABLES = (
    "SELECT relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
    "ON n.oid = c.relnamespace WHERE n.nspname = ANY (current_schemas(false)) AND relkind = 'r'"
)
_FACTS = (
    "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
    f"'alembic_version' IN ({_TABLES})"
)
_SELECTORS: tuple[Selector, ...] = ("none", "latest", "number", "label", "pointer", "digest")


def open_postgresql(uri: str) -> PostgresqlStore:
    """Open `postgresql://user:password@host/database`, making the tables where there are none."""
    return PostgresqlStore(address_of(uri))


class PostgresqlDatabase:
    """The connections to a database; safe among threads and processes."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._process = os.getpid()
        self._engine = self._make_engine(
            pool_size=address.pool_size, max_overflow=0, pool_timeout=PATIENCE, pool_use_lifo=True
        )
        self._apart = self._make_engine(poolclass=NullPool)
        self._hot = HotConnections(address.conninfo)
        self._end = weakref.finalize(self, _give_back, self._engine, self._hot, os.getpid())

    def _make_engine(self, **how: Any) -> Engine:  # noqa: ANN401 - options of SQLAlchemy
        conninfo = self._address.conninfo
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(conninfo, autocommit=True),
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            **how,
        )
        event.listen(engine, "connect", _configure)
        return engine

    def revision(self, connection: Connection) -> str | None:
        """Answer the schema, None where there is none. Raises for a server that cannot do."""
        version, encoding, found = connection.exec_driver_sql(_FACTS).one()
        if version < OLDEST:
            msg = f"{self._address.where} is version {version // 10000}; use 14 or newer"
            raise Unavailable(msg, reason="version")
        if encoding != "UTF8":
            msg = f"{self._address.where} keeps text as {encoding}; make one with ENCODING 'UTF8'"
            raise Invalid(msg, encoding=encoding)
        return stamped(connection) if found else None

    @contextmanager
    def transaction(self, begin: str, *, apart: bool = False) -> Iterator[Connection]:
        """Run what is inside in one transaction; `apart` on a connection beside the pool."""
        with self._connection(begin, apart=apart) as connection:
            yield connection
            self._commit(connection)

    @contextmanager
    def _connection(self, first: str, *, apart: bool = False) -> Iterator[Connection]:
        """Lend a connection on which `first` was run; whatever it began is undone at the end."""
        connection = self._begun(self._apart if apart else self._engine, first)
        try:
            yield connection
        finally:
            _roll_back(connection)
            connection.close()

    def _begun(self, engine: Engine, first: str) -> Connection:
        """Find out with `first` whether the connection lives; a second one is new."""
        if os.getpid() != self._process:
            self._after_fork()
        try:
            return _tried(engine, first)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return _tried(engine, first)

    def _commit(self, connection: Connection) -> None:
        """End a transaction. Raises `Unavailable` where nobody knows how it ended."""
        if _status(connection) == TransactionStatus.INERROR:
            msg = f"{self._address.where} refused a part of the change; nothing was changed"
            raise Unavailable(msg, reason="aborted")
        driver = _driver(connection)
        try:
            driver.execute("COMMIT", prepare=False)
        except psycopg.Error as error:
            if driver.closed:
                raise unknown_outcome(self._address.where) from error
            raise

    def _after_fork(self) -> None:
        """Leave the parent's connections alone: a connection has one user."""
        leave_to_parent(self._engine.pool, self._apart.pool)
        self._engine.dispose(close=False)
        self._apart.dispose(close=False)
        self._end.detach()
        self._process = os.getpid()
        self._end = weakref.finalize(self, _give_back, self._engine, self._hot, os.getpid())

    def close(self) -> None:
        """See `Store.close`."""
        _give_back(self._engine, self._hot, self._process)


class PostgresqlStore(PostgresqlDatabase):
    """The `Store` port on PostgreSQL."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._texts = {selector: _compiled(selector) for selector in _SELECTORS}
        self._kept = KEPT.compiled(self._engine.dialect).text
        self._turn = threading.Lock()
        with translated(address.where):
            self._prepare()

    def _prepare(self) -> None:
        """Make the tables of an empty database; refuse those of something else or another time."""
        with self.transaction(READ) as connection:
            if self._is_ours(connection):
                return
        with self.transaction(ALONE) as connection:
            if self._is_ours(connection):
                return  # another process was faster
            there = {row[0] for row in connection.exec_driver_sql(_TABLES)}
            taken = sorted(there & {*metadata.tables, stamps.name})
            if taken:
                msg = f"{self._address.where} has a table {taken[0]} of something else; use another"
                raise Invalid(msg, table=taken[0])
            make_tables(connection)

    def _is_ours(self, connection: Connection) -> bool:
        revision = self.revision(connection)
        if revision is not None:
            refuse_other(self._address.where, "postgresql://...", revision)
        return revision is not None

    @contextmanager
    def read(self) -> Iterator[View]:
        """See `Store.read`."""
        with translated(self._address.where), self._connection(READ) as connection:
            yield SqlView(connection)

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """See `Store.snapshot`: PostgreSQL keeps old rows as long as somebody looks at them."""
        with translated(self._address.where), self._connection(READ, apart=True) as connection:
            yield SqlView(connection)

    def resolve(self, ref: Ref) -> Version | None:
        """See `Store.resolve`: a prepared statement on a connection of this thread."""
        statement, defaults = self._texts[ref.selector]
        with translated(self._address.where):
            row = self._hot.row(statement, {**defaults, **version_parameters(ref)})
        return rows.version(row) if row else None

    def generation(self) -> Hashable:
        """See `Store.generation`: which transactions can be seen.

        A change has a number, and is among those that can be seen or not: so
        two equal snapshots see the same. A standby does not tell; there the
        place in the log that it has come to is the mark. Another server may
        have taken over where a connection broke, so that is in the mark too.
        """
        with translated(self._address.where):
            row = self._hot.row(_GENERATION)
        return self._hot.breaks, row[0] if row else None

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """See `Store.kept`."""
        with translated(self._address.where):
            row = self._hot.row(self._kept, {"kind": kind, "key": key})
        return kept_body(row[0]) if row else None

    def glance(self) -> Glance:
        """Answer what asks for `generation` without waiting, for an event loop."""
        return Glance(self._address.conninfo, _GENERATION, lambda: self._hot.breaks)

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        """See `Store.change`: bold at first, in line after a lost race; each commits alone.

        Changes of one process take turns, as far as that takes no time: side
        by side they would only be in one another's way.
        """
        race = Race(PATIENCE)
        with translated(self._address.where), _turn(self._turn, 0 if alone else TURN):
            while True:
                with self._in_line(race) as connection:
                    keys = race.keys
                    while race.keys == keys:
                        done, answer = self._attempt(connection, work, race)
                        if done:
                            return answer

    def _attempt(
        self, connection: Connection, work: Callable[[Unit], T], race: Race
    ) -> tuple[bool, T]:
        """Try once; answer whether that was it, and what `work` answered."""
        unit = PostgresqlUnit(connection)
        try:
            if _status(connection) == TransactionStatus.IDLE:
                connection.exec_driver_sql(_begin(race))
            answer = work(unit)
            self._commit(connection)
        except (DBAPIError, psycopg.Error) as error:
            if not is_race(error):
                raise
            if race.over:
                raise busy(self._address.where) from error
            connection.exec_driver_sql("ROLLBACK")
            race.lose(unit.touched)
            return False, None  # type: ignore[return-value]  # nothing was answered
        return True, answer

    @contextmanager
    def _in_line(self, race: Race) -> Iterator[Connection]:
        """Lend a connection that holds the locks which the race asks for by now."""
        if not race.keys:
            with self._connection(_begin(race)) as connection:
                yield connection
            return
        waits = f"SET lock_timeout = {race.milliseconds}; {take_locks(race.keys)}"
        with self._connection("SELECT 1") as connection:
            try:
                connection.exec_driver_sql(waits)
                yield connection
            finally:
                _let_go(connection)


@contextmanager
def _turn(lock: threading.Lock, patience: float) -> Iterator[None]:
    """Wait for the others of this process, but not for one that takes long."""
    mine = lock.acquire(timeout=patience)
    try:
        yield
    finally:
        if mine:
            lock.release()


def _begin(race: Race) -> str:
    return f"{CHANGE}; SET LOCAL lock_timeout = {race.milliseconds}"


def _configure(connection: psycopg.Connection[Any], record: object) -> None:
    """Let no commit be acknowledged before it is on the disk, whatever the server's default."""
    del record
    connection.execute(_DURABLE)


def _give_back(engine: Engine, hot: HotConnections, process: int) -> None:
    if process == os.getpid():  # what a parent opened is the parent's
        engine.dispose()
        hot.close()


def _tried(engine: Engine, first: str) -> Connection:
    """Run `first` on a connection of the pool.

    Where it is found broken, SQLAlchemy is let to find that out for itself:
    then it trusts no connection that is as old.
    """
    connection = engine.connect()
    driver = _driver(connection)
    try:
        connection.begin()  # so that SQLAlchemy and Alembic leave the end to us
        try:
            driver.execute(first, prepare=False)
        except psycopg.Error:
            if not driver.closed:
                raise
            connection.exec_driver_sql(first)
    except BaseException:
        connection.close()
        raise
    return connection


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - for the type checker
    return driver


def _status(connection: Connection) -> TransactionStatus:
    return _driver(connection).info.transaction_status


def _roll_back(connection: Connection) -> None:
    """End what is left of a transaction; a connection that cannot is thrown away."""
    if connection.invalidated:
        return
    try:
        if _status(connection) != TransactionStatus.IDLE:
            _driver(connection).execute("ROLLBACK", prepare=False)
    except psycopg.Error:
        connection.invalidate()


def _let_go(connection: Connection) -> None:
    """Give the locks of a session back; the end of a connection gives them back too."""
    _roll_back(connection)
    if connection.invalidated:
        return
    try:
        connection.exec_driver_sql("SELECT pg_advisory_unlock_all(); RESET lock_timeout")
    except DBAPIError:
        connection.invalidate()


def _compiled(selector: Selector) -> tuple[str, dict[str, Any]]:
    """Compile the query of a ref once: its text, and what of its parameters is always the same."""
    compiled = select_version(selector).compile(
        dialect=dialect.dialect(),  # type: ignore[no-untyped-call]  # as SQLAlchemy has it
        compile_kwargs={"render_postcompile": True},
    )
    defaults = {name: value for name, value in compiled.params.items() if value is not None}
    return str(compiled), defaults
