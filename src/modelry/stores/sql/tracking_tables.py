"""The tables of experiments and runs, beside those of the models.

`owner` is the key of an experiment or the id of a run or a logged model; these
are told apart by their shapes. Measurements are kept whole in `points`, where
each metric stands in `latest`, and what was measured of logged models in `measured`; a NaN, which databases do not compare
alike, is a zero with a mark.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, SmallInteger, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from modelry.stores.sql.tables import by_code_points, metadata

ID = 40
"""How many characters an id of a run or a logged model has at most."""

KEY = 160
"""How many characters the key of an experiment, and so an owner, has at most."""

NAME = 250
"""How many characters name a metric, a parameter or a tag."""

experiments = Table(
    "experiments",
    metadata,
    Column("key", String(KEY), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("name", String(500), nullable=False),
    Column("author", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("deleted", BigInteger),
    Unique("project", "name"),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("experiment", String(KEY), nullable=False),
    Column("name", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("user", Text, nullable=False),
    Column("start", BigInteger),
    Column("end", BigInteger),
    Column("author", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("deleted", BigInteger),
    Index("runs_by_start", "experiment", "start", "id"),
    sqlite_with_rowid=False,
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("project", String(128), nullable=False),
    Column("experiment", String(KEY), nullable=False),
    Column("name", Text, nullable=False),
    Column("model_type", Text, nullable=False),
    Column("run_id", String(ID)),
    Column("status", String(16), nullable=False),
    Column("author", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("deleted", BigInteger),
    Index("logged_models_by_time", "experiment", "created", "id"),
    sqlite_with_rowid=False,
)

notes = Table(
    "notes",
    metadata,
    Column("owner", String(KEY), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("key", String(NAME), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

points = Table(
    "points",
    metadata,
    Column("run_id", String(ID), primary_key=True),
    Column("key", String(NAME), primary_key=True),
    Column("timestamp", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("missing", SmallInteger, primary_key=True),
    Column("value", Float(53), primary_key=True),
    sqlite_with_rowid=False,
)

measured = Table(
    "measured",
    metadata,
    Column("model", String(ID), primary_key=True),
    Column("key", String(NAME), primary_key=True),
    Column("timestamp", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("run_id", String(ID), primary_key=True),
    Column("missing", SmallInteger, primary_key=True),
    Column("value", Float(53), primary_key=True),
    Column("dataset", Text),
    Column("digest", Text),
    sqlite_with_rowid=False,
)

latest = Table(
    "latest",
    metadata,
    Column("run_id", String(ID), primary_key=True),
    Column("key", String(NAME), primary_key=True),
    Column("timestamp", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("missing", SmallInteger, nullable=False),
    Column("value", Float(53), nullable=False),
    sqlite_with_rowid=False,
)

inputs = Table(
    "inputs",
    metadata,
    Column("run_id", String(ID), primary_key=True),
    Column("name", String(500), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("source_type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("schema", Text),
    Column("profile", Text),
    Column("tags", Text, nullable=False),
    Column("context", Text),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    Column("run_id", String(ID), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("model", String(ID), primary_key=True),
    Column("step", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("owner", String(ID), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("project", String(128), nullable=False),
    Index("artifacts_by_blob", "sha256", "project"),
    sqlite_with_rowid=False,
)

TABLES = (
    experiments,
    runs,
    logged_models,
    notes,
    points,
    measured,
    latest,
    inputs,
    links,
    artifacts,
)
by_code_points(TABLES)
