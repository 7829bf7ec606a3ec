"""The versions are read by plain SQL, as in the component's example (S2.17)."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest

from modelry.core.registry import Registry
from modelry.stores.sql.postgresql import open_postgresql
from modelry.stores.sql.sqlite import open_sqlite
from modelry.testing.fakes import world_on
from modelry.testing.postgresql import fresh_database

QUERY = "SELECT name, version, path, metrics FROM model_versions ORDER BY name, version"


def rows(uri: str) -> list[tuple[str, str, str, str]]:
    if uri.startswith("sqlite"):
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as file:
            found = file.execute(QUERY).fetchall()
        file.close()
        return found
    with psycopg.connect(uri) as server:
        return server.execute(QUERY).fetchall()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_s2_17_versions_are_rows_of_name_version_path_and_metrics(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    uri = f"sqlite:///{tmp_path / 'registry.db'}"
    if kind == "postgresql":
        uri = fresh_database(request.getfixturevalue("postgresql"))
    store = open_sqlite(uri) if kind == "sqlite" else open_postgresql(uri)
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    with Registry(world_on(store, tmp_path)) as registry:
        registry.create_project("team")
        registry.register("churn", path, version="1.0.0", metrics={"auc": 0.91, "n": 3})
        registry.register("team/fraud", path, params={"odd": "\x85"} if kind == "sqlite" else {})
        registry.register("churn", path, version="gone")
        registry.delete("churn:gone")
    found = rows(uri)
    assert [row[:3] for row in found] == [
        ("churn", "1.0.0", str(path)), ("team/fraud", "1", str(path)),
    ]  # fmt: skip
    assert json.loads(found[0][3]) == {"auc": 0.91, "n": 3}
