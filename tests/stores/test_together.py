"""Changes of one process that wait at the same moment share a commit, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Self

import pytest

from modelry.core.errors import Conflict, Unavailable
from modelry.core.ports import Unit
from modelry.stores.sql import SqliteStore, sqlite
from modelry.stores.sql.queue import Queue
from modelry.stores.sql.sqlite import open_sqlite

Work = Callable[[Unit], object]
NAMED: ContextVar[str] = ContextVar("named", default="nobody")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = open_sqlite(f"sqlite:///{tmp_path / 'registry.db'}")
    yield store
    store.close()


class Waiting:
    """While it lasts it is another's turn: all changes asked for meanwhile wait in one line."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.asked: list[Future[object]] = []
        self._stack = ExitStack()
        self._pool = ThreadPoolExecutor(16)

    def __enter__(self) -> Self:
        path = self.store._path
        self._stack.enter_context(Queue(path.with_name(f"{path.name}.lock")).turn(10))
        return self

    def ask(self, work: Work) -> Future[object]:
        """Ask for a change, and answer when it stands in line."""
        as_caller = copy_context().run
        self.asked.append(self._pool.submit(as_caller, self.store.change, work))
        end = time.monotonic() + 10
        while len(self.store._line._waiting) < len(self.asked):
            assert time.monotonic() < end
            time.sleep(0.001)
        return self.asked[-1]

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._pool.shutdown()


def keep(key: str) -> Work:
    return lambda unit: unit.keep("k", key, {})


def refuse(unit: Unit) -> None:
    unit.keep("k", "never", {})
    msg = "no"
    raise Conflict(msg)


def kept(store: SqliteStore) -> list[str]:
    with store.read() as view:
        return [key for key, _ in view.all_kept("k")]


def commits(store: SqliteStore) -> int:
    """Answer how many transactions changed the file (its header, bytes 24 to 28)."""
    return int.from_bytes(store._path.read_bytes()[24:28], "big")


def test_changes_that_wait_share_a_commit(store: SqliteStore) -> None:
    with Waiting(store) as waiting:
        for number in range(6):
            waiting.ask(keep(str(number)))
        before = commits(store)
    assert [each.result() for each in waiting.asked] == [None] * 6
    assert kept(store) == ["0", "1", "2", "3", "4", "5"]
    assert commits(store) == before + 1


def test_each_sees_what_those_before_it_did_and_works_as_its_caller(store: SqliteStore) -> None:
    def count(unit: Unit) -> tuple[int, str]:
        seen = len(unit.all_kept("k"))
        unit.keep("k", str(seen), {})
        return seen, NAMED.get()

    with Waiting(store) as waiting:
        for name in ("a", "b", "c"):
            NAMED.set(name)
            waiting.ask(count)
    assert [each.result() for each in waiting.asked] == [(0, "a"), (1, "b"), (2, "c")]


def test_one_that_raises_is_undone_by_itself(store: SqliteStore) -> None:
    with Waiting(store) as waiting:
        waiting.ask(keep("a"))
        refused = waiting.ask(refuse)
        waiting.ask(keep("b"))
    with pytest.raises(Conflict, match="no"):
        refused.result()
    assert kept(store) == ["a", "b"]


def test_one_that_is_refused_before_it_wrote_holds_up_nobody(store: SqliteStore) -> None:
    def refuse_early(unit: Unit) -> None:
        assert unit.all_kept("k")
        msg = "there is one already"
        raise Conflict(msg)

    with Waiting(store) as waiting:
        waiting.ask(keep("a"))
        refused = waiting.ask(refuse_early)
        waiting.ask(keep("b"))
        before = commits(store)
    assert isinstance(refused.exception(), Conflict)
    assert kept(store) == ["a", "b"]
    assert commits(store) == before + 1


def test_where_the_first_raises_the_others_go_on_without_it(store: SqliteStore) -> None:
    with Waiting(store) as waiting:
        refused = waiting.ask(refuse)
        waiting.ask(keep("a"))
        waiting.ask(keep("b"))
    assert isinstance(refused.exception(), Conflict)
    assert kept(store) == ["a", "b"]


def test_where_the_commit_fails_all_of_them_failed(store: SqliteStore) -> None:
    def poison(unit: Unit) -> None:
        run = unit._connection.exec_driver_sql  # type: ignore[attr-defined]  # the SQL unit
        run("PRAGMA defer_foreign_keys = ON")
        run("INSERT INTO counts VALUES (12345, 'none', 1)")  # of no model: found at the commit

    with Waiting(store) as waiting:
        for work in (keep("a"), poison, keep("b")):
            waiting.ask(work)
    for each in waiting.asked:
        assert isinstance(each.exception(), Unavailable)
    assert kept(store) == []
    store.change(keep("later"))
    assert kept(store) == ["later"]


def test_where_another_was_interrupted_nobody_is_told_that_it_happened(store: SqliteStore) -> None:
    def interrupt(unit: Unit) -> None:
        unit.keep("k", "never", {})
        raise KeyboardInterrupt

    with Waiting(store) as waiting:
        first = waiting.ask(keep("a"))
        cut = waiting.ask(interrupt)
        last = waiting.ask(keep("b"))
    assert isinstance(first.exception(), KeyboardInterrupt)
    refusal = cut.exception()
    assert isinstance(refusal, Unavailable)
    assert refusal.facts["reason"] == "unknown_outcome"
    assert last.result() is None
    assert kept(store) == ["b"]


def test_who_waits_too_long_leaves_the_line(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Waiting(store) as waiting:
        patient = waiting.ask(keep("patient"))
        monkeypatch.setattr(sqlite, "PATIENCE", 0.05)
        with pytest.raises(Unavailable, match="busy"):
            store.change(keep("impatient"))
        assert not patient.done()
    assert patient.result() is None
    assert kept(store) == ["patient"]


def test_a_change_that_is_to_be_alone_shares_with_nobody(store: SqliteStore) -> None:
    begun, go = threading.Event(), threading.Event()

    def slowly(unit: Unit) -> None:
        begun.set()
        assert go.wait(10)
        unit.keep("k", "slow", {})

    with ThreadPoolExecutor(2) as pool:
        before = commits(store)
        slow = pool.submit(store.change, slowly, alone=True)
        assert begun.wait(10)
        quick = pool.submit(store.change, keep("quick"))
        go.set()
        assert (slow.result(), quick.result()) == (None, None)
    assert commits(store) == before + 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_does_not_inherit_the_line(store: SqliteStore) -> None:
    with Waiting(store) as waiting:
        waiting.ask(keep("parent"))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with ThreadPoolExecutor(1) as pool:
                    asked = pool.submit(store.change, keep("child"))
                    asked.result(20)
                code = 0
            finally:
                os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert kept(store) == ["child", "parent"]
