"""PostgreSQL: one database for a team, whose changes run side by side.

Changes are SERIALIZABLE: PostgreSQL itself sees to it that what was committed
is what some order of them, one after another, would have left. Who cannot be
fitted into such an order is refused by it, and tried again here.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from modelry.core.errors import Invalid, Unavailable
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Version
from modelry.core.names import Ref
from modelry.core.ports import Unit, View
from modelry.core.selection import FoundVersion, Selection
from modelry.core.strict_json import Json
from modelry.stores.sql import rows
from modelry.stores.sql.address import Address, address_of
from modelry.stores.sql.glance import Glance
from modelry.stores.sql.growth import Growth
from modelry.stores.sql.hot import HotConnections, leave_to_parent
from modelry.stores.sql.kept import KEPT, kept_body
from modelry.stores.sql.lender import Lender
from modelry.stores.sql.loan import Loan
from modelry.stores.sql.postgresql_refusals import (
    busy,
    is_race,
    is_taken,
    translated,
    unknown_outcome,
)
from modelry.stores.sql.postgresql_unit import Numbers, PostgresqlUnit
from modelry.stores.sql.postgresql_view import PostgresqlView
from modelry.stores.sql.races import Race, lock_key, take_locks
from modelry.stores.sql.revision import make_tables, refuse_other, stamped, stamps
from modelry.stores.sql.selecting import found_in, page_query
from modelry.stores.sql.tables import metadata
from modelry.stores.sql.view import LIFECYCLE, lifecycle_in, version_parameters, version_statement
from modelry.stores.sql.wire import Ahead, Answer, Asked, WireDriver, asked, settle

T = TypeVar("T")

OLDEST = 140000
PATIENCE = 60.0
"""Seconds that a caller waits for other writers, or for a connection."""

TURN = 0.05
"""Seconds that a change waits for the others of its process."""

READ = (Asked("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),)
CHANGE = Asked("BEGIN ISOLATION LEVEL SERIALIZABLE")
LIMITS = "SELECT set_config('enable_seqscan', 'off', true), set_config('lock_timeout', $1, true)"
"""Whoever reads a whole table conflicts with all who write to it; an index says what was read."""

ALONE = (Asked("BEGIN"), Asked(f"SELECT pg_advisory_xact_lock({lock_key('@schema')})"))
"""Begins a change of the schema, for which all other such changes wait."""

_LOOK_AT_TABLES = (
    Asked("BEGIN"),
    Asked("SELECT set_config('lock_timeout', '5000', true)"),
    Asked(f"ANALYZE {', '.join(sorted(metadata.tables))}"),
    Asked("COMMIT"),
)
_GENERATION = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text "
    "ELSE pg_current_snapshot()::text END"
)
_SNAPSHOT = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_snapshot()::text END"
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
        self._lender = Lender(self._engine, settle)
        self._hot = HotConnections(address.conninfo)
        self._local = threading.local()
        self._watch()

    def _watch(self) -> None:
        """Give connections back when nobody has the store any more, also without `close`."""
        given = (self._engine, self._lender, self._hot, os.getpid())
        self._end = weakref.finalize(self, _give_back, *given)

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
    def transaction(self, begin: Sequence[Asked], *, apart: bool = False) -> Iterator[Connection]:
        """Run what is inside in one transaction; `apart` on a connection beside the pool."""
        with self._lent(apart=apart) as loan:
            driver = WireDriver(loan.connection, begin, loan.renew)
            yield driver.settled()
            self._commit(loan, lambda: driver.finish(Asked("COMMIT")))

    @contextmanager
    def _lent(self, *, apart: bool = False, looking: bool = False) -> Iterator[Loan]:
        """Lend a connection; whatever was begun on it is undone at the end.

        For who is only `looking` nobody waits for that.
        """
        if os.getpid() != self._process:
            self._after_fork()
        lender = Lender(self._apart) if apart else self._lender
        loan = Loan(lender)
        try:
            yield loan
        finally:
            loan.end(waiting=apart or not looking)
            if apart:
                lender.close()

    def _commit(self, loan: Loan, commit: Callable[[], object]) -> None:
        """End a transaction by `commit`. Raises `Unavailable` where nobody knows how it ended."""
        if loan.wire.status == TransactionStatus.INERROR:
            msg = f"{self._address.where} refused a part of the change; nothing was changed"
            raise Unavailable(msg, reason="aborted")
        try:
            commit()
        except psycopg.Error as error:
            if loan.wire.closed:
                raise unknown_outcome(self._address.where) from error
            raise

    def _after_fork(self) -> None:
        """Leave the parent's connections alone: a connection has one user."""
        leave_to_parent(self._engine.pool, self._apart.pool, *self._lender.leave())
        self._engine.dispose(close=False)
        self._apart.dispose(close=False)
        self._end.detach()
        self._process = os.getpid()
        self._lender = Lender(self._engine, settle)
        self._watch()

    def close(self) -> None:
        """See `Store.close`."""
        _give_back(self._engine, self._lender, self._hot, self._process)


