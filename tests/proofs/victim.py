"""Processes that change a registry until they are killed, forked from one that is warm.

`victim.py` reads lines of JSON: `{"home", "seconds", "victims": [[model, journal, seed], ...]}`.
For each it forks the victims, kills them all after `seconds`, and answers a line.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from journal import Journal
from wholeness import world_of

from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

POOL = 30
"""How many contents there are that registrations share."""
LABEL = 1_000_000
_VERBS = ("register", "promote", "rollback", "alias", "remove_alias", "delete", "purge", "gc")
_WEIGHTS = (30, 20, 10, 10, 2, 8, 6, 2)


def content(seed: int) -> bytes:
    """Answer the bytes of content number `seed`: one file is large enough to be staged apart."""
    return random.Random(seed).randbytes(900_000 if seed % POOL == 0 else 200 + seed % 3000)


class Victim:
    """Changes one model of a registry that others may share."""

    def __init__(self, home: Path, model: str, journal: Path, seed: int) -> None:
        self.registry: RegistryRepository = connect(home=home)
        self.journal = Journal(journal, f"{journal.stem}")
        self.model = model
        self.chance = random.Random(seed)
        self.path = Path(tempfile.mkdtemp(dir=journal.parent)) / "model.bin"

    def live(self) -> None:
        """Change something, again and again."""
        while True:
            (verb,) = self.chance.choices(_VERBS, _WEIGHTS)
            getattr(self, verb)()

    def number(self) -> int:
        """Choose one of the newest numbers, whatever became of it."""
        with world_of(self.registry).store.read() as view:
            model = view.model("default", self.model)
        newest = model.last_number if model else 1
        return max(1, newest - self.chance.randrange(12))

    def register(self) -> None:
        """Register bytes that are new, or that others register too."""
        new = self.chance.random() < 0.4
        seed = POOL + self.chance.randrange(1 << 40) if new else self.chance.randrange(POOL)
        self.path.write_bytes(content(seed))
        self.journal.run("register", self.model, str(seed), lambda name: self.registry.register(
            self.model, self.path, version=name).number)  # fmt: skip

    def promote(self) -> None:
        """Promote a version to production or staging."""
        stage, number = self.chance.choice(("production", "staging")), self.number()
        self.journal.run("promote", self.model, stage, lambda name: self.registry.promote(
            f"{self.model}:{number}", stage, comment=name).number)  # fmt: skip

    def rollback(self) -> None:
        """Roll production back."""
        self.journal.run("rollback", self.model, "production", lambda name: self.registry.rollback(
            self.model, comment=name).number)  # fmt: skip

    def alias(self) -> None:
        """Set an alias."""
        key, number = self.chance.choice(("champion", "rival")), self.number()
        self.journal.run("alias", self.model, key, lambda name: self.registry.alias(
            self.model, key, str(number), comment=name).number)  # fmt: skip

    def remove_alias(self) -> None:
        """Remove an alias."""
        self.journal.run("remove_alias", self.model, "rival", lambda name: (
            self.registry.remove_alias(self.model, "rival", comment=name)))  # fmt: skip

    def delete(self) -> None:
        """Delete a version that nothing points at."""
        number = self.number()

        def call(name: str) -> int:
            self.registry.delete(f"{self.model}:{number}", comment=name)
            return number

        self.journal.run("delete", self.model, "", call)

    def purge(self) -> None:
        """Purge a version that was deleted."""
        number = self.number()

        def call(name: str) -> int:
            self.registry.purge(f"{self.model}:{number}", comment=name)
            return number

        self.journal.run("purge", self.model, "", call)

    def gc(self) -> None:
        """Collect garbage without grace."""
        self.journal.run("gc", self.model, "", lambda _: self.registry.gc(grace=0).blobs)


def _fork(home: str, model: str, journal: str, seed: int) -> int:
    child = os.fork()
    if child:
        return child
    try:
        Victim(Path(home), model, Path(journal), seed).live()
    except BaseException:  # noqa: BLE001 - the end of a child
        Path(f"{journal}.broken").write_text(traceback.format_exc(), encoding="utf-8")
    os._exit(1)


def _warm_up() -> None:
    """Do everything once, so that a fork finds modules loaded and queries compiled."""
    with tempfile.TemporaryDirectory() as folder:
        one = Victim(Path(folder) / "home", "warm", Path(folder) / "warm.journal", 0)
        for verb in (*_VERBS, *_VERBS):
            getattr(one, verb)()
        one.registry.close()
        del one


def main() -> None:
    """Serve."""
    _warm_up()
    gc.collect()
    for line in sys.stdin:
        order = json.loads(line)
        children = [_fork(order["home"], *victim) for victim in order["victims"]]
        time.sleep(order["seconds"])
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        print("killed", flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
