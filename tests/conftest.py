"""A registry to test with, on each store, and model files to register."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from modelry.core.ports import Store
from modelry.core.registry import Registry
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import world_on

MakeFile = Callable[..., Path]

# How long an example takes says more of the machine than of the code.
settings.register_profile("modelry", deadline=None)
settings.load_profile("modelry")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let children hear Ctrl-C also where the tests run in the background, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = (
        SqliteStore(tmp_path / "home" / "registry.db")
        if request.param == "sqlite"
        else MemoryStore()
    )
    yield made
    made.close()


@pytest.fixture
def world(store: Store, tmp_path: Path) -> World:
    return world_on(store, tmp_path / "home")


@pytest.fixture
def registry(world: World) -> Registry:
    return Registry(world)


@pytest.fixture
def model_file(tmp_path: Path) -> MakeFile:
    """Make a file with the given text, in a folder of its own for each name."""

    def make(text: str = "weights", name: str = "model.bin") -> Path:
        path = tmp_path / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return make
