"""The entries of a registry are the same over every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelry.core.entry_book import EntryBook
from modelry.core.ports import Store
from modelry.core.service import Service
from modelry.stores.jsonfile import JsonStore
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.stores.sql.postgresql import open_postgresql
from modelry.testing.fakes import world_on


@pytest.fixture(params=["json", "memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    makers: dict[str, Callable[[], Store]] = {
        "json": lambda: JsonStore(tmp_path / "registry.json"),
        "memory": MemoryStore,
        "sqlite": lambda: SqliteStore(tmp_path / "registry.db"),
        "postgresql": lambda: open_postgresql(request.getfixturevalue("database")),
    }
    made = makers[request.param]()
    yield made
    made.close()


def test_entries_are_registered_listed_and_activated(store: Store, tmp_path: Path) -> None:
    book = EntryBook(Service(world_on(store, tmp_path)))
    said = {"metrics": {"auc": 0.5}, "description": "x", "lr": 0.1, "tags": {"a": "b"}}
    for name in ("m", "n"):
        for number in (1, 2, 5):
            book.register(name, number, f"p/{number}", said, None)
    for number in (1, 5):
        book.activate("n", number)
    rows = [(each["model_name"], each["version"], each["status"]) for each in book.entries()]
    assert rows == [
        ("m", 1, "none"), ("m", 2, "none"), ("m", 5, "none"),
        ("n", 1, "staging"), ("n", 2, "none"), ("n", 5, "production"),
    ]  # fmt: skip
    assert book.entries("n") == book.entries()[3:]
    assert book.production("n") == book.entries("n")[-1]
    assert all(each["metadata"] == said for each in book.entries())
