"""0003: experiments, runs, logged models, what they measured, their artefacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LONG = Text().with_variant(Text(collation="C"), "postgresql")


def _text(length: int) -> String:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


_OF_EXPERIMENT: Sequence[tuple[str, Any, bool]] = (
    ("key", _text(160), True), ("project", _text(128), True), ("name", _text(500), True),
    ("author", _LONG, True), ("created", BigInteger, True), ("updated", BigInteger, True),
    ("deleted", BigInteger, False),
)  # fmt: skip
_OF_RUN: Sequence[tuple[str, Any, bool]] = (
    ("id", _text(40), True), ("project", _text(128), True), ("experiment", _text(160), True),
    ("name", _LONG, True), ("status", _text(16), True), ("user", _LONG, True),
    ("start", BigInteger, False), ("end", BigInteger, False), ("author", _LONG, True),
    ("created", BigInteger, True), ("deleted", BigInteger, False),
)  # fmt: skip
_OF_MODEL: Sequence[tuple[str, Any, bool]] = (
    ("id", _text(40), True), ("project", _text(128), True), ("experiment", _text(160), True),
    ("name", _LONG, True), ("model_type", _LONG, True), ("run_id", _text(40), False),
    ("status", _text(16), True), ("author", _LONG, True), ("created", BigInteger, True),
    ("updated", BigInteger, True), ("deleted", BigInteger, False),
)  # fmt: skip
_OF_NOTE: Sequence[tuple[str, Any, bool]] = (
    ("owner", _text(160), True), ("kind", _text(8), True), ("key", _text(250), True),
    ("value", _LONG, True),
)  # fmt: skip
_OF_POINT: Sequence[tuple[str, Any, bool]] = (
    ("run_id", _text(40), True), ("key", _text(250), True), ("timestamp", BigInteger, True),
    ("step", BigInteger, True), ("missing", SmallInteger, True), ("value", Float(53), True),
)  # fmt: skip
_OF_MEASURED: Sequence[tuple[str, Any, bool]] = (
    ("model", _text(40), True), ("key", _text(250), True), ("timestamp", BigInteger, True),
    ("step", BigInteger, True), ("run_id", _text(40), True), ("missing", SmallInteger, True),
    ("value", Float(53), True), ("dataset", _LONG, False), ("digest", _LONG, False),
)  # fmt: skip
_OF_INPUT: Sequence[tuple[str, Any, bool]] = (
    ("run_id", _text(40), True), ("name", _text(500), True), ("digest", _text(64), True),
    ("at", BigInteger, True), ("source_type", _LONG, True), ("source", _LONG, True),
    ("schema", _LONG, False), ("profile", _LONG, False), ("tags", _LONG, True),
    ("context", _LONG, False),
)  # fmt: skip
_OF_LINK: Sequence[tuple[str, Any, bool]] = (
    ("run_id", _text(40), True), ("kind", _text(8), True), ("model", _text(40), True),
    ("step", BigInteger, True),
)  # fmt: skip
_OF_ARTIFACT: Sequence[tuple[str, Any, bool]] = (
    ("owner", _text(40), True), ("path", _LONG, True), ("sha256", _text(64), True),
    ("size", BigInteger, True), ("project", _text(128), True),
)  # fmt: skip


def upgrade() -> None:
    """Make the tables; there is nothing to fill."""
    unique = UniqueConstraint("project", "name")
    _make("experiments", _OF_EXPERIMENT, ["key"], unique)
    _make("runs", _OF_RUN, ["id"])
    _make("logged_models", _OF_MODEL, ["id"])
    _make("notes", _OF_NOTE, ["owner", "kind", "key"])
    _make("points", _OF_POINT, ["run_id", "key", "timestamp", "step", "missing", "value"])
    keys = ["model", "key", "timestamp", "step", "run_id", "missing", "value"]
    _make("measured", _OF_MEASURED, keys)
    _make("latest", _OF_POINT, ["run_id", "key"])
    _make("inputs", _OF_INPUT, ["run_id", "name", "digest"])
    _make("links", _OF_LINK, ["run_id", "kind", "model", "step"])
    _make("artifacts", _OF_ARTIFACT, ["owner", "path"])
    op.create_index("runs_by_start", "runs", ["experiment", "start", "id"])
    op.create_index("logged_models_by_time", "logged_models", ["experiment", "created", "id"])
    op.create_index("artifacts_by_blob", "artifacts", ["sha256", "project"])
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version = 3")


def _make(
    name: str, columns: Sequence[tuple[str, Any, bool]], keys: list[str], *more: UniqueConstraint
) -> None:
    op.create_table(
        name,
        *(Column(each, kind, nullable=not needed) for each, kind, needed in columns),
        PrimaryKeyConstraint(*keys),
        *more,
        sqlite_with_rowid=False,
    )
