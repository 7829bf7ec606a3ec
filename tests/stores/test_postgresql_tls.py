"""PostgreSQL over TLS: every kind of connection that a store makes, and whom it does not trust."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tls_front import certificate, tls_before

from modelry.core.errors import Unavailable
from modelry.core.names import parse_ref
from modelry.stores.sql.postgresql import PostgresqlStore, open_postgresql
from modelry.testing.examples import keep, some_model, some_version


@pytest.fixture
def secure(database: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database whose server speaks TLS, without what is to be trusted."""
    parts = urlsplit(database)
    folder = parse_qs(parts.query)["host"][0]
    chain, key = certificate(tmp_path, "localhost")
    with tls_before(f"{folder}/.s.PGSQL.5432", chain, key) as port:
        yield f"postgresql://postgres@localhost:{port}{parts.path}?sslmode=verify-full"


@pytest.fixture
def store(secure: str, tmp_path: Path) -> Iterator[PostgresqlStore]:
    made = open_postgresql(f"{secure}&sslrootcert={tmp_path / 'localhost.crt'}")
    yield made
    made.close()


def test_changes_looks_and_single_questions_go_over_tls(store: PostgresqlStore) -> None:
    before = store.generation()
    store.change(lambda unit: keep(unit, some_model(), some_version(some_model(), 1)))
    assert store.generation() != before
    found = store.resolve(parse_ref("credit-risk:1"))
    with store.read() as view:
        assert view.version(parse_ref("credit-risk:1")) == found
        used = view._connection.connection.driver_connection  # type: ignore[attr-defined]  # the SQL view
        assert used.pgconn.ssl_in_use
    with store.snapshot() as view:
        assert view.version(parse_ref("credit-risk:1")) == found


def test_what_fills_many_records_of_tls_arrives(store: PostgresqlStore) -> None:
    large = "x" * 1_000_000
    store.change(lambda unit: unit.keep("large", "one", {"text": large}))
    with store.read() as view:
        body = view.kept("large", "one")
    assert body == {"text": large}


def test_a_glance_over_tls_is_answered_whenever_it_can_be_read(store: PostgresqlStore) -> None:
    glance = store.glance()
    waiting, same = glance.open(), 0
    for _ in range(20):
        glance.ask()
        mark = None
        while mark is None:
            assert select.select([waiting], [], [], 10)[0]
            mark = glance.answer()
        same += mark == store.generation()
    glance.close()
    assert same > 15  # the housekeeping of a server moves it now and then


def test_a_server_that_another_vouches_for_is_not_trusted(secure: str, tmp_path: Path) -> None:
    other, _ = certificate(tmp_path, "other.example.com")
    with pytest.raises(Unavailable, match="certificate"):
        open_postgresql(f"{secure}&sslrootcert={other}")


def test_a_server_of_another_name_is_not_trusted(secure: str, tmp_path: Path) -> None:
    mine = tmp_path / "localhost.crt"
    elsewhere = secure.replace("@localhost:", "@db.example.com:")
    with pytest.raises(Unavailable, match="does not match host name"):
        open_postgresql(f"{elsewhere}&hostaddr=127.0.0.1&sslrootcert={mine}")
