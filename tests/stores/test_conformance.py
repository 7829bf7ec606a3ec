"""Both stores keep the promises of the port."""

from pathlib import Path

import pytest

from modelry.core.ports import Store
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.testing.stores import StoreConformance


class TestSqlite(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return SqliteStore(tmp_path / "registry.db")


class TestMemory(StoreConformance):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
