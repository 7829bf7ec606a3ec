"""Many writers on one PostgreSQL: nothing is lost, and what was acknowledged stays."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from modelry.core.errors import Conflict, Unavailable
from modelry.core.names import parse_ref
from modelry.core.ports import Unit
from modelry.core.registry import Registry
from modelry.stores.sql.postgresql import PostgresqlStore, open_postgresql
from modelry.testing.examples import keep, some_model, some_version
from modelry.testing.fakes import registry_on
from modelry.testing.postgresql import Postgresql, fresh_database, own_folder, running

WRITERS, ROUNDS = 8, 6


@pytest.fixture
def store(database: str) -> Iterator[PostgresqlStore]:
    made = open_postgresql(database)
    yield made
    made.close()


def one_version(unit: Unit) -> None:
    keep(unit, some_model(), some_version(some_model(), 1))


def at_once(works: list[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(works)) as threads:
        return [each.result() for each in [threads.submit(work) for work in works]]


class Meeting:
    """Lets the first run of each of two changes wait for the other's, in the middle of it."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self._seen: set[int] = set()
        self.runs = 0

    def wait(self) -> None:
        self.runs += 1
        me = threading.get_ident()
        if me not in self._seen:
            self._seen.add(me)
            self._barrier.wait(30)


def registry_with_versions(store: PostgresqlStore, folder: Path, count: int) -> Registry:
    registry = registry_on(store, folder)
    path = folder / "model.bin"
    for number in range(count):
        path.write_text(str(number))
        registry.register("m", path)
    return registry


def test_threads_that_promote_one_model_lose_no_promotion(
    store: PostgresqlStore, tmp_path: Path
) -> None:
    registry = registry_with_versions(store, tmp_path, WRITERS)
    before = len(registry.history("m", limit=1000))

    def promotes(number: int) -> None:
        for _ in range(ROUNDS):
            registry.promote(f"m:{number}", "production")
            registry.promote(f"m:{number}", "staging")

    at_once([lambda n=n: promotes(n) for n in range(1, WRITERS + 1)])  # type: ignore[misc]  # one argument
    events = list(registry.history("m", limit=1000))
    assert [each.seq for each in events] == list(range(len(events), 0, -1))
    assert len(events) - before == 2 * WRITERS * ROUNDS
    assert registry.audit().problems == ()


_PROMOTES = """
import sys
from pathlib import Path
from modelry.stores.sql.postgresql import open_postgresql
from modelry.testing.fakes import registry_on

registry = registry_on(open_postgresql(sys.argv[1]), Path(sys.argv[2]))
for _ in range(int(sys.argv[4])):
    registry.promote(f"m:{sys.argv[3]}", "production")
    registry.promote(f"m:{sys.argv[3]}", "staging")
registry.close()
"""


def test_processes_that_promote_one_model_lose_no_promotion(
    store: PostgresqlStore, database: str, tmp_path: Path
) -> None:
    registry = registry_with_versions(store, tmp_path, WRITERS)
    before = len(registry.history("m", limit=1000))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _PROMOTES, database, str(tmp_path), str(number), str(ROUNDS)]
        )
        for number in range(1, WRITERS + 1)
    ]
    assert [each.wait(120) for each in started] == [0] * WRITERS
    events = list(registry.history("m", limit=1000))
    assert [each.seq for each in events] == list(range(len(events), 0, -1))
    assert len(events) - before == 2 * WRITERS * ROUNDS
    assert registry.audit().problems == ()


def test_writers_of_many_models_go_on_side_by_side(store: PostgresqlStore, tmp_path: Path) -> None:
    registry = registry_on(store, tmp_path)

    def registers(number: int) -> None:
        path = tmp_path / f"{number}.bin"
        for at in range(4):
            path.write_text(f"{number} {at}")
            registry.register(f"m{number}", path, metrics={"auc": at})

    at_once([lambda n=n: registers(n) for n in range(WRITERS)])  # type: ignore[misc]  # one argument
    with store.read() as view:
        assert dict(view.count_versions(None)) == {"none": 4 * WRITERS}
    assert registry.audit().problems == ()


def test_a_change_that_lost_a_race_is_run_again(store: PostgresqlStore) -> None:
    meeting = Meeting()

    def work(unit: Unit) -> None:
        body = unit.kept("k", "count") or {"n": 0}
        meeting.wait()
        unit.keep("k", "count", {"n": int(str(body["n"])) + 1})

    store.change(lambda unit: unit.keep("k", "count", {"n": 0}))
    at_once([lambda: store.change(work)] * 2)
    with store.read() as view:
        assert view.kept("k", "count") == {"n": 2}
    assert meeting.runs > 2


def test_two_changes_that_each_rely_on_what_the_other_undoes_do_not_both_happen(
    store: PostgresqlStore,
) -> None:
    """At least one of two stays: each may go only where it sees the other."""
    for name in ("ada", "bo"):
        store.change(lambda unit, name=name: unit.keep("admin", name, {}))  # type: ignore[misc]  # one argument
    meeting = Meeting()

    def leaves(name: str) -> None:
        def work(unit: Unit) -> None:
            others = [key for key, _ in unit.all_kept("admin") if key != name]
            meeting.wait()
            if others:
                unit.drop("admin", name)

        store.change(work)

    at_once([lambda: leaves("ada"), lambda: leaves("bo")])
    with store.read() as view:
        assert len(view.all_kept("admin")) == 1


