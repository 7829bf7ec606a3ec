"""A server writes ahead where it has a SQLite that may, and leaves the file as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from served_site import on_sqlite

from modelry.stores.sql.driver import journal

OLD = journal(sqlite3.sqlite_version_info)
"""The journal of Python's own SQLite, whichever version the tests run on."""
NEWEST = "WAL" if find_spec("pysqlite3") else OLD


@pytest.mark.parametrize(("choice", "mode"), [("newest", NEWEST), ("standard", OLD)])
def test_a_server_writes_ahead_while_it_serves(tmp_path: Path, choice: str, mode: str) -> None:
    place = on_sqlite(tmp_path)
    path = place.home / "registry.db"
    with place.serve(MODELRY_SQLITE=choice):
        assert _journal(path) == mode
        with place.inside() as registry:
            registry.create_model("beside")
        assert _journal(path) == mode
    assert _journal(path) == OLD
    with place.inside() as registry:
        assert registry.model("beside")


def _journal(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0]).upper()
