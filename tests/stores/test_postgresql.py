"""What is particular to PostgreSQL: addresses, refusals, connections, text."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from modelry.core.errors import Corrupt, Invalid, RegistryError, Unavailable
from modelry.core.names import parse_ref
from modelry.core.ports import Unit
from modelry.core.query import parse
from modelry.stores.sql import postgresql as adapter
from modelry.stores.sql.address import address_of
from modelry.stores.sql.postgresql import PostgresqlStore, open_postgresql
from modelry.testing.examples import keep, some_model, some_version
from modelry.testing.postgresql import fresh_database

SECRET = "hunter2"  # noqa: S105 - a password that must never be seen


@pytest.fixture
def store(database: str) -> Iterator[PostgresqlStore]:
    made = open_postgresql(database)
    yield made
    made.close()


def one_version(unit: Unit) -> None:
    keep(unit, some_model(), some_version(some_model(), 1))


def on_server(store: PostgresqlStore, statement: str) -> Callable[[Unit], None]:
    """Answer a work that lets the server itself say something."""
    del store

    def work(unit: Unit) -> None:
        unit._connection.exec_driver_sql(statement)  # type: ignore[attr-defined]  # the SQL unit

    return work


@pytest.mark.parametrize(
    ("uri", "where", "pool_size"),
    [
        ("postgresql://u:hunter2@db.example:5433/models", "db.example:5433, database models", 10),
        ("postgres://u:hunter2@h/m?pool_size=3&sslmode=prefer", "h, database m", 3),
        ("postgresql:///m?host=%2Ftmp%2Fx&password=hunter2", "/tmp/x, database m", 10),  # noqa: S108 - an example
        ("postgresql://h", "h, database the default database", 10),
    ],
)
def test_an_address_is_told_without_its_password(uri: str, where: str, pool_size: int) -> None:
    found = address_of(uri)
    assert (found.where, found.pool_size) == (f"PostgreSQL at {where}", pool_size)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://u:hunter2@h:port/m",
        "postgresql://u:hunter2@h/m?nonsense=1",
        "postgresql://u:hunter2@[h/m",
        "postgresql://u:hunter2@h/m?pool_size=none",
        "postgresql://u:hunter2@h/m?pool_size=0",
        "postgresql://u:hunter2@127.0.0.1:1/m",
        "postgresql://u:hunter2@/m?host=/nowhere",
    ],
)
def test_a_refusal_never_repeats_the_password(uri: str) -> None:
    with pytest.raises(RegistryError) as refusal:
        open_postgresql(uri)
    causes: list[BaseException] = [refusal.value]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    assert not [str(each) for each in causes if SECRET in str(each)]


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as refusal:
        open_postgresql("postgresql://u@127.0.0.1:1/m")
    assert refusal.value.facts["reason"] == "unreachable"


def test_a_database_that_is_not_there_is_named(postgresql: str) -> None:
    uri = fresh_database(postgresql).replace("/modelry_", "/absent_")
    with pytest.raises(Unavailable, match=r"absent_\w+ is not there; make it with createdb"):
        open_postgresql(uri)


def test_a_database_of_something_else_is_refused_and_left_alone(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE metrics(note text)")
        with pytest.raises(Invalid, match="has a table metrics of something else"):
            open_postgresql(database)
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert found.fetchone() == (1,)


def test_a_database_that_cannot_hold_every_text_is_refused(postgresql: str) -> None:
    uri = fresh_database(postgresql)
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    name = uri.partition("?")[0].rpartition("/")[2]
    with pytest.raises(Invalid, match="keeps text as LATIN1"):
        open_postgresql(uri.replace(name, "latin"))
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP DATABASE latin")


def test_many_open_an_empty_database_at_once(database: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        stores = list(threads.map(lambda _: open_postgresql(database), range(6)))
    for each in stores:
        with each.read() as view:
            assert list(view.projects()) == ["default"]
        each.close()


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("53100", Unavailable, "storage_full"),
        ("53300", Unavailable, "too_many_connections"),
        ("25006", Unavailable, "read_only"),
        ("42501", Unavailable, "refused"),
        ("55P03", Unavailable, "busy"),
        ("XX001", Corrupt, None),
        ("54000", Invalid, None),
        ("22021", Invalid, None),
        ("P0001", Unavailable, "P0001"),
    ],
)
def test_what_the_server_refuses_is_told_with_what_to_do(
    store: PostgresqlStore, code: str, kind: type[RegistryError], reason: str | None
) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'said so' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(kind) as refusal:
        store.change(on_server(store, statement))
    assert refusal.value.facts.get("reason") == reason
    store.change(one_version)
    assert store.resolve(parse_ref("credit-risk:1"))


def test_a_database_that_may_only_be_read_is_read(database: str) -> None:
    store = open_postgresql(database)
    store.change(one_version)
    store.close()
    name = database.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    store = open_postgresql(database)
    assert store.resolve(parse_ref("credit-risk:1"))
    with pytest.raises(Unavailable, match="may only be read") as refusal:
        store.change(lambda unit: unit.add_environment("a" * 64, "x"))
    assert refusal.value.facts["reason"] == "read_only"
    store.close()


def test_a_server_without_a_connection_left_is_told(postgresql: str) -> None:
    uri = fresh_database(postgresql)
    name = uri.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{name}" LOGIN CONNECTION LIMIT 0')
    with pytest.raises(Unavailable, match="no connection left") as refusal:
        open_postgresql(uri.replace("postgres@", f"{name}@"))
    assert refusal.value.facts["reason"] == "too_many_connections"


def test_a_text_that_postgresql_cannot_hold_is_invalid(store: PostgresqlStore) -> None:
    with pytest.raises(Invalid, match="NUL"):
        store.change(lambda unit: unit.add_environment("a" * 64, "x\0y"))


def test_a_refusal_inside_a_change_is_never_committed_over(store: PostgresqlStore) -> None:
    def swallows(unit: Unit) -> None:
        one_version(unit)
        with pytest.raises(DBAPIError):
            on_server(store, "SELECT 1 / 0")(unit)

    with pytest.raises(Unavailable, match="nothing was changed"):
        store.change(swallows)
    assert store.resolve(parse_ref("credit-risk:1")) is None


def test_a_writer_that_waits_too_long_is_told_so(
    store: PostgresqlStore, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.change(one_version)
    monkeypatch.setattr(adapter, "PATIENCE", 0.2)
    with psycopg.connect(database) as other:
        other.execute("SELECT * FROM registered_models FOR UPDATE")
        with pytest.raises(Unavailable, match="busy") as refusal:
            store.change(lambda unit: unit.model("default", "credit-risk"))
    assert refusal.value.facts["reason"] == "busy"
    store.change(lambda unit: unit.model("default", "credit-risk"))


def test_more_threads_than_connections_wait_for_one(database: str) -> None:
    store = open_postgresql(f"{database}&pool_size=2")
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda n: store.change(lambda unit: unit.keep("k", str(n), {})),
                         range(36)))  # fmt: skip
    with store.read() as view:
        assert len(view.all_kept("k")) == 36
    assert _sessions(database) <= 2
    store.close()


def test_a_thread_that_ends_gives_its_connection_back(
    store: PostgresqlStore, database: str
) -> None:
    before = _sessions(database)
    for _ in range(5):
        thread = threading.Thread(target=lambda: store.resolve(parse_ref("credit-risk:1")))
        thread.start()
        thread.join()
    until = 200
    while _sessions(database) > before and until:
        until -= 1
    assert _sessions(database) <= before


def test_a_closed_store_holds_no_connection(store: PostgresqlStore, database: str) -> None:
    store.change(one_version)
    store.resolve(parse_ref("credit-risk:1"))
    store.generation()
    store.close()
    until = 200
    while _sessions(database) and until:
        until -= 1
    assert _sessions(database) == 0


def _sessions(database: str) -> int:
    """Count the connections of others; a server notices the end of one a moment later."""
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND application_name = 'modelry'"
        ).fetchone()
        connection.execute("SELECT pg_sleep(0.01)")
    return int(row[0]) if row else 0


def test_a_fork_uses_connections_of_its_own(store: PostgresqlStore) -> None:
    store.change(one_version)
    assert store.resolve(parse_ref("credit-risk:1"))
    mark = store.generation()

    def child() -> None:
        found = store.resolve(parse_ref("credit-risk:1"))
        store.change(lambda unit: unit.add_environment("c" * 64, "child"))
        store.generation()
        store.close()
        os._exit(0 if found else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    with store.read() as view:
        assert view.environment("c" * 64) == "child"
    assert store.generation() != mark
    assert store.resolve(parse_ref("credit-risk:1"))


def test_every_text_is_compared_by_code_points(store: PostgresqlStore) -> None:
    with store.read() as view:
        found = view._connection.execute(text(  # type: ignore[attr-defined]  # the SQL view
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name <> 'alembic_version' "
            "AND data_type IN ('text', 'character varying') "
            "AND collation_name IS DISTINCT FROM 'C'")).fetchall()  # fmt: skip
    assert found == []


def test_only_ascii_letters_have_a_case_whatever_the_language(postgresql: str) -> None:
    uri = fresh_database(postgresql)
    name = uri.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}"')
        connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE template0 LOCALE_PROVIDER builtin '
            "BUILTIN_LOCALE 'C.UTF-8' ENCODING 'UTF8'"
        )
    store = open_postgresql(uri)
    store.change(lambda unit: keep(unit, some_model(), some_version(
        some_model(), 1, description="\u00c4PFEL and pears")))  # fmt: skip
    wanted = {"description ~ '\u00c4pfel'": 1, "description ~ '\u00e4pfel'": 0,
              "description ~ 'PEARS'": 1}  # fmt: skip
    for query, count in wanted.items():
        with store.read() as view:
            assert len(view.search(parse(query), None, None, 9)[0]) == count, query
    store.close()


def test_numbers_come_back_as_they_were(store: PostgresqlStore) -> None:
    metrics = {"a": 0.1 + 0.2, "b": 5e-324, "c": 1.7976931348623157e308, "d": -0.0, "e": 2**60}
    store.change(lambda unit: keep(unit, some_model(), some_version(
        some_model(), 1, metrics=metrics)))  # fmt: skip
    with store.read() as view:
        for name, value in metrics.items():
            query = parse(f"metrics.{name} = {value!r} order by metrics.{name}")
            assert len(view.search(query, None, None, 9)[0]) == 1, name
        kept = view._connection.execute(text("SELECT name, value FROM metrics"))  # type: ignore[attr-defined]  # the SQL view
        assert dict(kept.fetchall()) == metrics


def test_row_67_a_search_cannot_leave_its_place_in_the_sql(store: PostgresqlStore) -> None:
    store.change(one_version)
    for query in (
        "name = \"x' OR '1'='1\"",
        "name ~ '%'",
        'description ~ "_\';--"',
        "author ~ '\\'",
    ):
        try:
            wanted = parse(query)
        except Invalid:
            continue
        with store.read() as view:
            assert not view.search(wanted, None, None, 9)[0], query
    assert store.resolve(parse_ref("credit-risk:1"))
