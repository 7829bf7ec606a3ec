"""0004: the versions as a view that others read with plain SQL."""

from __future__ import annotations

from collections.abc import Mapping

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SEALED: Mapping[str, str] = {
    "sqlite": "json_extract(v.document, '$.source') AS path, "
    "json_extract(v.document, '$.metrics') AS metrics",
    "postgresql": "(CAST(v.document AS json) ->> 'source') COLLATE \"C\" AS path, "
    "CAST(CAST(v.document AS json) -> 'metrics' AS text) COLLATE \"C\" AS metrics",
}
VIEW = (
    "CREATE VIEW {name} AS SELECT CASE m.project WHEN 'default' THEN m.name "
    "ELSE m.project || '/' || m.name END AS name, v.label AS version, {sealed} "
    "FROM versions v JOIN {table} m ON m.id = v.model_id "
    "WHERE v.deleted IS NULL AND m.deleted IS NULL"
)


def view(dialect: str, name: str, table: str) -> str:
    """Answer the statement that makes a view called `name` over the table of models."""
    return VIEW.format(name=name, sealed=SEALED[dialect], table=table)


def upgrade() -> None:
    """Make the view."""
    connection = op.get_bind()
    dialect = connection.dialect.name
    connection.exec_driver_sql(view(dialect, "model_versions", "models"))
    if dialect == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 4")
