"""A database of an older Modelry becomes what a new one is, or stays what it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import old_databases
import pytest
from sqlalchemy import text

from modelry.core.errors import Unavailable
from modelry.core.ports import Store
from modelry.core.registry import Registry
from modelry.stores.sql.postgresql import open_postgresql
from modelry.stores.sql.schema import Schema, head, migrate
from modelry.stores.sql.sqlite import open_sqlite
from modelry.testing.fakes import world_on
from modelry.testing.postgresql import fresh_database

KINDS = ["sqlite", "postgresql"]


@pytest.fixture(params=KINDS)
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Answer the addresses of two databases that are not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.db", f"sqlite:///{tmp_path}/old.db"
    server = request.getfixturevalue("postgresql")
    return fresh_database(server), fresh_database(server)


def opened(uri: str) -> Store:
    return open_sqlite(uri) if uri.startswith("sqlite") else open_postgresql(uri)


def registry_at(uri: str, folder: Path) -> Registry:
    return Registry(world_on(opened(uri), folder))


@pytest.fixture
def old(places: tuple[str, str], tmp_path: Path) -> str:
    """Answer the address of a database as 0.1 left it, with the content of the new one."""
    new, old = places
    with registry_at(new, tmp_path) as registry:
        old_databases.fill(registry, tmp_path)
    old_databases.make_old(new, old)
    return old


def test_an_upgraded_database_is_what_a_new_one_is(
    places: tuple[str, str], old: str, tmp_path: Path
) -> None:
    new, _ = places
    told: list[tuple[str, int, int]] = []
    schema = Schema(old)
    assert schema.current() == "0001"
    assert schema.upgrade(lambda what, done, total: told.append((what, done, total))) == "0001"
    assert (schema.current(), schema.check()) == (head(), [])
    assert schema.upgrade() == head()
    assert old_databases.shape(old) == old_databases.shape(new)
    assert old_databases.content(old) == old_databases.content(new)
    assert told
    with registry_at(old, tmp_path) as registry:
        found = registry.audit()
        assert (found.problems, found.events > 30) == ((), True)
        assert old_databases.fraud_in_production(registry) == 2
        registry.promote("fraud:3", "staging")
        assert registry.audit("fraud").problems == ()


def test_the_table_of_models_leaves_its_name_to_the_view_and_keeps_its_rows(
    places: tuple[str, str], old: str, tmp_path: Path
) -> None:
    new, _ = places
    with old_databases.written(old) as connection:
        migrate(connection, "0001", to="0005")
        before = connection.execute(text("SELECT * FROM model_versions ORDER BY 1, 2")).fetchall()
    assert len(before) == 16
    schema = Schema(old)
    assert (schema.upgrade(), schema.check()) == ("0005", [])
    assert old_databases.shape(old) == old_databases.shape(new)
    assert old_databases.content(old) == old_databases.content(new)
    with old_databases.written(old) as connection:
        for view in ("models", "model_versions"):
            found = connection.execute(text(f"SELECT * FROM {view} ORDER BY 1, 2"))  # noqa: S608 - our own views
            assert found.fetchall() == before
    with registry_at(old, tmp_path) as registry:
        registry.register("late", tmp_path / "old.bin")
        registry.register("team/fraud", tmp_path / "old.bin")
        assert registry.audit().problems == ()


def test_a_check_tells_of_a_view_that_is_gone(places: tuple[str, str]) -> None:
    new, _ = places
    opened(new).close()
    with old_databases.written(new) as connection:
        connection.execute(text("DROP VIEW model_versions"))
    assert Schema(new).check() == ["the view model_versions is not there"]


def test_an_older_database_is_refused_with_the_command_that_upgrades_it(old: str) -> None:
    with pytest.raises(Unavailable, match=r"modelry --uri .* db upgrade") as refusal:
        opened(old)
    assert refusal.value.facts["schema"] == "0001"
    assert Schema(old).check() == [f"the schema is 0001, not {head()}: run modelry db upgrade"]


def test_a_newer_database_is_refused_by_every_door(places: tuple[str, str]) -> None:
    new, _ = places
    opened(new).close()
    with old_databases.written(new) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    assert Schema(new).current() == "0999"
    with pytest.raises(Unavailable, match="use the newer Modelry"):
        opened(new)
    with pytest.raises(Unavailable, match="use the newer Modelry"):
        Schema(new).upgrade()


def test_a_database_that_is_not_there_is_made(places: tuple[str, str]) -> None:
    new, _ = places
    assert Schema(new).current() is None
    assert Schema(new).upgrade() is None
    assert Schema(new).check() == []
    opened(new).close()


def test_a_check_tells_what_is_not_as_it_should_be(places: tuple[str, str]) -> None:
    new, _ = places
    opened(new).close()
    with old_databases.written(new) as connection:
        connection.execute(text("DROP INDEX versions_by_uid"))
        connection.execute(text("ALTER TABLE kept ADD COLUMN more TEXT"))
    found = "\n".join(Schema(new).check())
    assert "versions_by_uid" in found
    assert "more" in found


def test_many_may_upgrade_at_once(old: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        before = list(threads.map(lambda _: Schema(old).upgrade(), range(4)))
    assert sorted(str(each) for each in before) == ["0001", head(), head(), head()]
    assert Schema(old).check() == []


_KILLED = """
import os, signal, sys
from modelry.stores.sql.schema import Schema

def end(what, done, total):
    if what.endswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

Schema(sys.argv[1]).upgrade(end)
"""


@pytest.mark.parametrize("where", ["ids", "projects"])
def test_a_killed_upgrade_leaves_the_old_schema(old: str, where: str, tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", _KILLED, old, where], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert Schema(old).current() == "0001"
    assert Schema(old).upgrade() == "0001"
    assert Schema(old).check() == []
    with registry_at(old, tmp_path) as registry:
        assert registry.audit().problems == ()


def test_a_writer_from_before_an_upgrade_writes_no_more(tmp_path: Path) -> None:
    store = open_sqlite(f"sqlite:///{tmp_path}/new.db")
    registry = Registry(replace(world_on(store, tmp_path)))
    with old_databases.written(f"sqlite:///{tmp_path}/new.db") as connection:
        connection.execute(text("PRAGMA user_version = 99"))
    with pytest.raises(Unavailable, match="use the newer Modelry"):
        registry.create_model("late")


_OPENS = """
import sys
from modelry.stores.sql.sqlite import open_sqlite
open_sqlite(sys.argv[1]).close()
print("alembic" in sys.modules, "psycopg" in sys.modules)
"""


def test_opening_a_store_loads_nothing_that_migrates(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _OPENS, f"sqlite:///{tmp_path}/new.db"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
