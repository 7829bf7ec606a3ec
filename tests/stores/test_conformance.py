"""Every store keeps the promises of the port."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from modelry.core.ports import Store, Unit
from modelry.stores.held import State
from modelry.stores.jsonfile import JsonStore
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore, sqlite
from modelry.stores.sql.postgresql import open_postgresql
from modelry.testing.stores import StoreConformance
from modelry.testing.tracking import TrackingConformance

T = TypeVar("T")


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


class TestJsonFile(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return JsonStore(tmp_path / "models" / "registry.json")


class TestJsonFileReadAgain(StoreConformance):
    """Another process changes the file: every look is from the disk."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return Forgetful(tmp_path / "registry.json")


class Forgetful(JsonStore):
    """Forgets before every look and every change."""

    def _current(self) -> State:
        self.close()
        return super()._current()

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        self.close()
        return super().change(work, alone=alone)
