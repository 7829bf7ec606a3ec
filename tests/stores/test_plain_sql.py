"""The versions are read by plain SQL, as the table of the component's example (S2.17)."""

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

QUERY = "SELECT name, version, path, metrics FROM {} ORDER BY name, version"
INSERT = (
    "INSERT INTO models (name, version, path, metrics) VALUES ('churn', '2', '/m', '{\"auc\": 1}')"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Answer the address of a registry with a version in each of two projects."""
    kind = str(request.param)
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
    return uri


def asked(uri: str, statement: str) -> list[tuple[str, str, str, str]]:
    if uri.startswith("sqlite"):
        file = sqlite3.connect(uri.removeprefix("sqlite:///"))
        try:
            return file.execute(statement).fetchall()
        finally:
            file.close()
    with psycopg.connect(uri) as server:
        return server.execute(statement).fetchall()


@pytest.mark.parametrize("view", ["models", "model_versions"])
def test_s2_17_versions_are_rows_of_name_version_path_and_metrics(
    uri: str, view: str, tmp_path: Path
) -> None:
    found = asked(uri, QUERY.format(view))
    path = str(tmp_path / "model.bin")
    assert [row[:3] for row in found] == [("churn", "1.0.0", path), ("team/fraud", "1", path)]
    assert json.loads(found[0][3]) == {"auc": 0.91, "n": 3}


def test_who_writes_into_the_table_of_the_example_is_told_that_it_is_a_view(uri: str) -> None:
    with pytest.raises((sqlite3.OperationalError, psycopg.Error), match=r"view.*|cannot insert"):
        asked(uri, INSERT)
    assert len(asked(uri, QUERY.format("models"))) == 2
