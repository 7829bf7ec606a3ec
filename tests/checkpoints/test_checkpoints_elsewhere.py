"""Checkpoints in an object store, and by several processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelry.core.errors import Unavailable
from modelry.core.registry import Registry
from modelry.core.verbs.world import World
from modelry.server.checkpoints import CheckpointSettings, Keeper
from modelry.server.checkpoints.places import Place, open_place
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import TickingClock, registry_on, world_on
from modelry.testing.s3 import fresh_bucket, started_s3

PROCESS = """
import sys
from pathlib import Path
from modelry.server.checkpoints import CheckpointSettings, Keeper
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import world_on

home = Path(sys.argv[1])
world = world_on(SqliteStore(home / "registry.db"), home)
keeper = Keeper(world, CheckpointSettings(sys.argv[2], home))
print("ready", flush=True)
sys.stdin.readline()
print(keeper.look(), flush=True)
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with started_s3() as started:
        yield started


def test_an_object_store_holds_a_row_of_checkpoints(
    endpoint: str, world: World, tmp_path: Path
) -> None:
    uri = fresh_bucket(endpoint)
    keeper = Keeper(world, CheckpointSettings(uri, tmp_path))
    clock = world.clock
    assert isinstance(clock, TickingClock)
    for _ in range(3):
        assert keeper.look()
        clock.set(clock.now() + 3600 * 1_000_000)
    found = open_place(uri).newest()
    assert found is not None
    assert (found[0], json.loads(found[1])["sequence"]) == (3, 3)


def test_an_object_that_is_there_is_never_replaced(endpoint: str) -> None:
    place: Place = open_place(fresh_bucket(endpoint))
    assert place.newest() is None
    assert [place.put_new(1, b"one"), place.put_new(1, b"two")] == [True, False]
    assert place.newest() == (1, b"one")


def test_a_bucket_that_is_absent_is_unavailable_and_the_turn_passes(
    endpoint: str, world: World, tmp_path: Path
) -> None:
    uri = f"s3://absent-bucket?endpoint={endpoint}&region=us-east-1&retries=0"
    with pytest.raises(Unavailable):
        Keeper(world, CheckpointSettings(uri, tmp_path)).look()


def test_of_several_processes_one_writes(tmp_path: Path) -> None:
    home, kept = tmp_path / "home", tmp_path / "kept"
    with registry_on(SqliteStore(home / "registry.db"), home) as registry:
        registry.create_model("m")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(home), kept.as_uri()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    said = [each.communicate("go\n")[0] for each in processes]
    assert sorted(said) == ["False\n"] * 3 + ["True\n"]
    assert [each.name for each in kept.iterdir()] == ["000000000001.json"]
    with SqliteStore(home / "registry.db").read() as view:
        assert view.kept("lock", "checkpoint") is not None


def test_a_checkpoint_makes_no_record_of_its_own(tmp_path: Path) -> None:
    world = world_on(SqliteStore(tmp_path / "registry.db"), tmp_path)
    registry = Registry(world)
    registry.create_model("m")
    before = registry.checkpoint().heads
    assert Keeper(world, CheckpointSettings((tmp_path / "kept").as_uri(), tmp_path)).look()
    assert registry.checkpoint().heads == before
    registry.close()
