"""What is particular to SQLite."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from modelry.core.errors import Corrupt, Invalid, RegistryError, Unavailable
from modelry.core.names import parse_ref
from modelry.core.ports import Unit
from modelry.stores.sql import SqliteStore, sqlite
from modelry.stores.sql.driver import journal
from modelry.stores.sql.sqlite import open_sqlite
from modelry.testing.examples import keep, some_model, some_version


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


def one_version(unit: Unit) -> None:
    keep(unit, some_model(), some_version(some_model(), 1))


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "DELETE"), ((3, 44, 5), "DELETE"), ((3, 44, 6), "WAL"), ((3, 45, 0), "DELETE"),
        ((3, 50, 6), "DELETE"), ((3, 50, 7), "WAL"), ((3, 51, 2), "DELETE"), ((3, 51, 3), "WAL"),
        ((3, 52, 0), "WAL"),
    ],
)  # fmt: skip
def test_only_a_fixed_sqlite_writes_ahead(version: tuple[int, ...], mode: str) -> None:
    assert journal(version) == mode


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_every_connection_is_durable_in_either_mode(
    path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "journal", lambda _: mode)
    store = SqliteStore(path)
    with store.reading() as connection:
        pragma = connection.exec_driver_sql
        assert pragma("PRAGMA journal_mode").scalar_one().upper() == mode
        assert pragma("PRAGMA synchronous").scalar_one() == 3
        assert pragma("PRAGMA foreign_keys").scalar_one() == 1


def test_two_versions_of_sqlite_share_a_registry(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "journal", lambda _: "WAL")
    new = SqliteStore(path)
    new.change(one_version)
    with new.read() as view:
        assert view.model("default", "credit-risk")
        monkeypatch.setattr(sqlite, "journal", lambda _: "DELETE")
        old = SqliteStore(path)
        old.change(lambda unit: unit.add_environment("o" * 64, "old"))
    monkeypatch.setattr(sqlite, "journal", lambda _: "WAL")
    new.change(lambda unit: unit.add_environment("n" * 64, "new"))
    with old.read() as view:
        assert (view.environment("o" * 64), view.environment("n" * 64)) == ("old", "new")
    new.close()
    old.close()
    monkeypatch.setattr(sqlite, "journal", lambda _: "DELETE")
    alone = SqliteStore(path)
    with alone.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "delete"
    assert alone.resolve(parse_ref("credit-risk:1"))


@pytest.mark.parametrize("table", ["pointers", "versions", "events", "registered_models", "heads"])
def test_a_unique_key_in_the_database_holds_each_promise(path: Path, table: str) -> None:
    keys = {
        "pointers": ["model_id", "name"],
        "versions": ["model_id", "number"],
        "events": ["chain", "seq"],
        "registered_models": ["project", "name_key"],
        "heads": ["chain"],
    }
    SqliteStore(path)
    with closing(sqlite3.connect(path)) as connection:
        indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
        unique = [
            [row[2] for row in connection.execute(f"PRAGMA index_info('{index[1]}')")]
            for index in indexes
            if index[2]
        ]
    assert keys[table] in unique


def test_a_database_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes(text)")
    with pytest.raises(Invalid, match="is a database of something else"):
        SqliteStore(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("notes",)]


def test_a_schema_of_another_time_is_refused(path: Path) -> None:
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Unavailable, match="has the schema 0099, which this Modelry does not know"):
        SqliteStore(path)


def test_a_file_that_is_no_database_is_refused_by_name(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Corrupt, match=r"registry\.db is not a whole SQLite database"):
        SqliteStore(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "registry.db").mkdir()
    with pytest.raises(Unavailable, match="could not be read or written"):
        SqliteStore(tmp_path / "registry.db")
    (tmp_path / "file").write_text("x")
    with pytest.raises(RegistryError, match="file"):
        open_sqlite(f"sqlite:///{tmp_path}/file/registry.db")


def test_who_may_only_read_can_look_up() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        SqliteStore(path).change(one_version)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        try:
            command = [sys.executable, "-c", _READS, str(path)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        finally:
            path.parent.chmod(0o755)
    assert said.split() == ["1", "Unavailable"]


_READS = """
import os, sys
from pathlib import Path
from modelry.core.errors import RegistryError
from modelry.core.names import parse_ref
from modelry.stores.sql import SqliteStore
SqliteStore(Path(sys.argv[1])).resolve(parse_ref("credit-risk:1"))  # everything is imported now
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
store = SqliteStore(Path(sys.argv[1]))
print(store.resolve(parse_ref("credit-risk:1")).number)
try:
    store.change(lambda unit: unit.add_environment("a" * 64, "x"))
