"""What others may read with plain SQL: the versions as the table of the component has them (S2.17).

`SELECT name, version, path, metrics FROM models`: one row for each version
that lives, metrics as JSON. Nothing here reads it, and nobody writes to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

VIEWS = ("models", "model_versions")
"""The name of the document, and what the view was called first: who reads it there goes on."""

_NAME = "CASE m.project WHEN 'default' THEN m.name ELSE m.project || '/' || m.name END"
_FROM = (
    "FROM versions v JOIN registered_models m ON m.id = v.model_id "
    "WHERE v.deleted IS NULL AND m.deleted IS NULL"
)
_SEALED: Mapping[str, str] = {
    "sqlite": "json_extract(v.document, '$.source') AS path, "
    "json_extract(v.document, '$.metrics') AS metrics",
    "postgresql": "(CAST(v.document AS json) ->> 'source') COLLATE \"C\" AS path, "
    "CAST(CAST(v.document AS json) -> 'metrics' AS text) COLLATE \"C\" AS metrics",
}
_FORMER = "CREATE VIEW model_versions AS SELECT name, version, path, metrics FROM models"


def make_views(connection: Connection) -> None:
    """Make the views."""
    sealed = _SEALED[connection.dialect.name]
    select = f"SELECT {_NAME} AS name, v.label AS version, {sealed} {_FROM}"
    connection.execute(text(f"CREATE VIEW models AS {select}"))
    connection.execute(text(_FORMER))
