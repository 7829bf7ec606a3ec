"""SQLite: one file, as durable as the disk allows.

SQLite 3.7.0 to 3.51.2 has a bug (fixed in 3.51.3, 3.50.7 and 3.44.6) by which
concurrent writers can corrupt a database in WAL mode. So the version in use
(see `driver`) decides: a fixed one writes ahead, any other keeps a rollback
journal. With synchronous=EXTRA neither loses what was acknowledged when the power fails.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from modelry.core.errors import Invalid, Unavailable
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Version
from modelry.core.names import Ref
from modelry.core.ports import Unit, View
from modelry.core.selection import FoundVersion, Selection
from modelry.core.strict_json import Json
from modelry.stores.sql import rows
from modelry.stores.sql.driver import driver, journal
from modelry.stores.sql.kept import KEPT, kept_body
from modelry.stores.sql.queue import Queue
from modelry.stores.sql.revision import REVISIONS, make_tables, refuse_other, stamped
from modelry.stores.sql.spare import Spare, Transaction
from modelry.stores.sql.sqlite_refusals import is_busy, translated
from modelry.stores.sql.statement import Driver
from modelry.stores.sql.together import Change, Line
from modelry.stores.sql.unit import SqlUnit
from modelry.stores.sql.view import SqlView, version_parameters, version_statement

T = TypeVar("T")

APPLICATION_ID = 0x6D6F6479  # "mody"
SCHEMA = len(REVISIONS)
"""What `user_version` says beside Alembic's table, for programs from before that table."""

PATIENCE = 60.0
"""Seconds that a caller waits for other writers."""

_GLANCE = 0.0005
"""Seconds between two looks at a database that is being committed to."""

CACHE_KIB = 8192
"""Pages that a connection keeps in memory, so that large registries are looked up as fast."""

STATEMENTS = 500
"""Statements that a connection keeps prepared; a change needs two dozen, each kind of search one."""

_WATCHERS = itertools.count()

_OF_PARENTS: list[Connection] = []
"""What a fork inherited: kept, so that nobody gives it back in a process that may not."""


def open_sqlite(uri: str) -> SqliteStore:
    """Open `sqlite:///relative.db` or `sqlite:////absolute.db`, making it where it is absent."""
    return SqliteStore(path_of(uri))


def path_of(uri: str) -> Path:
    """Answer the file that `sqlite:///...` names."""
    return Path(uri.removeprefix("sqlite:///")).expanduser()


class SqliteFile:
    """The connections to a SQLite file; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._bare: list[sqlite3.Connection] = []
        self._queue = Queue(path.with_name(f"{path.name}.lock"))
        self._watching = threading.Lock()
        self._watcher: tuple[int, int, sqlite3.Connection] | None = None
        self._tables: int | None = None
        self._process = os.getpid()
        _make_folder(self._path.parent.absolute())
        self._engine = self._make_engine()
        self._spare = Spare(self._engine)
        self._watch()

    def _make_engine(self) -> Engine:
        engine = create_engine(
            f"sqlite:///{self._path}",
            isolation_level="AUTOCOMMIT",
            module=driver(),
            connect_args={
                "timeout": PATIENCE,
                "check_same_thread": False,
                "cached_statements": STATEMENTS,
            },
            poolclass=NullPool,
        )
        event.listen(engine, "connect", _configure)
        return engine

    def revision(self, connection: Connection) -> str | None:
        """Answer the schema of the file, None where it is no registry."""
        pragma = connection.exec_driver_sql
        if pragma("PRAGMA application_id").scalar_one() != APPLICATION_ID:
            return None
        schema = pragma("PRAGMA user_version").scalar_one()
        return stamped(connection) if schema == SCHEMA else f"{schema:04d}"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Look at the state of one moment."""
        with translated(self._path), self._transaction("BEGIN") as lent:
            yield lent.connection

    @contextmanager
    def writing(self, patience: float = PATIENCE) -> Iterator[Connection]:
        """Be the only writer among all threads and processes, which queue."""
        with (
            translated(self._path),
            self._queue.turn(patience),
            self._transaction("BEGIN IMMEDIATE") as lent,
        ):
            yield lent.connection

    def _transaction(self, begin: str) -> Transaction:
        if os.getpid() != self._process:
            self._after_fork()
        return Transaction(self._spare, begin)

    def _after_fork(self) -> None:
        """Leave the parent's connections alone: SQLite does not survive being forked."""
        self._engine.dispose(close=False)
        _OF_PARENTS.extend(self._spare.leave())
        self._spare = Spare(self._engine)
        self._end.detach()
        self._local, self._bare = threading.local(), []
        self._watching, self._watcher = threading.Lock(), None
        self._queue = Queue(self._path.with_name(f"{self._path.name}.lock"))
        self._process = os.getpid()
        self._watch()

    def _watch(self) -> None:
        """Give connections back when nobody has the store any more, also without `close`."""
        self._end = weakref.finalize(self, _give_back, self._spare, self._bare, os.getpid())

    def close(self) -> None:
        """See `Store.close`."""
        _give_back(self._spare, self._bare, self._process)
        self._local, self._watcher = threading.local(), None
        if driver() is not sqlite3 and self._process == os.getpid():
            self._leave()

    def _leave(self) -> None:
        """Leave the file as Python's own SQLite keeps it, where nobody else is at work.

        Who may only read cannot open one that is to be written ahead.
        """
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        with suppress(driver().Error), closing(driver().connect(uri, uri=True, timeout=0)) as last:
            last.execute(f"PRAGMA journal_mode = {journal(sqlite3.sqlite_version_info)}")


