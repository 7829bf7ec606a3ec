"""Every store keeps the promises of the port."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelry.core.ports import Store
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore, sqlite
from modelry.stores.sql.postgresql import open_postgresql
from modelry.testing.stores import StoreConformance
from modelry.testing.tracking import TrackingConformance


class TestSqlite(StoreConformance, TrackingConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return SqliteStore(tmp_path / "registry.db")


class TestSqliteWritingAhead(StoreConformance, TrackingConformance):
    """The mode of a SQLite that is fixed, whichever version the tests run on."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
        monkeypatch.setattr(sqlite, "journal", lambda _: "WAL")
        return SqliteStore(tmp_path / "registry.db")


class TestPostgresql(StoreConformance, TrackingConformance):
    @pytest.fixture
    def store(self, database: str) -> Iterator[Store]:
        made = open_postgresql(database)
        yield made
        made.close()


class TestMemory(StoreConformance, TrackingConformance):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
