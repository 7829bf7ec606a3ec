"""0004: the versions as a view that others read with plain SQL."""

from __future__ import annotations

from alembic import op

from modelry.stores.sql.views import make_views

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the view."""
    connection = op.get_bind()
    make_views(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 4")