class PostgresqlStore(PostgresqlDatabase):
    """The `Store` port on PostgreSQL."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._turn = threading.Lock()
        self._follows = False
        self._numbers, self._growth = Numbers(), Growth()
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
        with translated(self._address.where), self._looking() as view:
            yield view

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """See `Store.snapshot`: PostgreSQL keeps old rows as long as somebody looks at them."""
        with translated(self._address.where), self._looking(apart=True) as view:
            yield view

    @contextmanager
    def _looking(self, *, apart: bool = False) -> Iterator[View]:
        with self._lent(apart=apart, looking=True) as loan:

            def renew() -> Connection:
                self._hot.breaks += 1
                return loan.renew()

            yield PostgresqlView(WireDriver(loan.connection, READ, renew, ahead=self._ahead))

    @property
    def _ahead(self) -> Ahead | None:
        """What this thread asks before it reads."""
        ahead: Ahead | None = getattr(self._local, "ahead", None)
        return ahead

    @contextmanager
    def marking(self) -> Iterator[Ahead]:
        """Ask for the mark along with the first that this thread reads inside: a way less.

        `Ahead.told` is then what `generation` would have answered before it, None
        where nothing was read or nobody could tell.
        """
        ahead = self._local.ahead = Ahead(Asked(_SNAPSHOT), self._marked)
        if self._follows:
            ahead.told = self.generation()
        try:
            yield ahead
        finally:
            self._local.ahead = None

    def _marked(self, answer: Answer) -> Hashable:
        """Read the snapshot that a transaction looks at; a standby has none that says as much."""
        row = answer.fetchone()
        if row is None or row[0] is None:
            self._follows = True
            return None
        return self._hot.breaks, row[0]

    def resolve(self, ref: Ref) -> Version | None:
        """See `Store.resolve`: a prepared statement on a connection of this thread."""
        question = asked(version_statement(ref.selector), version_parameters(ref))
        with translated(self._address.where):
            row = self._hot.row(question, self._ahead)
        return rows.version(row) if row else None

    def generation(self) -> Hashable:
        """See `Store.generation`: which transactions can be seen.

        A change has a number, and is among those that can be seen or not: so
        two equal snapshots see the same. A standby does not tell; there the
        place in the log that it has come to is the mark. Another server may
        have taken over where a connection broke, so that is in the mark too.
        """
        with translated(self._address.where):
            row = self._hot.row(Asked(_GENERATION))
        return self._hot.breaks, row[0] if row else None

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """See `Store.kept`."""
        with translated(self._address.where):
            row = self._hot.row(asked(KEPT, {"kind": kind, "key": key}))
        return kept_body(row[0]) if row else None

    def select_versions(
        self, project: str, selection: Selection
    ) -> tuple[Lifecycle | None, Sequence[FoundVersion]]:
        """See `Store.select_versions`: by one way to the server, where the page is one question."""
        page = page_query(project, selection)
        if page is None:
            with self.read() as view:
                return view.lifecycle(project), view.select_versions(project, selection)
        with translated(self._address.where):
            stages = asked(LIFECYCLE, {"project": project})
            told, found = self._hot.ask([stages, asked(*page)], self._ahead)
        row = told.fetchone()
        return (lifecycle_in(row[0]) if row else None), [found_in(row) for row in found.fetchall()]

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
                with self._in_line(race) as loan:
                    keys = race.keys
                    while race.keys == keys:
                        done, answer = self._attempt(loan, work, race)
                        if done:
                            return answer

    def _attempt(self, loan: Loan, work: Callable[[Unit], T], race: Race) -> tuple[bool, T]:
        """Try once; answer whether that was it, and what `work` answered."""
        renew = None if race.keys else loan.renew  # another connection has not the locks
        driver = WireDriver(loan.connection, _begin(race), renew, patient=not race.careful)
        unit = PostgresqlUnit(driver, self._numbers, careful=race.careful)
        try:
            answer = work(unit)
            unit.begin()
            self._commit(loan, unit.commit)
        except (DBAPIError, psycopg.Error) as error:
            if not is_race(error):
                raise
            if race.over:
                raise busy(self._address.where) from error
            loan.roll_back()
            race.lose(unit.touched, careful=is_taken(error))
            return False, None  # type: ignore[return-value]  # nothing was answered
        if self._growth.wrote(driver.written):
            with suppress(psycopg.Error):  # what was asked for is done; PostgreSQL looks later
                loan.wire.exchange(_LOOK_AT_TABLES)
        return True, answer

    @contextmanager
    def _in_line(self, race: Race) -> Iterator[Loan]:
        """Lend a connection that holds the locks which the race asks for by now."""
        with self._lent() as loan:
            if not race.keys:
                yield loan
                return
            waits = f"SET lock_timeout = {race.milliseconds}; {take_locks(race.keys)}"
            try:
                WireDriver(loan.connection, (Asked("SELECT 1"),), loan.renew).begin()
                loan.connection.exec_driver_sql(waits)
                yield loan
            finally:
                loan.let_go()

    def _after_fork(self) -> None:
        super()._after_fork()
        self._numbers, self._growth = Numbers(), Growth()


@contextmanager
def _turn(lock: threading.Lock, patience: float) -> Iterator[None]:
    """Wait for the others of this process, but not for one that takes long."""
    mine = lock.acquire(timeout=patience)
    try:
        yield
    finally:
        if mine:
            lock.release()


def _begin(race: Race) -> Sequence[Asked]:
    return CHANGE, Asked(LIMITS, [str(race.milliseconds)])


def _configure(connection: psycopg.Connection[Any], record: object) -> None:
    """Let no commit be acknowledged before it is on the disk, whatever the server's default."""
    del record
    connection.execute(_DURABLE)


def _give_back(engine: Engine, lender: Lender, hot: HotConnections, process: int) -> None:
    if process == os.getpid():  # what a parent opened is the parent's
        lender.close()
        engine.dispose()
        hot.close()
