"""The schema of a database: which it has, how it becomes the present one, whether it is right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from modelry.core.errors import Invalid
from modelry.core.ports import Progress
from modelry.stores.sql import sqlite
from modelry.stores.sql.revision import HEAD, REVISIONS, make_tables, refuse_other, stamps
from modelry.stores.sql.tables import metadata
from modelry.stores.sql.views import VIEWS

if TYPE_CHECKING:
    from modelry.stores.sql.postgresql import PostgresqlDatabase

FIRST = REVISIONS[0]


def head() -> str:
    """Answer the schema that this Modelry works with."""
    return HEAD


class Schema:
    """The schema of the database at an address, which need not be one that can be opened."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.head = HEAD
        self._sqlite = uri.startswith("sqlite:")

    def current(self) -> str | None:
        """Answer the schema that the database has, None where there is none yet."""
        if self._sqlite and not sqlite.path_of(self.uri).exists():
            return None
        with self._looking() as (revision, _):
            return revision

    def upgrade(self, progress: Progress | None = None) -> str | None:
        """Bring the database to the present schema; answer which it had.

        It happens whole or not at all, and while nobody else writes; a
        database that is not there is made.
        """
        if self._sqlite and not sqlite.path_of(self.uri).exists():
            sqlite.open_sqlite(self.uri).close()
            return None
        with self._alone() as (revision, connection):
            if revision is None:
                self._make(connection)
            elif revision != HEAD:
                if revision not in REVISIONS:
                    refuse_other(_where(self.uri), self.uri, revision)
                migrate(connection, revision, progress)
            return revision

    def check(self) -> list[str]:
        """Answer where the tables differ from what they should be; nothing where all is right."""
        revision = self.current()
        if revision != HEAD:
            return [f"the schema is {revision or 'not there'}, not {HEAD}: run modelry db upgrade"]
        with self._looking() as (_, connection):
            return differences(connection)

    def _make(self, connection: Connection) -> None:
        if inspect(connection).get_table_names():
            msg = f"{_where(self.uri)} holds tables of something else; name another database"
            raise Invalid(msg)
        make_tables(connection)
        if self._sqlite:
            connection.exec_driver_sql(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {sqlite.SCHEMA}")

    @contextmanager
    def _looking(self) -> Iterator[tuple[str | None, Connection]]:
        if self._sqlite:
            with self._file() as file, file.reading() as connection:
                yield file.revision(connection), connection
            return
        from modelry.stores.sql.postgresql import READ

        with self._server() as server, server.transaction(READ) as connection:
            yield server.revision(connection), connection

    @contextmanager
    def _alone(self) -> Iterator[tuple[str | None, Connection]]:
        if self._sqlite:
            with self._file() as file, file.writing() as connection:
                yield file.revision(connection), connection
            return
        from modelry.stores.sql.postgresql import ALONE

        with self._server() as server, server.transaction(ALONE) as connection:
            yield server.revision(connection), connection

    @contextmanager
    def _file(self) -> Iterator[sqlite.SqliteFile]:
        file = sqlite.SqliteFile(sqlite.path_of(self.uri))
        try:
            yield file
        finally:
            file.close()

    @contextmanager
    def _server(self) -> Iterator[PostgresqlDatabase]:
        from modelry.stores.sql.address import address_of
        from modelry.stores.sql.postgresql import PostgresqlDatabase
        from modelry.stores.sql.postgresql_refusals import translated

        server = PostgresqlDatabase(address_of(self.uri))
        try:
            with translated(_where(self.uri)):
                yield server
        finally:
            server.close()


def migrate(
    connection: Connection, revision: str, progress: Progress | None = None, to: str = HEAD
) -> None:
    """Run the migrations from `revision` to `to` in the transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "modelry.stores.sql:migrations")
    config.attributes.update(connection=connection, progress=progress)
    if revision == FIRST and not inspect(connection).has_table(stamps.name):
        command.stamp(config, FIRST)
    command.upgrade(config, to)


def differences(connection: Connection) -> list[str]:
    """Compare the tables of a database with ours."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    found = compare_metadata(MigrationContext.configure(connection), metadata)
    real = inspect(connection)
    told = [" ".join(str(part) for part in _flat(each)) for each in found]
    views = real.get_view_names()
    told += [f"the view {view} is not there" for view in VIEWS if view not in views]
    for table in metadata.sorted_tables:
        if not real.has_table(table.name):
            continue
        keys = real.get_pk_constraint(table.name)["constrained_columns"]
        ours = [column.name for column in table.primary_key.columns]
        if keys != ours:
            told.append(f"the primary key of {table.name} is {keys}, not {ours}")
        if connection.dialect.name == "postgresql":
            told += [
                f"{table.name}.{column['name']} is not compared by code points"
                for column in real.get_columns(table.name)
                if hasattr(column["type"], "collation") and column["type"].collation != "C"
            ]
    return told


def _flat(difference: object) -> Iterator[object]:
    if isinstance(difference, list | tuple):
        for each in difference:
            yield from _flat(each)
    elif difference is not None and not isinstance(difference, dict):
        yield difference


def _where(uri: str) -> str:
    if uri.startswith("sqlite:"):
        return str(Path(uri.removeprefix("sqlite:///")))
    from modelry.stores.sql.address import address_of

    return address_of(uri).where
