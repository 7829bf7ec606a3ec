"""What goes to PostgreSQL together comes back as if it had gone one by one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, select

from modelry.core.errors import Conflict, RegistryError, Unavailable
from modelry.core.events import EventKind, model_chain
from modelry.core.model import Model, Pointer
from modelry.core.names import parse_ref
from modelry.core.ports import Unit
from modelry.stores.sql import growth
from modelry.stores.sql.postgresql import PostgresqlStore, open_postgresql
from modelry.stores.sql.selecting import _front_queries
from modelry.stores.sql.statement import Statement
from modelry.stores.sql.tables import kept
from modelry.stores.sql.wire import MOST, Asked, Wire, asked
from modelry.testing.examples import happen, keep, some_model, some_version

_BODY = Statement(select(kept.c.body).where(kept.c.key == bindparam("key")))


@pytest.fixture
def store(database: str) -> Iterator[PostgresqlStore]:
    made = open_postgresql(database)
    yield made
    made.close()


@pytest.fixture
def bare(database: str, store: PostgresqlStore) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection beside the store's, to the same tables."""
    del store
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def one_version(unit: Unit) -> Model:
    return keep(unit, some_model(), some_version(some_model(), 1))


def test_each_statement_is_prepared_once_however_often_it_is_sent(
    bare: psycopg.Connection[tuple[object, ...]],
) -> None:
    wire = Wire(bare)
    question = asked(_BODY, {"key": "a"})
    for _ in range(3):
        assert [each.fetchall() for each in wire.exchange([question, question])] == [[], []]
    found = bare.execute("SELECT count(*) FROM pg_prepared_statements WHERE name ~ '^modelry'")
    assert found.fetchone() == (1,)


def test_after_a_refusal_nothing_of_the_rest_is_done_and_the_wire_goes_on(
    bare: psycopg.Connection[tuple[object, ...]],
) -> None:
    wire = Wire(bare)
    add = "INSERT INTO environments (digest, body) VALUES ($1, 'x')"
    with pytest.raises(psycopg.errors.DivisionByZero):
        wire.exchange([Asked("SELECT 1 / 0"), Asked(add, ["a"])])
    assert not wire.closed
    (answer,) = wire.exchange([Asked(add, ["b"])])
    assert answer.rowcount == 1
    (answer,) = wire.exchange([Asked("SELECT digest FROM environments")])
    assert [answer.fetchone(), answer.fetchone()] == [("b",), None]


def test_what_is_larger_than_every_buffer_on_the_way_arrives(store: PostgresqlStore) -> None:
    large = "x" * 1_000_000

    def work(unit: Unit) -> None:
        for at in range(4):
            unit.keep("large", str(at), {"text": large})
        for at in range(MOST + 1):
            unit.keep("small", f"{at:04}", {"n": at})

    store.change(work)
    with store.read() as view:
        assert [body["text"] for _, body in view.all_kept("large")] == [large] * 4
        assert [body["n"] for _, body in view.all_kept("small")] == list(range(MOST + 1))


def test_a_change_reads_what_it_wrote_a_moment_ago(store: PostgresqlStore) -> None:
    def work(unit: Unit) -> None:
        one_version(unit)
        unit.lifecycle("default")
        model = unit.model("default", "credit-risk")
        assert model is not None
        assert unit.pointers(model) == ()
        chain = model_chain(model.project, model.name)
        head = unit.head(chain)
        event = happen(unit, model, EventKind.TAGGED, None, 7)
        unit.relabel(model, 1, "production", event.seq)
        unit.point(model, Pointer("production", "stage", 1, event.seq, 7))
        assert unit.members(model, "production") == [1]
        assert [each.number for each in unit.pointers(model)] == [1]
        assert unit.head(chain) != head
        assert dict(unit.count_versions(None)) == {"production": 1}
        unit.unpoint(model, "production")
        assert unit.pointers(model) == ()

    store.change(work)


def test_a_key_that_is_taken_is_told_as_a_conflict_and_nothing_is_changed(
    store: PostgresqlStore,
) -> None:
    model = store.change(one_version)
    event = store.change(lambda unit: happen(unit, model, EventKind.TAGGED, None, 1))
    runs: list[str] = []

    def work(unit: Unit) -> None:
        runs.append("run")
        unit.keep("k", "before", {})
        unit.append(event)
        unit.keep("k", "after", {})

    with pytest.raises(Conflict, match=f"{event.chain}#{event.seq} exists already"):
        store.change(work)
    assert len(runs) == 2  # the second time each statement is asked how it went
    with store.read() as view:
        assert not view.all_kept("k")


