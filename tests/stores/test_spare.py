"""Connections that wait for their next transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from modelry.core.ports import Unit
from modelry.stores.sql.spare import MOST, Spare
from modelry.stores.sql.sqlite import SqliteStore


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(
        f"sqlite:///{tmp_path / 'some.db'}", isolation_level="AUTOCOMMIT", poolclass=NullPool,
        connect_args={"check_same_thread": False},
    )  # fmt: skip
    yield made
    made.dispose()


def test_the_last_connection_that_was_given_back_is_lent_next(engine: Engine) -> None:
    spare = Spare(engine)
    first = spare.take()
    spare.give(first)
    assert spare.take() is first
    spare.give(first)
    spare.close()
    assert first.connection.closed


def test_of_many_connections_only_so_many_wait(engine: Engine) -> None:
    spare = Spare(engine)
    lent = [spare.take() for _ in range(MOST + 3)]
    assert len({id(each) for each in lent}) == MOST + 3
    for each in lent:
        spare.give(each)
    assert [each.connection.closed for each in lent] == [False] * MOST + [True] * 3
    spare.close()
    assert all(each.connection.closed for each in lent)


def test_a_broken_connection_is_not_lent_again(engine: Engine) -> None:
    spare = Spare(engine)
    broken = spare.take()
    broken.connection.invalidate()
    spare.give(broken)
    fresh = spare.take()
    assert fresh is not broken
    assert fresh.connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    fresh.connection.close()


def test_a_transaction_that_failed_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "registry.db")

    def half(unit: Unit) -> None:
        unit.add_environment("a" * 64, "{}")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.change(half)
    with store.read() as view:
        assert view.environment("a" * 64) is None
    store.change(lambda unit: unit.add_environment("b" * 64, "{}"))
    store.close()


def test_more_readers_than_wait_look_at_the_same_time(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "registry.db")
    meet = threading.Barrier(MOST * 3)
    seen: list[bool] = []

    def look() -> None:
        with store.read() as view:
            meet.wait(30)
            seen.append(view.lifecycle("default") is not None)

    with ExitStack() as stack:
        stack.callback(store.close)
        threads = [threading.Thread(target=look) for _ in range(MOST * 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert seen == [True] * (MOST * 3)
