"""The mark that comes along with what is read is never of a later moment than that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from modelry.core.errors import Invalid
from modelry.core.names import parse_ref
from modelry.core.selection import Match, Selection, Sort
from modelry.stores.sql import postgresql
from modelry.stores.sql.postgresql import PostgresqlStore, open_postgresql
from modelry.stores.sql.wire import Answer, Asked, Wire
from modelry.testing.examples import keep, some_model, some_version

_PAGE = Selection((), (Sort("name"), Sort("number")), 0, 9)
_LISTED = Selection((Match("name", "in", ("credit-risk", "b")),), (Sort("name"),), 0, 9)


@pytest.fixture
def store(database: str) -> Iterator[PostgresqlStore]:
    made = open_postgresql(database)
    made.change(lambda unit: keep(unit, some_model(), some_version(some_model(), 1)))
    yield made
    made.close()


def looks(store: PostgresqlStore) -> object:
    with store.read() as view:
        return view.kept("k", "n")


def finds(store: PostgresqlStore) -> object:
    return store.resolve(parse_ref("credit-risk:1"))


def selects(store: PostgresqlStore) -> object:
    return store.select_versions("default", _PAGE)


def selects_listed(store: PostgresqlStore) -> object:
    return store.select_versions("default", _LISTED)


READS = {"a look": looks, "a look-up": finds, "a page": selects, "a page of listed": selects_listed}
Read = Callable[[PostgresqlStore], object]


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was asked on each way to the server, after what begins a transaction."""
    counted: list[list[str]] = []
    exchange = Wire.exchange

    def counting(wire: Wire, statements: Sequence[Asked]) -> list[Answer]:
        asked = [each.text for each in statements]
        counted.append([each for each in asked if not each.startswith("BEGIN")])
        return exchange(wire, statements)

    monkeypatch.setattr(Wire, "exchange", counting)
    return counted


def undisturbed(holds: Callable[[], bool]) -> bool:
    """Say whether something holds of the mark, which the housekeeping of the server may move."""
    return any(holds() for _ in range(20))


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_it_is_the_mark_of_the_store_and_takes_no_way_of_its_own(
    store: PostgresqlStore, read: Read, ways: list[list[str]]
) -> None:
    plainly = read(store)
    alone = len(ways)

    def told() -> set[Hashable]:
        ways.clear()
        with store.marking() as ahead:
            assert ahead.told is None
            assert read(store) == plainly
            assert len(ways) == alone
            assert [each.count(postgresql._SNAPSHOT) for each in ways] == [1] + [0] * (alone - 1)
            assert ways[0][0] == postgresql._SNAPSHOT
            mark = ahead.told
            assert read(store) == plainly
        return {mark, ahead.told, store.generation()}

    assert undisturbed(lambda: len(told()) == 1)
    ways.clear()
    read(store)
    assert len(ways) == alone
    assert not any(postgresql._SNAPSHOT in each for each in ways)


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_is_committed_before_it_makes_it_another(store: PostgresqlStore, read: Read) -> None:
    marks: set[Hashable] = set()

    def tells(number: int) -> bool:
        with store.marking() as ahead:
            store.change(lambda unit: unit.keep("k", "n", {"n": number}))
            read(store)
        assert ahead.told not in marks
        marks.add(ahead.told)
        return ahead.told == store.generation()

    for number in range(4):
        assert undisturbed(lambda n=number: tells(n))  # type: ignore[misc]  # no argument


def test_whoever_finds_the_mark_again_has_read_what_holds(store: PostgresqlStore) -> None:
    acknowledged, ended = [0], threading.Event()

    def write() -> None:
        try:
            for number in range(1, 150):
                store.change(lambda unit, n=number: unit.keep("k", "n", {"n": n}))  # type: ignore[misc]  # one argument
                acknowledged[0] = number
        finally:
            ended.set()

    cached: int = -1
    mark: Hashable = None
    stale: list[tuple[int, int]] = []
    kept = 0
    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        while not (ended.is_set() and kept):
            least = acknowledged[0]
            if mark is not None and store.generation() == mark:
                kept += 1
                stale += [(cached, least)] if cached < least else []
                continue
            with store.marking() as ahead:
                body = looks(store)
            cached = int(body["n"]) if isinstance(body, dict) else 0
            mark = ahead.told
        writer.result()
    assert stale == []


def test_the_look_is_at_the_moment_of_the_mark(store: PostgresqlStore) -> None:
    """What is committed after the first question of a look is neither seen nor in the mark."""
    with store.marking() as ahead, store.read() as view:
        assert view.kept("k", "n") is None
        store.change(lambda unit: unit.keep("k", "n", {"n": 1}))
        assert view.kept("k", "n") is None
    assert ahead.told is not None
    assert ahead.told != store.generation()


def test_it_belongs_to_the_thread_that_asks(store: PostgresqlStore) -> None:
    with store.marking() as ahead, ThreadPoolExecutor(1) as threads:
        threads.submit(looks, store).result()
        assert ahead.told is None


def test_where_nothing_is_read_nothing_is_told(store: PostgresqlStore) -> None:
    with store.marking() as ahead, store.read():
        pass
    assert ahead.told is None
    with pytest.raises(ZeroDivisionError), store.marking():
        raise ZeroDivisionError
    assert store._ahead is None


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_another_connection_tells_another_mark(
    store: PostgresqlStore, database: str, read: Read
) -> None:
    """Another server may have taken over, whose transactions have the same numbers."""
    read(store)
    before = store.generation()
    with psycopg.connect(database, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'modelry'"
        )
    with store.marking() as ahead:
        read(store)
    assert ahead.told is not None
    assert ahead.told != before


def test_a_standby_is_asked_before_as_it_tells_no_snapshot(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_SNAPSHOT", "SELECT NULL")  # as a standby answers
    with store.marking() as ahead:
        looks(store)
    assert ahead.told is None

    def tells() -> bool:
        with store.marking() as ahead:
            same = ahead.told == store.generation()
            looks(store)
        return same

    assert undisturbed(tells)


def test_a_question_that_is_refused_leaves_a_connection_that_goes_on(
    store: PostgresqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_SNAPSHOT", "SELECT (1 / 0)::text")
    for read in READS.values():
        with store.marking() as ahead:
            with pytest.raises(Invalid, match="division by zero"):
                read(store)
            assert ahead.told is None
        read(store)