def test_a_label_that_is_taken_is_told_as_a_conflict(store: PostgresqlStore) -> None:
    model = store.change(one_version)
    with pytest.raises(Conflict, match="has a version 1 or '1' already"):
        store.change(lambda unit: unit.add_version(model, some_version(model, 1)))


def test_a_change_that_lost_at_its_end_is_made_again(store: PostgresqlStore) -> None:
    store.change(lambda unit: unit.keep("k", "count", {"n": 0}))
    runs: list[int] = []

    def counts(unit: Unit) -> None:
        body = unit.kept("k", "count")
        assert body is not None
        runs.append(int(str(body["n"])))
        if len(runs) == 1:  # another is faster, before anything of this one is sent
            with ThreadPoolExecutor(1) as other:
                other.submit(store.change, lambda unit: unit.keep("k", "count", {"n": 5})).result()
        unit.keep("k", "count", {"n": runs[-1] + 1})

    store.change(counts)
    assert runs == [0, 5]
    with store.read() as view:
        assert view.kept("k", "count") == {"n": 6}


@contextmanager
def held(database: str, row: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Hold the lock of a row, so that whoever writes it waits."""
    with psycopg.connect(database) as other:
        other.execute(row)
        yield other


_WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock' AND application_name = 'modelry'"
)


def cut(database: str) -> None:
    """End the connection that waits for a lock, once one does."""
    pause = threading.Event()
    with psycopg.connect(database, autocommit=True) as other:
        for _ in range(1000):
            row = other.execute(_WAITING).fetchone()
            if row is not None:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [row[0]])
                return
            pause.wait(0.01)
    pytest.fail("nobody waits")


def refused(store: PostgresqlStore, database: str, work: Callable[[Unit], object]) -> object:
    """Answer the reason of the refusal of a change whose connection is cut while it waits."""
    with ThreadPoolExecutor(1) as threads:
        change = threads.submit(store.change, work)
        cut(database)
        wait([change], 30)
    refusal = change.exception()
    assert isinstance(refusal, Unavailable)
    return refusal.facts["reason"]


def test_a_connection_that_breaks_before_the_commit_is_sent_changes_nothing(
    store: PostgresqlStore, database: str
) -> None:
    store.change(one_version)

    def work(unit: Unit) -> None:
        unit.kept("k", "before")
        unit.keep("k", "before", {})
        unit.model("default", "credit-risk")

    with held(database, "SELECT * FROM registered_models FOR UPDATE"):
        assert refused(store, database, work) == "stopped"
    with store.read() as view:
        assert not view.all_kept("k")
    store.change(work)


def test_a_connection_that_breaks_once_the_commit_is_sent_leaves_it_open_what_happened(
    store: PostgresqlStore, database: str
) -> None:
    store.change(lambda unit: unit.keep("k", "row", {"n": 1}))

    def work(unit: Unit) -> None:
        unit.kept("k", "row")
        unit.keep("k", "other", {})
        unit.keep("k", "row", {"n": 2})

    with held(database, "SELECT * FROM kept FOR UPDATE"):
        assert refused(store, database, work) == "unknown_outcome"
    with store.read() as view:
        assert dict(view.all_kept("k")) == {"row": {"n": 1}}
    store.change(work)
    with store.read() as view:
        assert dict(view.all_kept("k")) == {"other": {}, "row": {"n": 2}}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")
def test_who_interrupts_a_change_that_waits_gets_free_and_nothing_is_changed(
    store: PostgresqlStore, database: str
) -> None:
    store.change(lambda unit: unit.keep("k", "row", {"n": 1}))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with held(database, "SELECT * FROM kept FOR UPDATE"):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                store.change(lambda unit: unit.keep("k", "row", {"n": 2}))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with store.read() as view:
        assert view.kept("k", "row") == {"n": 1}
    store.change(lambda unit: unit.keep("k", "row", {"n": 3}))


def test_after_much_was_written_the_planner_knows_what_is_there(
    store: PostgresqlStore,
    bare: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare.execute("ALTER TABLE kept SET (autovacuum_enabled = off)")
    monkeypatch.setattr(growth, "MUCH", 50)
    store._growth = growth.Growth()
    store._growth._next = 200

    def known(count: int) -> object:
        def work(unit: Unit) -> None:
            for at in range(count):
                unit.keep("k", f"{count} {at}", {})

        store.change(work)
        row = bare.execute("SELECT reltuples FROM pg_class WHERE relname = 'kept'").fetchone()
        return None if row is None else row[0]

    assert [known(each) for each in (199, 49, 120, 60)] == [-1, -1, 368, 368]


def test_versions_have_numbers_of_their_own_whoever_registers_them(
    database: str, store: PostgresqlStore
) -> None:
    other = open_postgresql(database)

    def registers(at: int) -> None:
        model = some_model(f"m{at}")
        versions = [some_version(model, number) for number in (1, 2, 3)]
        (store, other)[at % 2].change(lambda unit: keep(unit, model, *versions))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(registers, range(12)))
    with store.read() as view:
        found = [view.version(parse_ref(f"m{at}:{n}")) for at in range(12) for n in (1, 2, 3)]
    assert len({each.id for each in found if each is not None}) == 36
    other.close()


def test_a_refusal_of_the_core_sends_nothing_at_all(store: PostgresqlStore) -> None:
    def work(unit: Unit) -> None:
        unit.keep("k", "row", {})
        msg = "no"
        raise Conflict(msg)

    with pytest.raises(RegistryError, match="no"):
        store.change(work)
    with store.read() as view:
        assert not view.all_kept("k")


def idle(bare: psycopg.Connection[tuple[object, ...]]) -> list[object]:
    """Answer how the store's connections stand that are not of a thread's own questions."""
    rows = bare.execute(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'modelry' AND query <> ''"
    ).fetchall()
    return [row[0] for row in rows]


def test_nobody_waits_for_the_end_of_a_look_and_it_ends_all_the_same(
    store: PostgresqlStore, bare: psycopg.Connection[tuple[object, ...]]
) -> None:
    with store.read() as view:
        assert view.kept("k", "row") is None
        wire = view._wired._wire  # type: ignore[attr-defined]  # the view of PostgreSQL
    assert wire.left
    until = time.monotonic() + 10
    while set(idle(bare)) != {"idle"}:  # and not "idle in transaction"
        assert time.monotonic() < until
    store.change(lambda unit: unit.keep("k", "row", {"n": 1}))
    assert not wire.left
    with store.read() as view:
        assert view._wired._wire is wire  # type: ignore[attr-defined]
        assert view.kept("k", "row") == {"n": 1}


def test_a_look_after_one_whose_end_was_lost_is_made_on_another_connection(
    store: PostgresqlStore, bare: psycopg.Connection[tuple[object, ...]]
) -> None:
    store.change(lambda unit: unit.keep("k", "row", {"n": 1}))
    for _ in range(2):
        with store.read() as view:
            assert view.kept("k", "row") == {"n": 1}
            process = view._connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()  # type: ignore[attr-defined]
        bare.execute("SELECT pg_terminate_backend(%s, 5000)", [process])


def test_a_store_is_closed_quietly_after_a_look(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = open_postgresql(database)
    with made.read() as view:
        view.kept("k", "row")
        wire = view._wired._wire  # type: ignore[attr-defined]
    assert wire.left
    made.close()
    assert not wire.left
    assert not caplog.records


def test_what_is_planned_for_its_values_has_no_name(
    bare: psycopg.Connection[tuple[object, ...]],
) -> None:
    wire = Wire(bare)
    for number in (1, 2):
        (answer,) = wire.exchange([Asked("SELECT $1::int + 1", [number], fitted=True)])
        assert answer.fetchone() == (number + 1,)
    found = bare.execute("SELECT count(*) FROM pg_prepared_statements WHERE name ~ '^modelry'")
    assert found.fetchone() == (0,)


def test_what_a_list_tells_of_a_model_is_looked_for_in_that_model_alone(
    store: PostgresqlStore, bare: psycopg.Connection[tuple[object, ...]]
) -> None:
    """However few models there are: what is planned for many must not be done for all."""

    def work(unit: Unit) -> None:
        for name in ("a", "b"):
            model = some_model(name)
            kept = keep(unit, model, *(some_version(model, number) for number in range(1, 600)))
            unit.relabel(kept, 590, "production", 1)

    store.change(work)
    bare.execute("ANALYZE")
    with store.read() as view:
        model = view.model("default", "a")
    assert model is not None
    latest = asked(_front_queries("postgresql")[0], {"ids": f"[{model.id}]"})
    (plan,) = Wire(bare).exchange([
        latest._replace(text=f"EXPLAIN (ANALYZE, FORMAT JSON) {latest.text}")
    ])  # fmt: skip
    looks = [node for node in nodes(plan.fetchall()[0][0][0]["Plan"])
             if node["Node Type"] == "Limit"]  # fmt: skip
    assert [node["Actual Loops"] for node in looks] == [2]  # a look for each of its stages


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Answer every step of a plan."""
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)