class SqliteStore(SqliteFile):
    """The `Store` port on a SQLite file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._kept = KEPT.compiled(self._engine.dialect).text
        self._line = Line(self._change_all)
        with translated(self._path):
            self._prepare()

    def _prepare(self) -> None:
        """Make the tables of a new file; refuse a file of another kind or time."""
        with self._transaction("BEGIN") as lent:
            if self._is_ours(lent.connection):
                return  # looked at without the right to write, which a reader may lack
        with self._transaction("BEGIN IMMEDIATE") as lent:
            connection = lent.connection
            if self._is_ours(connection):
                return  # another process was faster
            pragma = connection.exec_driver_sql
            if pragma("SELECT count(*) FROM sqlite_master").scalar_one():
                msg = f"{self._path} is a database of something else; name another file"
                raise Invalid(msg, path=str(self._path))
            make_tables(connection)
            pragma(f"PRAGMA application_id = {APPLICATION_ID}")
            pragma(f"PRAGMA user_version = {SCHEMA}")

    def _is_ours(self, connection: Connection) -> bool:
        """Say whether the tables are there. Raises `Unavailable` for a schema of another time."""
        revision = self.revision(connection)
        if revision is not None:
            refuse_other(str(self._path), f"sqlite:///{self._path}", revision)
        return revision is not None

    @contextmanager
    def read(self) -> Iterator[View]:
        """See `Store.read`."""
        with self.reading() as connection:
            yield SqlView(connection)

    def resolve(self, ref: Ref) -> Version | None:
        """See `Store.resolve`: a prepared statement on a connection of this thread."""
        query = version_statement(ref.selector).compiled(self._engine.dialect)
        values = query.values(version_parameters(ref))
        with translated(self._path):
            row = self._cursor().execute(query.text, values).fetchone()
        return rows.version(row) if row else None

    def kept(self, kind: str, key: str) -> Mapping[str, Json] | None:
        """See `Store.kept`: by a connection that wrote lately, and so has the pages at hand."""
        if os.getpid() != self._process:
            self._after_fork()
        spare = self._spare
        with translated(self._path):
            lent = spare.take()
            try:
                row = lent.bare.execute(self._kept, (kind, key)).fetchone()
            finally:
                spare.give(lent)
        return kept_body(row[0]) if row else None

    def _cursor(self) -> sqlite3.Connection:
        if os.getpid() != self._process:
            self._after_fork()
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._reader()
        return connection

    def _reader(self, patience: float = PATIENCE) -> sqlite3.Connection:
        connection: sqlite3.Connection = driver().connect(
            self._path, timeout=patience, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._bare.append(connection)
        return connection

    def select_versions(
        self, project: str, selection: Selection
    ) -> tuple[Lifecycle | None, Sequence[FoundVersion]]:
        """See `Store.select_versions`."""
        with self.read() as view:
            return view.lifecycle(project), view.select_versions(project, selection)

    def generation(self) -> Hashable:
        """See `Store.generation`: SQLite counts for a connection what all others commit.

        Only of one and the same connection can two counts be compared. So one,
        which never writes, counts for all threads, and the mark names it.
        """
        end = time.monotonic() + PATIENCE
        with translated(self._path), self._watching:
            while True:
                try:
                    return self._mark()
                except driver().OperationalError as error:  # a writer is about to commit
                    if not is_busy(error) or time.monotonic() > end:
                        raise
                time.sleep(_GLANCE)

    def peek(self) -> Hashable:
        """Answer `generation` where that takes no waiting, else None: for an event loop."""
        if not self._watching.acquire(blocking=False):
            return None
        try:
            return self._mark()
        except driver().Error:
            return None  # whoever asks `generation` then waits, or learns what is wrong
        finally:
            self._watching.release()

    def _mark(self) -> Hashable:
        if os.getpid() != self._process:
            self._after_fork()
        if self._watcher is None:
            self._watcher = (self._process, next(_WATCHERS), self._reader(patience=0))
        process, number, connection = self._watcher
        return process, number, connection.execute("PRAGMA data_version").fetchone()[0]

    def _after_fork(self) -> None:
        super()._after_fork()
        self._line = Line(self._change_all)

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        """See `Store.change`."""
        if os.getpid() != self._process:
            self._after_fork()
        with translated(self._path):
            if not alone:
                return self._line.join(work, PATIENCE)
            with self._changing(PATIENCE) as lent:
                return work(SqlUnit(lent.connection, lent))

    @contextmanager
    def _changing(self, patience: float) -> Iterator[Driver]:
        """Begin a change; a file that was upgraded meanwhile is not written as it was."""
        with (
            self._queue.turn(patience),
            self._transaction("BEGIN IMMEDIATE") as lent,
        ):
            (tables,) = lent.bare.execute("PRAGMA schema_version").fetchone()
            if tables != self._tables:  # some table was made or changed since we looked
                self._is_ours(lent.connection)
                self._tables = tables
            yield lent

    def _change_all(self, first: Change[Unit], others: Iterator[Change[Unit]]) -> None:
        """Make changes in one transaction, or each in its own where one has to be undone."""
        made: list[Change[Unit]] = []
        try:
            with self._changing(first.patience) as lent:
                for change in itertools.chain((first,), others):
                    made.append(change)
                    _change_beside(lent, change)
        except _Spoilt as spoilt:
            if len(made) == 1:
                raise spoilt.error from None
            for change in made:
                self._change_again(change)

    def _change_again(self, change: Change[Unit]) -> None:
        """Make a change that was undone with others, now by itself."""
        change.error = None
        try:
            with self._changing(change.patience) as lent:
                change.make(SqlUnit(lent.connection, lent))
        except Exception as error:  # noqa: BLE001 - its caller raises it
            change.error = error

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """See `Store.snapshot`: a copy of the file, made at once, read at leisure."""
        with tempfile.TemporaryDirectory(prefix="modelry-snapshot-") as folder:
            path = Path(folder) / "registry.db"
            with translated(self._path):
                self._copy_to(path)
            copy = SqliteStore(path)
            try:
                with copy.read() as view:
                    yield view
            finally:
                copy.close()

    def _copy_to(self, path: Path) -> None:
        target = driver().connect(path, isolation_level=None)
        try:
            with self._engine.connect() as connection:
                source: Any = connection.connection.driver_connection
                source.backup(target)
        finally:
            target.close()


def _give_back(spare: Spare, bare: list[sqlite3.Connection], process: int) -> None:
    if process == os.getpid():  # what a parent opened is the parent's
        spare.close()
        for connection in bare:
            connection.close()
        bare.clear()


def _make_folder(folder: Path) -> None:
    """Make a folder that a power cut does not take away: its parent is fsynced too."""
    try:
        if folder.is_dir():
            return
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        if os.name == "posix":
            descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        msg = f"the folder {folder} for the database cannot be made: {error.strerror}"
        raise Unavailable(msg, path=str(folder)) from error


def _configure(connection: sqlite3.Connection, record: object) -> None:
    del record
    wanted = journal(driver().sqlite_version_info)
    if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != wanted:
        _switch(connection, wanted)
    if wanted == "DELETE":
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # beside a fixed one, which does it
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _switch(connection: sqlite3.Connection, mode: str) -> None:
    """Change the journal, unless others are at work, or we may not: then it stays as it is."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    except driver().OperationalError as error:
        if not error.sqlite_errorname.startswith(
            ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY", "SQLITE_IOERR_LOCK")
        ):
            raise
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")


class _Spoilt(Exception):
    """A change that shares a transaction raised `error` after it had written."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _change_beside(lent: Driver, change: Change[Unit]) -> None:
    """Make a change among others: where it raises before it wrote, they go on."""
    bare = lent.bare
    written = bare.total_changes
    try:
        change.make(SqlUnit(lent.connection, lent))
    except Exception as error:
        if bare.total_changes != written or not bare.in_transaction:
            raise _Spoilt(error) from error
        change.error = error
