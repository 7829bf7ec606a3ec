"""0001: the tables of Modelry 0.1, as they were.

A SQLite file of that time has no table of Alembic; its `user_version` is 1.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPLICATION_ID = 0x6D6F6479
LIFECYCLE = (
    '[{"after":null,"displaced":"keep","exclusive":false,"four_eyes":false,"name":"none","poi'
    'nted":false},{"after":null,"displaced":"keep","exclusive":false,"four_eyes":false,"name"'
    ':"staging","pointed":true},{"after":null,"displaced":"archived","exclusive":true,"four_e'
    'yes":false,"name":"production","pointed":true},{"after":null,"displaced":"keep","exclusi'
    've":false,"four_eyes":false,"name":"archived","pointed":false}]'
)

metadata = MetaData()

# SQLite numbers rows by itself only for a column of type INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")

projects = Table(
    "projects",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("lifecycle", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

models = Table(
    "models",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("project", String(128), ForeignKey("projects.name"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("deleted", BigInteger),
    UniqueConstraint("project", "name_key"),
    Index("models_by_name", "name_key", "project", unique=True),
)

versions = Table(
    "versions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("model_id", BigInteger, ForeignKey("models.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("label", String(128), nullable=False),
    Column("label_key", String(128), nullable=False),
    Column("stage", String(128), nullable=False),
    Column("entered", BigInteger, nullable=False),
    Column("digest", String(71), nullable=False),
    Column("author", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("format", Text),
    Column("framework", Text),
    Column("run_id", Text),
    Column("base", Text),
    Column("tags", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("deleted", BigInteger),
    Column("purged", BigInteger),
    UniqueConstraint("model_id", "number"),
    UniqueConstraint("model_id", "label_key"),
    Index("versions_by_stage", "model_id", "stage", "entered"),
    Index("versions_by_digest", "digest", "model_id"),
    Index("versions_by_time", "created", "id"),
    Index("versions_by_run", "run_id"),
)

pointers = Table(
    "pointers",
    metadata,
    Column("model_id", BigInteger, ForeignKey("models.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

moves = Table(
    "moves",
    metadata,
    Column("model_id", BigInteger, ForeignKey("models.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("number", BigInteger),
    Column("entry", BigInteger, nullable=False),
    Column("below", BigInteger),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("chain", String(260), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("number", BigInteger),
    Column("body", Text, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("chain", "seq"),
    Index("events_by_time", "chain", "at", "seq"),
)

touched = Table(
    "touched",
    metadata,
    Column("chain", String(260), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)

heads = Table(
    "heads",
    metadata,
    Column("chain", String(260), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

metrics = Table(
    "metrics",
    metadata,
    Column("version_id", BigInteger, ForeignKey("versions.id"), primary_key=True),
    Column("name", String(250), primary_key=True),
    Column("value", Float(53), nullable=False),
    Index("metrics_by_value", "name", "value", "version_id"),
    sqlite_with_rowid=False,
)

attributes = Table(
    "attributes",
    metadata,
    Column("version_id", BigInteger, ForeignKey("versions.id"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("name", String(250), primary_key=True),
    Column("start", String(120), nullable=False),
    Column("value", Text, nullable=False),
    Column("number", Float(53)),
    Index("attributes_by_start", "kind", "name", "start", "version_id"),
    Index("attributes_by_number", "kind", "name", "number", "version_id"),
    sqlite_with_rowid=False,
)

version_words = Table(
    "version_words",
    metadata,
    Column("word", String(64), primary_key=True),
    Column("version_id", BigInteger, ForeignKey("versions.id"), primary_key=True),
    Index("version_words_by_version", "version_id", "word"),
    sqlite_with_rowid=False,
)

model_words = Table(
    "model_words",
    metadata,
    Column("word", String(64), primary_key=True),
    Column("model_id", BigInteger, ForeignKey("models.id"), primary_key=True),
    Index("model_words_by_model", "model_id", "word"),
    sqlite_with_rowid=False,
)

holdings = Table(
    "holdings",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("version_id", BigInteger, ForeignKey("versions.id"), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Index("holdings_by_version", "version_id"),
    Index("holdings_by_size", "size"),
    sqlite_with_rowid=False,
)

environments = Table(
    "environments",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

for _table in metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, String):
            _text = type(_column.type)(_column.type.length, collation="C")
            _column.type = _column.type.with_variant(_text, "postgresql")


def upgrade() -> None:
    """Make the tables, and the project that is always there."""
    connection = op.get_bind()
    metadata.create_all(connection)
    default = {"name": "default", "lifecycle": LIFECYCLE, "created": 0}
    connection.execute(insert(projects), default)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql("PRAGMA user_version = 1")
