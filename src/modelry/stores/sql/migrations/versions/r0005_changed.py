"""0005: when each version last changed itself, kept beside it and in the order of its model."""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import BigInteger, Column, bindparam, text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BATCH = 20_000
"""How many versions are filled at a time."""

KINDS = (
    "version.registered", "version.promoted", "version.archived", "stage.rolled_back",
    "version.described", "model.renamed",
)  # fmt: skip
"""What changes a version itself."""

_FILL = text(
    "UPDATE versions SET changed = coalesce((SELECT e.at FROM models m "
    "JOIN touched t ON t.chain = m.project || '/' || m.name_key AND t.number = versions.number "
    "JOIN events e ON e.chain = t.chain AND e.seq = t.seq "
    "WHERE m.id = versions.model_id AND e.kind IN :kinds ORDER BY t.seq DESC LIMIT 1), created) "
    "WHERE id > :last AND id <= :end"
).bindparams(bindparam("kinds", expanding=True))


def upgrade() -> None:
    """Add the column, fill it from the events, then index it."""
    connection = op.get_bind()
    op.add_column("versions", Column("changed", BigInteger, nullable=False, server_default="0"))
    total = connection.execute(text("SELECT coalesce(max(id), 0) FROM versions")).scalar_one()
    progress = context.config.attributes.get("progress")
    for last in range(0, total, BATCH):
        end = min(last + BATCH, total)
        connection.execute(_FILL, {"kinds": KINDS, "last": last, "end": end})
        if progress is not None:
            progress("giving versions the times of their changes", end, total)
    op.drop_index("versions_by_stage", "versions")
    op.create_index(
        "versions_by_stage", "versions", ["model_id", "stage", "entered", "number", "deleted"]
    )
    op.create_index("versions_by_change", "versions", ["model_id", "changed", "number", "deleted"])
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 5")
