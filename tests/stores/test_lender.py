"""Connections of a pool that wait at hand: none is lent twice, none is kept from who waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from modelry.stores.sql.lender import Lender

SIZE = 3


def pooled(path: Path, size: int, patience: float = 30) -> Engine:
    return create_engine(
        f"sqlite:///{path}", poolclass=QueuePool, pool_size=size, max_overflow=0,
        pool_timeout=patience, connect_args={"check_same_thread": False},
    )  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = pooled(tmp_path / "some.db", SIZE)
    yield made
    made.dispose()


def test_the_last_connection_that_was_given_back_is_lent_next(engine: Engine) -> None:
    lender = Lender(engine)
    first, second = lender.take(), lender.take()
    lender.give(second)
    lender.give(first)
    assert lender.take() is first
    lender.give(first)
    lender.close()
    assert first.closed
    assert second.closed
    assert [lender.take() for _ in range(SIZE)]


def test_no_more_are_lent_than_the_pool_has(tmp_path: Path) -> None:
    engine = pooled(tmp_path / "some.db", SIZE, patience=0.2)
    lender = Lender(engine)
    lent = [lender.take() for _ in range(SIZE)]
    with pytest.raises(PoolTimeout):
        lender.take()
    lender.give(lent.pop())
    assert lender.take() not in lent
    engine.dispose()


def test_who_waits_for_the_pool_gets_the_next_that_is_given_back(tmp_path: Path) -> None:
    engine = pooled(tmp_path / "some.db", 1)
    lender = Lender(engine)
    only = lender.take()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lender.take)
        time.sleep(0.2)
        assert not waiting.done()
        lender.give(only)
        assert waiting.result(10).exec_driver_sql("SELECT 1").scalar_one() == 1
    engine.dispose()


def test_a_broken_connection_is_not_lent_again(engine: Engine) -> None:
    lender = Lender(engine)
    broken = lender.take()
    broken.invalidate()
    lender.give(broken)
    assert broken.closed
    assert lender.take().exec_driver_sql("SELECT 1").scalar_one() == 1


def test_no_connection_has_two_users_and_nobody_starves(engine: Engine) -> None:
    lender = Lender(engine)
    used: set[int] = set()
    lock, crowd = threading.Lock(), 8

    def user(_: int) -> int:
        done = 0
        for _ in range(200):
            mine: Connection = lender.take()
            with lock:
                assert id(mine) not in used
                used.add(id(mine))
            time.sleep(0.0001)
            with lock:
                used.remove(id(mine))
            lender.give(mine)
            done += 1
        return done

    with ThreadPoolExecutor(crowd) as pool:
        assert list(pool.map(user, range(crowd))) == [200] * crowd
