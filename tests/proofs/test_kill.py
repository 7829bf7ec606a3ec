"""Row 42 and promise 4: whatever is killed whenever, nothing acknowledged is lost or half there."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import expected
import journal
import pytest
import victim
import wholeness
from counts import KILLS, SEED
from expected import CHANGES, Expected
from journal import Operation
from wholeness import world_of

from modelry.core.events import Event
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

pytestmark = pytest.mark.proof
PARTS = 5
"""Each part has a registry of its own, on which the damage of all its kills adds up."""
MODELS = ("ada", "bea")
SQLITES = ("standard", "newest")
"""The drivers of the victims: one keeps a rollback journal, the other may write ahead."""


class Server:
    """A warm process that forks victims and kills them."""

    def __init__(self, part: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, victim.__file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "MODELRY_SQLITE": SQLITES[part % 2]},
        )  # fmt: skip

    def kill(self, home: Path, seconds: float, victims: list[tuple[str, Path, int]]) -> None:
        """Let victims work on `home` for a moment and kill them all."""
        rows = [[model, str(path), seed] for model, path, seed in victims]
        order = json.dumps({"home": str(home), "seconds": seconds, "victims": rows})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "killed\n"

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture
def server(part: int) -> Iterator[Server]:
    server = Server(part)
    yield server
    server.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_row_42_promises_3_4_and_5_hold_whenever_a_process_is_killed(
    tmp_path: Path, server: Server, part: int
) -> None:
    seed = SEED * 1000 + part
    chance = random.Random(seed)
    home = tmp_path / "home"
    for turn in range(KILLS // PARTS):
        crowd = MODELS if turn % 4 == 3 else MODELS[:1]
        paths = [tmp_path / f"{model}-{turn}.journal" for model in crowd]
        victims = [(model, path, seed * 100_000 + turn * 2 + at)
                   for at, (model, path) in enumerate(zip(crowd, paths, strict=True))]  # fmt: skip
        server.kill(home, chance.uniform(0.0, 0.1 if turn else 0.3), victims)
        where = f"seed {seed}, kill {turn}"
        for path in tmp_path.glob("*.broken"):
            pytest.fail(f"{where}: {path.read_text(encoding='utf-8')}")
        with connect(home=home) as registry:
            assert wholeness.problems(registry) == [], where
            for model in MODELS:
                told = _expected(registry, tmp_path, model, where)
                _read_some(registry, model, told, chance, where)
            if turn % 10 == 9:
                _collect(registry, home, where)
    with connect(home=home) as registry:
        assert wholeness.verify(registry) == [], seed
        _collect(registry, home, f"seed {seed}, the end")
        assert wholeness.problems(registry) == [], seed
        assert wholeness.verify(registry) == [], seed


def _operations(folder: Path, model: str) -> list[Operation]:
    paths = sorted(folder.glob(f"{model}-*.journal"), key=lambda p: int(p.stem.split("-")[1]))
    found = [each for path in paths for each in journal.read(path)]
    broken = [each for each in found if each.refused.startswith("broke")]
    assert broken == []
    return [each for each in found if each.verb in CHANGES]


def _expected(registry: RegistryRepository, folder: Path, model: str, where: str) -> Expected:
    """Fold the journals and compare with what is there, change by change."""
    told = Expected()
    with world_of(registry).store.read() as view:
        held = view.model("default", model)
        events: list[Event] = list(view.every_event(f"default/{model}"))
        labels = {each.number: each.version for each in view.every_version(held)} if held else {}
        for pair in expected.match(events, _operations(folder, model), labels):
            assert not isinstance(pair, str), f"{where}: {pair}"
            operation, event = pair
            if event is None:
                assert told.unchanged(operation), f"{where}: {operation} left no record"
            else:
                told.take(operation, event.number)
        assert list(told.problems(view, model)) == [], where
    return told


def _read_some(
    registry: RegistryRepository, model: str, told: Expected, chance: random.Random, where: str
) -> None:
    """Read the newest version and a few others to the last byte."""
    living = sorted(told.contents.keys() - told.deleted)
    for number in {*living[-1:], *chance.sample(living, min(3, len(living)))}:
        version = registry.resolve(f"{model}:{number}")
        wanted = hashlib.sha256(victim.content(told.contents[number])).hexdigest()
        assert [file.sha256 for file in version.files] == [wanted], where
        assert registry.verify(version.ref).problems == (), where


def _collect(registry: RegistryRepository, home: Path, where: str) -> None:
    """What no version names is gone after a collection, and nothing else."""
    registry.gc(grace=0)
    assert wholeness.leftovers(registry, home) == [], where
    assert len(list((home / "blobs" / "leases").glob("*.lease"))) <= 1, where
