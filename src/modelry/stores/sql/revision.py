"""Which schema a database has: the number of its last migration, read by plain SQL.

Opening a store only compares it. What migrates is in `schema` and
`migrations`, and is loaded by `modelry db` alone.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    select,
)

from modelry.core.errors import Unavailable
from modelry.core.lifecycle import DEFAULT_LIFECYCLE, lifecycle_to_json
from modelry.core.names import DEFAULT_PROJECT
from modelry.core.strict_json import dumps
from modelry.stores.sql.tables import metadata, projects
from modelry.stores.sql.views import make_views

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every schema there was, the present one last; each has a file in `migrations/versions`."""

HEAD = REVISIONS[-1]

stamps = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""The table in which Alembic keeps the revision, as Alembic makes it."""


def make_tables(connection: Connection) -> None:
    """Make an empty registry of the present schema, with the project that is always there."""
    metadata.create_all(connection)
    make_views(connection)
    stamps.create(connection)
    connection.execute(insert(stamps), {"version_num": HEAD})
    text = dumps(lifecycle_to_json(DEFAULT_LIFECYCLE))
    connection.execute(insert(projects), {"name": DEFAULT_PROJECT, "lifecycle": text, "created": 0})


def stamped(connection: Connection) -> str | None:
    """Answer the revision that the table of Alembic tells."""
    revision: str | None = connection.execute(select(stamps.c.version_num)).scalar()
    return revision


def refuse_other(where: str, uri: str, revision: str | None) -> None:
    """Raise `Unavailable` for any schema but the present one, saying what to do."""
    if revision == HEAD:
        return
    if revision in REVISIONS:
        msg = (
            f"{where} has the schema {revision} and this Modelry works with {HEAD}; make a copy "
            f"of it, end what uses it, then run: modelry --uri {uri} db upgrade"
        )
    else:
        msg = (
            f"{where} has the schema {revision}, which this Modelry does not know ({HEAD} is its "
            "latest); use the newer Modelry that wrote it"
        )
    raise Unavailable(msg, reason="schema", schema=revision, known=HEAD)
