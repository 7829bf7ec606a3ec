"""Databases as an older Modelry left them: its tables, and rows in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text

from modelry.core.names import parse_ref
from modelry.core.registry import Registry
from modelry.stores.sql import postgresql, sqlite
from modelry.stores.sql.address import address_of
from modelry.stores.sql.migrations.versions import r0001_first_tables as first
from modelry.stores.sql.schema import migrate
from modelry.stores.sql.tables import metadata

RENAMED = {"models": "registered_models"}
"""How tables of revision 0001 are called now."""


@contextmanager
def written(uri: str) -> Iterator[Connection]:
    """Open a transaction on whatever is at `uri`, without a look at its schema."""
    if uri.startswith("sqlite"):
        file = sqlite.SqliteFile(sqlite.path_of(uri))
        with file.writing() as connection:
            yield connection
        file.close()
        return
    server = postgresql.PostgresqlDatabase(address_of(uri))
    with server.transaction(postgresql.ALONE) as connection:
        yield connection
    server.close()


def fill(registry: Registry, folder: Path) -> None:
    """Register, promote, tag, alias, roll back, delete: something in every table."""
    path = folder / "old.bin"
    for project in ("default", "team"):
        if project == "team":
            registry.create_project(project)
        for name in ("fraud", "Credit-Risk"):
            model = name if project == "default" else f"{project}/{name}"
            for number in range(1, 6):
                path.write_text(f"{model} {number}")
                registry.register(
                    model, path, metrics={"auc": number / 10}, params={"C": number},
                    tags={"n": str(number)}, description="words to find",
                )  # fmt: skip
            for number in (1, 2, 3):
                registry.promote(f"{model}:{number}", "production")
            registry.rollback(model)
            registry.alias(model, "champion", "2")
            registry.describe(f"{model}:4", "words that came later")
            registry.tag(f"{model}:3", {"n": "three"})
            registry.delete(f"{model}:5")
    registry.purge("fraud:5")


def make_old(new: str, old: str) -> None:
    """Make the tables of revision 0001 at `old`, and copy into them what they had of `new`."""
    with written(new) as source, written(old) as target:
        migrate(target, "", to="0001")
        if target.dialect.name == "sqlite":
            target.execute(text("DROP TABLE alembic_version"))  # files of that time had none
        target.execute(first.projects.delete())
        for table in first.metadata.sorted_tables:
            present = metadata.tables[RENAMED.get(table.name, table.name)]
            columns = [present.c[column.name] for column in table.columns]
            rows = [dict(row) for row in source.execute(select(*columns)).mappings()]
            if rows:
                target.execute(table.insert(), rows)
            if rows and "id" in table.c and target.dialect.name == "postgresql":
                target.execute(text(
                    f"SELECT setval('{table.name}_id_seq', max(id)) FROM {table.name}"))  # noqa: S608 - our own tables  # fmt: skip


def content(uri: str) -> dict[str, list[tuple[object, ...]]]:
    """Answer every row of every table that counts for something, sorted."""
    with written(uri) as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(select(*table.columns))), key=repr
            )
            for table in metadata.sorted_tables
            if table.name != "counts"
        } | {
            "counts": sorted(
                map(tuple, connection.execute(text("SELECT * FROM counts WHERE living > 0")))
            )
        }


def shape(uri: str) -> dict[str, object]:
    """Answer everything that the database knows of its tables."""
    with written(uri) as connection:
        if connection.dialect.name == "sqlite":
            return _shape_of_file(connection)
        return _shape_of_server(connection)


def _shape_of_file(connection: Connection) -> dict[str, object]:
    def pragma(what: str, of: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {what}('{of}')")]

    found: dict[str, object] = {}
    listed = {row[1]: tuple(row) for row in connection.exec_driver_sql("PRAGMA table_list")}
    for name in inspect(connection).get_table_names():
        indexes = {
            str(row[1]): (row[2:], pragma("index_xinfo", str(row[1])))
            for row in pragma("index_list", name)
        }
        found[name] = (
            listed[name][2:],
            pragma("table_xinfo", name),
            sorted(map(repr, indexes.items())),
            pragma("foreign_key_list", name),
        )
    views = "SELECT name, sql FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY name"
    found["views"] = [tuple(row) for row in connection.exec_driver_sql(views)]
    return found


def _shape_of_server(connection: Connection) -> dict[str, object]:
    constraints = (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
    )
    queries = (
        "SELECT * FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        constraints,
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    )
    found: dict[str, object] = {}
    for query in queries:
        rows = connection.execute(text(query)).mappings()
        found[query] = sorted(
            repr([(key, value) for key, value in row.items() if not key.endswith("_catalog")])
            for row in rows
        )
    return found


def fraud_in_production(registry: Registry) -> int:
    """Answer the number that is in production, by the shortest way."""
    return registry.resolve(str(parse_ref("fraud@production"))).number
