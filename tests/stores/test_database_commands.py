"""`modelry db` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import old_databases
import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from modelry import wiring
from modelry.cli.commands.database import database
from modelry.cli.session import Session
from modelry.core.errors import Corrupt
from modelry.core.registry import Registry
from modelry.stores.sql.schema import Schema, head
from modelry.stores.sql.sqlite import open_sqlite
from modelry.testing.fakes import world_on


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Answer the address of a database as 0.1 left it."""
    new, old = f"sqlite:///{tmp_path}/new.db", f"sqlite:///{tmp_path}/old.db"
    with Registry(world_on(open_sqlite(new), tmp_path)) as registry:
        old_databases.fill(registry, tmp_path)
    old_databases.make_old(new, old)
    monkeypatch.setattr(wiring, "schema", Schema, raising=False)
    return old


def run(uri: str, *words: str) -> Result:
    return CliRunner().invoke(database, words, obj=Session(uri=uri, color=False))


def test_the_database_is_upgraded_and_told_of_in_words(uri: str) -> None:
    assert f"the schema is 0001; this Modelry works with {head()}" in run(uri, "current").stdout
    assert f"upgraded the schema from 0001 to {head()}" in run(uri, "upgrade").stdout
    assert f"the schema is {head()} already" in run(uri, "upgrade").stdout
    assert f"the schema is {head()}, which this Modelry works with" in run(uri, "current").stdout
    assert "all good" in run(uri, "check").stdout


def test_the_database_is_upgraded_and_told_of_in_json(uri: str) -> None:
    assert json.loads(run(uri, "current", "--json").stdout) == {"current": "0001", "head": head()}
    upgraded = json.loads(run(uri, "upgrade", "--json").stdout)
    assert upgraded == {"before": "0001", "current": head()}
    assert json.loads(run(uri, "check", "--json").stdout) == {"ok": True, "problems": []}


def test_a_check_that_finds_something_fails(uri: str) -> None:
    run(uri, "upgrade")
    with old_databases.written(uri) as connection:
        connection.execute(text("DROP INDEX log_by_actor"))
    found = run(uri, "check")
    assert "log_by_actor" in found.stdout
    assert isinstance(found.exception, Corrupt)


def test_a_database_that_is_not_there_is_made(tmp_path: Path, uri: str) -> None:
    fresh = f"{uri}.fresh"
    assert "there is no database yet" in run(fresh, "current").stdout
    assert not (tmp_path / "old.db.fresh").exists()
    assert f"made a new database with the schema {head()}" in run(fresh, "upgrade").stdout