def test_of_two_that_make_one_model_one_is_told_that_it_is_there(store: PostgresqlStore) -> None:
    meeting, told = Meeting(), []

    def makes() -> None:
        def work(unit: Unit) -> None:
            meeting.wait()
            unit.add_model(some_model())

        try:
            store.change(work)
        except Conflict as refusal:
            told.append(refusal)

    at_once([makes, makes])
    assert len(told) == 1
    with store.read() as view:
        assert view.count_models(None) == 1


def test_two_that_keep_one_environment_both_succeed(store: PostgresqlStore) -> None:
    meeting = Meeting()

    def work(unit: Unit) -> None:
        meeting.wait()
        unit.add_environment("e" * 64, "{}")

    at_once([lambda: store.change(work)] * 2)
    with store.read() as view:
        assert view.environment("e" * 64) == "{}"


def test_two_that_wait_for_each_other_both_succeed(store: PostgresqlStore) -> None:
    for name in ("a", "b"):
        store.change(lambda unit, name=name: unit.add_model(some_model(name)))  # type: ignore[misc]  # one argument
    meeting = Meeting()

    def both(first: str, second: str) -> None:
        def work(unit: Unit) -> None:
            unit.model("default", first)
            meeting.wait()
            model = unit.model("default", second)
            assert model is not None
            unit.update_model(replace(model, last_number=model.last_number + 1))

        store.change(work)

    at_once([lambda: both("a", "b"), lambda: both("b", "a")])
    with store.read() as view:
        assert [each.model.last_number for each in view.models(None, "", 9)] == [1, 1]


def test_a_commit_of_which_nobody_knows_is_said_to_be_one(
    store: PostgresqlStore, database: str
) -> None:
    def work(unit: Unit) -> None:
        one_version(unit)
        with psycopg.connect(database, autocommit=True) as other:
            pid = unit._connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()  # type: ignore[attr-defined]  # the SQL unit
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    with pytest.raises(Unavailable, match="same idempotency key") as refusal:
        store.change(work)
    assert refusal.value.facts["reason"] == "unknown_outcome"
    store.change(one_version)


@pytest.fixture
def server() -> Iterator[Postgresql]:
    with own_folder() as folder, running(folder) as made:
        yield made


@pytest.mark.parametrize("how", ["stop", "crash", "kill"])
def test_a_reader_does_not_notice_that_the_server_was_started_again(
    server: Postgresql, how: str
) -> None:
    store = open_postgresql(fresh_database(server.uri))
    store.change(one_version)
    assert store.resolve(parse_ref("credit-risk:1"))
    at_once([lambda: _look(store)] * 4)
    mark = store.generation()
    getattr(server, how)()
    with pytest.raises(Unavailable) as refusal:
        store.resolve(parse_ref("credit-risk:1"))
    assert refusal.value.facts["reason"] in {"unreachable", "stopped", "starting"}
    with pytest.raises(Unavailable, match="PostgreSQL at"):
        _look(store)
    server.start()
    assert store.resolve(parse_ref("credit-risk:1"))
    at_once([lambda: _look(store)] * 4)
    store.change(lambda unit: unit.add_environment("a" * 64, "x"))
    assert store.generation() != mark
    store.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_reader_with_a_stale_connection_reads_on(server: Postgresql, how: str) -> None:
    store = open_postgresql(fresh_database(server.uri))
    store.change(one_version)
    store.resolve(parse_ref("credit-risk:1"))
    getattr(server, how)()
    server.start()
    _look(store)
    assert store.resolve(parse_ref("credit-risk:1"))
    store.change(lambda unit: unit.add_environment("a" * 64, "x"))
    store.close()


def _look(store: PostgresqlStore) -> None:
    with store.read() as view:
        assert view.version(parse_ref("credit-risk:1")) is not None


@pytest.mark.parametrize("how", ["stop", "crash", "kill"])
def test_what_was_acknowledged_is_there_after_the_server_went_away(
    server: Postgresql, how: str
) -> None:
    store = open_postgresql(fresh_database(server.uri))
    acknowledged: list[list[int]] = [[] for _ in range(4)]
    unsure: list[int] = []
    ended = threading.Event()

    def writes(writer: int) -> None:
        number = writer
        while not ended.is_set():
            number += len(acknowledged)
            try:
                store.change(lambda unit, n=number: unit.keep("k", str(n), {}))  # type: ignore[misc]  # one argument
                acknowledged[writer].append(number)
            except Unavailable as refusal:
                if refusal.facts["reason"] == "unknown_outcome":
                    unsure.append(number)

    threads = [threading.Thread(target=writes, args=[at]) for at in range(len(acknowledged))]
    for thread in threads:
        thread.start()
    for _ in range(2):
        _wait_for_writes(acknowledged)
        getattr(server, how)()
        server.start()
    _wait_for_writes(acknowledged)
    ended.set()
    for thread in threads:
        thread.join()
    with store.read() as view:
        kept = {int(key) for key, _ in view.all_kept("k", limit=10**6)}
    told = {number for each in acknowledged for number in each}
    assert told <= kept
    assert kept - told <= set(unsure)
    store.close()


def _wait_for_writes(acknowledged: list[list[int]]) -> None:
    """Let every writer write once more."""
    before = [len(each) for each in acknowledged]
    pause = threading.Event()
    for _ in range(3000):
        if all(len(each) > count for each, count in zip(acknowledged, before, strict=True)):
            return
        pause.wait(0.01)
    pytest.fail("the writers do not go on")
