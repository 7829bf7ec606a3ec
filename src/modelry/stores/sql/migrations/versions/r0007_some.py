"""0007: what most versions do not have is indexed for those that have it."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = (
    ("versions_by_run", "versions", ("run_id",)),
    ("versions_by_format", "versions", ("format", "created", "id")),
    ("versions_by_framework", "versions", ("framework", "created", "id")),
    ("versions_by_base", "versions", ("base", "created", "id")),
    ("kept_until", "kept", ("until",)),
)


def upgrade() -> None:
    """Make the indexes once more, without the rows that have nothing in their first column."""
    for name, table, columns in INDEXES:
        some = text(f"{columns[0]} IS NOT NULL")
        op.drop_index(name, table)
        op.create_index(name, table, list(columns), sqlite_where=some, postgresql_where=some)
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 7")
