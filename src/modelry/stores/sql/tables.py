"""The tables, in one text for every database that SQLAlchemy Core speaks.

Names are kept as typed and compared by their `..._key` in lower case. Times
are microseconds since 1970 UTC. What never changes about a version is one
sealed JSON text; what is searched stands beside it in tables of its own. The
name `models` is left to a view (`views.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

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
    text,
)

metadata = MetaData()

# SQLite numbers rows by itself only for a column of type INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _index_of_some(name: str, column: str, *more: str) -> Index:
    """Index the rows that have something in the first column: of most there is nothing to keep."""
    some = text(f"{column} IS NOT NULL")
    return Index(name, column, *more, sqlite_where=some, postgresql_where=some)


projects = Table(
    "projects",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("lifecycle", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

models = Table(
    "registered_models",
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
    Column("uid", String(36), nullable=False, server_default=""),
    UniqueConstraint("project", "name_key"),
    Index("registered_models_by_uid", "uid", unique=True),
    Index("registered_models_by_name", "name_key", "project", unique=True),
)

versions = Table(
    "versions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("model_id", BigInteger, ForeignKey("registered_models.id"), nullable=False),
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
    Column("uid", String(36), nullable=False, server_default=""),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("model_id", "number"),
    UniqueConstraint("model_id", "label_key"),
    Index("versions_by_stage", "model_id", "stage", "entered", "number", "deleted"),
    Index("versions_by_change", "model_id", "changed", "number", "deleted"),
    Index("versions_by_digest", "digest", "model_id"),
    Index("versions_by_time", "created", "id"),
    _index_of_some("versions_by_run", "run_id"),
    Index("versions_by_uid", "uid", unique=True),
    Index("versions_by_author", "author", "created", "id"),
    Index("versions_in_stage", "stage", "created", "id"),
    _index_of_some("versions_by_format", "format", "created", "id"),
    _index_of_some("versions_by_framework", "framework", "created", "id"),
    Index("versions_by_label", "label_key", "created", "id"),
    Index("versions_by_number", "number", "created", "id"),
    Index("versions_by_size", "size"),
    _index_of_some("versions_by_base", "base", "created", "id"),
)

counts = Table(
    "counts",
    metadata,
    Column("model_id", BigInteger, ForeignKey("registered_models.id"), primary_key=True),
    Column("stage", String(128), primary_key=True),
    Column("living", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

pointers = Table(
    "pointers",
    metadata,
    Column("model_id", BigInteger, ForeignKey("registered_models.id"), primary_key=True),
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
    Column("model_id", BigInteger, ForeignKey("registered_models.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("number", BigInteger),
    Column("entry", BigInteger, nullable=False),
    Column("below", BigInteger),
    Column("at", BigInteger, nullable=False),
    Index("moves_by_number", "model_id", "name", "number", "seq"),
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
    Column("project", String(128), nullable=False, server_default=""),
    UniqueConstraint("chain", "seq"),
    Index("events_by_time", "chain", "at", "seq"),
    Index("log_by_time", "at", "chain", "seq"),
    Index("log_by_project", "project", "at", "chain", "seq"),
    Index("log_by_actor", "actor", "at", "chain", "seq"),
    Index("log_by_kind", "kind", "at", "chain", "seq"),
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
    Column("model_id", BigInteger, ForeignKey("registered_models.id"), primary_key=True),
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

kept = Table(
    "kept",
    metadata,
    Column("kind", String(64), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("until", BigInteger),
    _index_of_some("kept_until", "until"),
    sqlite_with_rowid=False,
)

START = 120
"""How many characters of a value its index holds."""

MAX_WORD = 64
"""How many characters of a word are told apart by a search."""


def by_code_points(tables: Iterable[Table]) -> None:
    """Let PostgreSQL compare text as SQLite does, whatever the language of the database."""
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, String):
                text = type(column.type)(column.type.length, collation="C")
                column.type = column.type.with_variant(text, "postgresql")


by_code_points(metadata.tables.values())
