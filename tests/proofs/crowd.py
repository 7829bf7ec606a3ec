"""One process of a crowd that works on one registry: `crowd.py write|read HOME JOURNAL SEED COUNT`.

Every change carries the id of its operation as its comment, or as the label
of the version, so that the record of the registry names the operation.
Versions with even numbers go to production and odd ones to staging, so that
the two pointers have nothing to do with one another.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from journal import Journal

from modelry.core.errors import NotFound
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

MODELS = ("ada", "bea", "cleo", "dora")
WEIGHTS = (4, 2, 1, 1)
FIRST = 6
"""How many versions each model has from the start."""
REGISTER, PROMOTE, STAGE, ROLL_BACK, ALIAS = range(5)
_CHANGES = (REGISTER, PROMOTE, STAGE, ROLL_BACK, ALIAS)
_CHANGE_WEIGHTS = (12, 45, 8, 20, 15)


def begin(home: Path) -> None:
    """Make the registry with its models."""
    with connect(home=home) as registry, tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            for at in range(FIRST):
                path = Path(folder) / "model.bin"
                path.write_bytes(f"{model} {at}".encode())
                registry.register(model, path)


class Caller:
    """One process with its registry, journal and luck."""

    def __init__(self, home: Path, journal: Path, seed: int) -> None:
        self.registry: RegistryRepository = connect(home=home)
        self.journal = Journal(journal, journal.stem)
        self.chance = random.Random(seed)
        self.model = MODELS[0]

    def any_model(self) -> str:
        """Choose a model; the first is the busiest."""
        (self.model,) = self.chance.choices(MODELS, WEIGHTS)
        return self.model

    def resolve(self, model: str, selector: str) -> None:
        """Ask for a pointer (`@production`) or a number (`:7`)."""

        def call(_: str) -> int | None:
            try:
                return self.registry.resolve(f"{model}{selector}").number
            except NotFound:
                return None

        self.journal.run("resolve", model, selector, call)

    def any_number(self, parity: int) -> int:
        """Choose a version that there is, even or odd."""
        newest = self.registry.resolve(f"{self.model}@latest").number
        return self.chance.choice([n for n in range(1, newest + 1) if n % 2 == parity])


def write(caller: Caller, count: int) -> None:
    """Change the registry `count` times."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        for _ in range(count):
            model = caller.any_model()
            (kind,) = caller.chance.choices(_CHANGES, _CHANGE_WEIGHTS)
            _change(caller, model, kind, path)


def _change(caller: Caller, model: str, kind: int, path: Path) -> None:
    registry, journal = caller.registry, caller.journal
    if kind == REGISTER:
        path.write_bytes(f"{model} {journal.next_id()}".encode())
        journal.run("register", model, "", lambda name: registry.register(
            model, path, version=name).number)  # fmt: skip
    elif kind == ROLL_BACK:
        journal.run("rollback", model, "production", lambda name: registry.rollback(
            model, comment=name).number)  # fmt: skip
    elif kind == ALIAS:
        target = caller.any_number(caller.chance.randrange(2))
        journal.run("alias", model, "champion", lambda name: _aliased(
            registry, model, target, name))  # fmt: skip
    else:
        stage = "production" if kind == PROMOTE else "staging"
        number = caller.any_number(0 if kind == PROMOTE else 1)
        journal.run("promote", model, stage, lambda name: registry.promote(
            f"{model}:{number}", stage, comment=name).number)  # fmt: skip


def _aliased(registry: RegistryRepository, model: str, target: int, name: str) -> int:
    version = registry.alias(model, "champion", str(target), comment=name)
    assert "champion" in version.aliases
    return version.number


def read(caller: Caller, count: int, done: Path) -> None:
    """Ask `count` times and until `done` is there, at times in bursts."""
    asked = 0
    while asked < count or not done.exists():
        for _ in range(caller.chance.choice((1, 1, 1, 8))):
            model = caller.any_model()
            kind = caller.chance.random()
            if kind < 0.6:
                caller.resolve(model, "@production")
            elif kind < 0.75:
                caller.resolve(model, "@champion")
            elif kind < 0.8:
                caller.resolve(model, "@staging")
            else:
                caller.resolve(model, f":{caller.chance.randrange(1, FIRST + asked // 4 + 2)}")
            asked += 1
        time.sleep(caller.chance.uniform(0, 0.03))


def main() -> None:
    """Be one process."""
    what, home, journal, seed, count = sys.argv[1:]
    caller = Caller(Path(home), Path(journal), int(seed))
    if what == "write":
        write(caller, int(count))
    else:
        read(caller, int(count), Path(journal).parent / "done")
    caller.registry.close()


if __name__ == "__main__":
    main()
