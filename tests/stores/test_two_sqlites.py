"""Two versions of SQLite at one registry: each in a process of its own, as they have to be."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelry.core.ports import Unit
from modelry.stores.sql.driver import journal, worthier

needs_newer = pytest.mark.skipif(
    find_spec("pysqlite3") is None, reason="pysqlite3 has no wheel for this machine"
)
OLD = journal(sqlite3.sqlite_version_info)
"""The journal of Python's own SQLite, whichever version the tests run on."""


class Other:
    """A process that has a store open."""

    def __init__(self, path: Path, choice: str, *, poor: bool = False) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "MODELRY_SQLITE": choice},
        )  # fmt: skip
        if poor:
            self.ask("drop")
        assert self.ask("open") == "done"

    def ask(self, do: str, word: str = "") -> str | None:
        """Let it do something and answer what it says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([do, word]) + "\n")
        self._process.stdin.flush()
        return cast("str | None", json.loads(self._process.stdout.readline()))

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.communicate()

    def end(self) -> None:
        """Let it close its store and end."""
        self._process.communicate()
        assert self._process.returncode in (0, -9)


@contextmanager
def others(path: Path, *choices: str) -> Iterator[list[Other]]:
    """Open a registry in several processes, one after another."""
    with ExitStack() as stack:
        found = []
        for choice in choices:
            found.append(Other(path, choice))
            stack.callback(found[-1].end)
        yield found


def _version(*number: int) -> Any:  # noqa: ANN401 - stands for a module
    return SimpleNamespace(sqlite_version_info=number)


def test_a_newer_sqlite_is_taken_only_where_it_alone_may_write_ahead() -> None:
    old, fixed, newest = _version(3, 40, 1), _version(3, 51, 3), _version(3, 53, 4)
    assert worthier(old, newest) is newest
    assert worthier(old, _version(3, 45, 1)) is old
    assert worthier(fixed, newest) is fixed
    assert worthier(fixed, old) is fixed


@needs_newer
@pytest.mark.parametrize("choices", [("newest", "standard"), ("standard", "newest")])
def test_two_sqlites_at_work_see_what_the_other_wrote(
    tmp_path: Path, choices: tuple[str, str]
) -> None:
    path = tmp_path / "registry.db"
    with others(path, *choices) as (first, second):
        for at in range(5):
            for writer, reader in ((first, second), (second, first)):
                word = f"{at}{writer is first:d}"
                mark = reader.ask("mark")
                writer.ask("write", word)
                assert reader.ask("mark") != mark, "a hot door would answer what was before"
                assert reader.ask("read", word) == word
        assert first.ask("journal") == "WAL"
        assert second.ask("journal") == "WAL"
    with closing(sqlite3.connect(path)) as alone:
        assert alone.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@needs_newer
def test_the_journal_is_not_switched_under_one_that_reads(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with others(path, "standard") as (old,):
        old.ask("begin")
        with others(path, "newest") as (new,):
            assert new.ask("journal") == OLD
            old.ask("commit")
            new.ask("write", "a")
            assert old.ask("read", "a") == "a"


@needs_newer
def test_who_leaves_last_leaves_the_file_to_the_older_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with others(path, "newest") as (new,):
        assert new.ask("journal") == "WAL"
        new.ask("write", "a")
    assert _journal(path) == OLD
    with closing(sqlite3.connect(path)) as alone:
        assert alone.execute("SELECT body FROM environments").fetchall() == [("a",)]


@needs_newer
def test_what_a_killed_process_wrote_ahead_is_there_for_the_older_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with others(path, "newest") as (new,):
        new.ask("write", "a")
        new.kill()
    assert path.with_name("registry.db-wal").stat().st_size > 0
    with others(path, "standard") as (old,):
        assert old.ask("read", "a") == "a"
        assert old.ask("journal") == OLD


def _journal(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0]).upper()


@needs_newer
def test_who_may_only_read_can_look_beside_one_that_writes_ahead() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        with others(path, "newest") as (new,):
            new.ask("write", "a")
            for file in Path(folder).iterdir():
                file.chmod(0o444)
            path.parent.chmod(0o555)
            try:
                old = Other(path, "standard", poor=True)
                assert old.ask("read", "a") == "a"
                old.end()
            finally:
                path.parent.chmod(0o755)


def _drop(path: Path) -> None:
    """Give up the right to write, once everything is loaded that may not be readable then."""
    from modelry.stores.sql import SqliteStore

    SqliteStore(path).close()
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def _write(word: str, unit: Unit) -> None:
    unit.add_environment(word * 64, word)


def _serve(path: Path) -> None:
    """Do what lines of standard input say with a store, until they end."""
    from modelry.stores.sql import SqliteStore

    stack = ExitStack()
    for line in sys.stdin:
        do, word = json.loads(line)
        said: object = "done"
        if do == "open":
            store = stack.enter_context(closing(SqliteStore(path)))
        elif do == "drop":
            _drop(path)
        elif do == "write":
            store.change(partial(_write, word))
        elif do == "mark":
            said = str(store.generation())
        elif do == "read":
            with store.read() as view:
                said = view.environment(word * 64)
        elif do == "journal":
            with store.reading() as connection:
                said = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one().upper()
        elif do == "begin":
            reading = ExitStack()
            reading.enter_context(store.read()).model("default", "x")
        else:
            reading.close()
        print(json.dumps(said), flush=True)  # noqa: T201 - the answer
    stack.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
