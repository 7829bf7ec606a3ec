"""0002: opaque ids, counts, the project of an event, small records, more indexes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alembic import context, op
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, String, Text, text

from modelry.core.model import uid

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BATCH = 2_000
EVENTS = 50_000
"""How many rows are filled at a time, so that no more of them are in memory."""

INDEXES: dict[str, dict[str, Sequence[str]]] = {
    "versions": {
        "versions_by_author": ("author", "created", "id"),
        "versions_in_stage": ("stage", "created", "id"),
        "versions_by_format": ("format", "created", "id"),
        "versions_by_framework": ("framework", "created", "id"),
        "versions_by_label": ("label_key", "created", "id"),
        "versions_by_number": ("number", "created", "id"),
        "versions_by_size": ("size",),
        "versions_by_base": ("base", "created", "id"),
    },
    "events": {
        "log_by_time": ("at", "chain", "seq"),
        "log_by_project": ("project", "at", "chain", "seq"),
        "log_by_actor": ("actor", "at", "chain", "seq"),
        "log_by_kind": ("kind", "at", "chain", "seq"),
    },
    "moves": {"moves_by_number": ("model_id", "name", "number", "seq")},
}


def upgrade() -> None:
    """Add what is new, fill it for what is there, then index it."""
    connection = op.get_bind()
    op.add_column("models", Column("uid", _text(36), nullable=False, server_default=""))
    op.add_column("versions", Column("uid", _text(36), nullable=False, server_default=""))
    op.add_column("events", Column("project", _text(128), nullable=False, server_default=""))
    _make_tables()
    _fill_models(connection)
    _fill_versions(connection)
    _fill_events(connection)
    connection.execute(text(
        "INSERT INTO counts (model_id, stage, living) SELECT model_id, stage, count(*) "
        "FROM versions WHERE deleted IS NULL GROUP BY model_id, stage"))  # fmt: skip
    for table in ("models", "versions"):
        op.create_index(f"{table}_by_uid", table, ["uid"], unique=True)
    for table, indexes in INDEXES.items():
        for name, columns in indexes.items():
            op.create_index(name, table, list(columns))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 2")


def _text(length: int) -> String:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def _make_tables() -> None:
    long = Text().with_variant(Text(collation="C"), "postgresql")
    op.create_table(
        "counts",
        Column("model_id", BigInteger, ForeignKey("models.id"), primary_key=True),
        Column("stage", _text(128), primary_key=True),
        Column("living", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kept",
        Column("kind", _text(64), primary_key=True),
        Column("key", long, primary_key=True),
        Column("body", long, nullable=False),
        Column("until", BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("kept_until", "kept", ["until"])


def _fill_models(connection: Connection) -> None:
    found = connection.execute(text("SELECT id, project, name FROM models")).fetchall()
    rows = [{"key": key, "uid": uid(project, name)} for key, project, name in found]
    for start in range(0, len(rows), BATCH):
        _update(connection, "models", rows[start : start + BATCH])


def _fill_versions(connection: Connection) -> None:
    query = text(
        "SELECT v.id, m.project, m.name, v.number FROM versions v JOIN models m "
        "ON m.id = v.model_id WHERE v.id > :last ORDER BY v.id LIMIT :batch"
    )
    last, done, total = 0, 0, _count(connection, "versions")
    while found := connection.execute(query, {"last": last, "batch": BATCH}).fetchall():
        rows = [{"key": row[0], "uid": uid(row[1], row[2], row[3])} for row in found]
        _update(connection, "versions", rows)
        last, done = found[-1][0], done + len(found)
        _tell("giving versions their ids", done, total)


def _update(connection: Connection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    connection.execute(text(f"UPDATE {table} SET uid = :uid WHERE id = :key"), list(rows))  # noqa: S608 - our own tables


def _fill_events(connection: Connection) -> None:
    project = "split_part(chain, '/', 1)"
    if connection.dialect.name == "sqlite":
        project = "substr(chain, 1, instr(chain || '/', '/') - 1)"
    update = text(f"UPDATE events SET project = {project} WHERE id > :last AND id <= :end")  # noqa: S608 - our own text
    total = connection.execute(text("SELECT coalesce(max(id), 0) FROM events")).scalar_one()
    for last in range(0, total, EVENTS):
        connection.execute(update, {"last": last, "end": last + EVENTS})
        _tell("giving events their projects", min(last + EVENTS, total), total)


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 - our own tables


def _tell(what: str, done: int, total: int) -> None:
    progress = context.config.attributes.get("progress")
    if progress is not None:
        progress(what, done, total)