except RegistryError as refusal:
    print(type(refusal).__name__)
"""


def test_row_44_a_full_disk_is_said_to_be_one_and_reads_go_on(path: Path) -> None:
    store = SqliteStore(path)
    store.change(one_version)

    def fill(unit: Unit) -> None:
        unit.add_environment("f" * 64, "x" * 10_000_000)

    with store.reading() as connection:  # the next change is made on the same one
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(Unavailable, match="is full; nothing was changed") as refusal:
        store.change(fill)
    assert refusal.value.facts["reason"] == "storage_full"
    with store.read() as view:
        assert view.environment("f" * 64) is None
    assert store.resolve(parse_ref("credit-risk:1"))


def test_a_writer_that_waits_too_long_is_told_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.2)
    store = SqliteStore(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="busy") as refusal:
            store.change(one_version)
    assert refusal.value.facts["reason"] == "busy"
    store.change(one_version)


def test_a_writer_leaves_the_line_when_it_waited_too_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, begun, ended = SqliteStore(path), threading.Event(), threading.Event()

    def slow(unit: Unit) -> None:
        one_version(unit)
        begun.set()
        ended.wait(10)

    first = threading.Thread(target=store.change, args=[slow])
    first.start()
    begun.wait(10)
    monkeypatch.setattr(sqlite, "PATIENCE", 0.1)
    with pytest.raises(Unavailable, match="busy"):
        store.change(lambda unit: unit.add_environment("a" * 64, "late"))
    monkeypatch.setattr(sqlite, "PATIENCE", 10.0)
    ended.set()
    first.join()
    store.change(lambda unit: unit.add_environment("b" * 64, "next"))
    with store.read() as view:
        assert view.environment("a" * 64) is None
        assert view.environment("b" * 64) == "next"


def test_readers_and_writers_in_many_threads_never_see_a_lock(path: Path) -> None:
    store = SqliteStore(path)
    store.change(one_version)
    failures: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            for _ in range(30):
                work()
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    works: list[Callable[[], object]] = [
        lambda: store.resolve(parse_ref("credit-risk:1")),
        lambda: store.change(lambda unit: unit.set_lifecycle("x", _any(unit), 1)),
    ]
    threads = [threading.Thread(target=guarded, args=[work]) for work in works for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def _any(unit: Unit):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a lifecycle
    return unit.lifecycle("default")


def test_a_fork_uses_connections_of_its_own(path: Path) -> None:
    store = SqliteStore(path)
    store.change(one_version)
    assert store.resolve(parse_ref("credit-risk:1"))

    def child() -> None:
        found = store.resolve(parse_ref("credit-risk:1"))
        store.change(lambda unit: unit.add_environment("c" * 64, "child"))
        os._exit(0 if found else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    with store.read() as view:
        assert view.environment("c" * 64) == "child"


def test_the_mark_of_a_moment_sees_what_others_commit(path: Path) -> None:
    store, other = SqliteStore(path), SqliteStore(path)
    marks = [store.generation()]
    other.change(one_version)
    marks.append(store.generation())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE registered_models SET updated = 9")
        connection.commit()
    marks.append(store.generation())
    store.close()
    marks.append(store.generation())
    assert len(set(marks)) == len(marks)
    assert store.generation() == marks[-1]
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(store.generation()))
    thread.start()
    thread.join()
    assert seen == marks[-1:]


def test_a_snapshot_is_a_copy_that_does_not_hold_up_writers(path: Path) -> None:
    store = SqliteStore(path)
    with store.snapshot() as view:
        store.change(one_version)
        assert view.model("default", "credit-risk") is None
    assert store.resolve(parse_ref("credit-risk:1"))


def test_row_67_a_search_cannot_leave_its_place_in_the_sql(path: Path) -> None:
    store = SqliteStore(path)
    store.change(one_version)
    from modelry.core.query import parse

    for text in ("name = \"x' OR '1'='1\"", 'tag."x" = 1', "name ~ '%'", 'description ~ "_\';--"'):
        try:
            query = parse(text)
        except Invalid:
            continue
        with store.read() as view:
            assert not view.search(query, None, None, 9)[0], text
    assert store.resolve(parse_ref("credit-risk:1"))
