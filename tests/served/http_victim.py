"""Callers that go on while their server is killed: each change of theirs must have one effect."""

from __future__ import annotations

import random
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import expected
import journal
import victim
import wholeness
from expected import CHANGES, Expected
from journal import Journal, Operation

from modelry.core.errors import NotFound
from modelry.core.registry import Registry
from modelry.remotes.client.client import Client
from modelry.remotes.client.opening import open_client

PATIENCE = 120.0
_VERBS = (*victim._VERBS, "use")
_WEIGHTS = (*victim._WEIGHTS, 10)


def content(seed: int) -> bytes:
    """Answer the bytes of content number `seed`: some take several pieces on their way."""
    size = 2_500_000 if seed % 10 == 0 else 200 + seed % 3000
    return random.Random(seed).randbytes(size)


class RemoteVictim(victim.Victim):
    """Changes one model through a server, and tries what was not answered again."""

    def __init__(self, url: str, token: str, folder: Path, model: str, seed: int) -> None:
        self.folder = folder / f"{model}-{seed}"
        self.folder.mkdir()
        self._client: Client = open_client(url, home=self.folder, token=token, patience=PATIENCE)
        self.registry = cast("Registry", self._client)  # it has the verbs that a victim needs
        self.journal = Journal(folder / f"{model}-{seed}.journal", f"{model}-{seed}")
        self.model = model
        self.chance = random.Random(seed)
        self.path = self.folder / "model.bin"
        self.over = threading.Event()
        self.broken = ""
        self.told = 0
        """How many changes of its have an answer."""

    def number(self) -> int:
        """Choose one of the newest numbers, whatever became of it."""
        try:
            newest = self._client.model(self.model).model.last_number
        except NotFound:
            newest = 1
        return max(1, newest - self.chance.randrange(12))

    def register(self) -> None:
        """Register bytes that are new, or that others register too."""
        new = self.chance.random() < 0.4
        seed = victim.POOL + self.chance.randrange(1 << 40) if new else self.chance.randrange(30)
        self.path.write_bytes(content(seed))
        self.journal.run("register", self.model, str(seed), lambda name: self.registry.register(
            self.model, self.path, version=name).number)  # fmt: skip

    def use(self) -> None:
        """Fetch the bytes of a version: whatever comes is whole, for the client has verified it."""
        number = self.number()
        self.journal.run("use", self.model, "", lambda _: self.registry.use(
            f"{self.model}:{number}").stat().st_size)  # fmt: skip

    def live(self) -> None:
        """Change something, again and again, until it is over."""
        try:
            while not self.over.is_set():
                (verb,) = self.chance.choices(_VERBS, _WEIGHTS)
                getattr(self, verb)()
                self.told += verb in CHANGES
        except BaseException:  # noqa: BLE001 - told to the test
            self.broken = traceback.format_exc()
        finally:
            self._client.close()


@contextmanager
def working(victims: Sequence[RemoteVictim]) -> Iterator[None]:
    """Let callers work during the context, and wait until each has its last answer."""
    threads = [threading.Thread(target=each.live) for each in victims]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for each in victims:
            each.over.set()
        for thread in threads:
            thread.join()
    assert [each.broken for each in victims if each.broken] == []


def nothing_is_lost_or_done_twice(
    registry: Registry, folder: Path, models: Sequence[str]
) -> list[Operation]:
    """Compare what callers were told with what is stored, change by change; answer their changes."""
    assert wholeness.problems(registry) == []
    assert wholeness.verify(registry) == []
    return [each for model in models for each in _told(registry, folder, model)]


def _told(registry: Registry, folder: Path, model: str) -> list[Operation]:
    paths = sorted(folder.glob(f"{model}-*.journal"), key=lambda path: int(path.stem[4:]))
    every = [each for path in paths for each in journal.read(path)]
    operations = [each for each in every if each.verb in CHANGES]
    assert [each for each in operations if not each.known] == []
    told = Expected()
    with registry._world.store.read() as view:
        held = view.model("default", model)
        events = list(view.every_event(f"default/{model}"))
        labels = {each.number: each.version for each in view.every_version(held)} if held else {}
        for pair in expected.match(events, operations, labels):
            assert not isinstance(pair, str), pair
            operation, event = pair
            if event is None:
                assert told.unchanged(operation), f"{operation} left no record"
            else:
                told.take(operation, event.number)
        assert list(told.problems(view, model)) == []
    return operations
