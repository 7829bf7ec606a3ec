"""0006: the table of models leaves its name to the view that the component's document asks for."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Connection, text

from modelry.stores.sql.migrations.versions.r0004_view import view

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEXES = {
    "models_by_uid": ("uid",),
    "models_by_name": ("name_key", "project"),
}
_NAMED_AFTER = text(
    "SELECT conname FROM pg_constraint WHERE conrelid = 'registered_models'::regclass "
    "AND starts_with(conname::text, 'models_') ORDER BY conname"
)


def upgrade() -> None:
    """Rename the table and what is named after it; make the views once more."""
    connection = op.get_bind()
    op.execute("DROP VIEW model_versions")
    op.rename_table("models", "registered_models")
    if connection.dialect.name == "sqlite":
        _rename_in_file()
        connection.exec_driver_sql("PRAGMA user_version = 6")
    else:
        _rename_in_server(connection)
    dialect = connection.dialect.name
    connection.exec_driver_sql(view(dialect, "models", "registered_models"))
    op.execute("CREATE VIEW model_versions AS SELECT name, version, path, metrics FROM models")


def _rename_in_file() -> None:
    """Make the indexes once more: SQLite renames none, and keys it renames by itself."""
    for name, columns in INDEXES.items():
        op.drop_index(name, "registered_models")
        op.create_index(f"registered_{name}", "registered_models", list(columns), unique=True)


def _rename_in_server(connection: Connection) -> None:
    for name in INDEXES:
        op.execute(f"ALTER INDEX {name} RENAME TO registered_{name}")
    op.execute("ALTER SEQUENCE models_id_seq RENAME TO registered_models_id_seq")
    for name in connection.execute(_NAMED_AFTER).scalars().all():
        op.execute(f"ALTER TABLE registered_models RENAME CONSTRAINT {name} TO registered_{name}")
