"""Any row of verbs leaves a registry that keeps its promises.

A small model of what a registry means, in dictionaries, runs beside the real
one; after each step the promises of the architecture are checked.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from modelry.core.errors import Conflict, NotFound, RegistryError
from modelry.core.events import EventKind, Head, relabels
from modelry.core.names import parse_ref
from modelry.core.ports import Store
from modelry.core.registry import Registry
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import world_on

NAMES = st.sampled_from(["alpha", "Beta"])
NUMBERS = st.integers(1, 6)
STAGES = st.sampled_from(["none", "staging", "production", "archived"])
CONTENT = st.sampled_from(["a", "b", "c"])
LABELS = st.sampled_from([None, None, "1.0", "2.0", "4", "v6"])


def refused(verb: Callable[[], object]) -> RegistryError | None:
    try:
        verb()
    except RegistryError as refusal:
        return refusal
    return None


@dataclass
class Expected:
    """What a model must look like."""

    digests: dict[int, str] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    stages: dict[int, str] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    purged: set[int] = field(default_factory=set)
    production: list[int | None] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    last: int = 0
    gone: bool = False

    @property
    def live(self) -> int | None:
        return self.production[-1] if self.production else None

    def alive(self, number: int) -> bool:
        return not self.gone and number in self.digests and number not in self.deleted


class Machine(RuleBasedStateMachine):
    """Verbs in any order against what they mean."""

    make_store: Callable[[Path], Store]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.world = world_on(type(self).make_store(self.folder), self.folder)
        self.registry = Registry(self.world)
        self.models: dict[str, Expected] = {}
        self.acknowledged = 0

    def teardown(self) -> None:
        self.registry.close()
        self.stack.close()

    def attempt(self, name: str, verb: Callable[[], object], *, told: bool = False) -> bool:
        """Run a verb; a refused one must change nothing but, where it is `told`, the log (promise 8)."""
        before = self.registry.checkpoint().heads
        refusal = refused(verb)
        if refusal is not None:
            assert isinstance(refusal, Conflict | NotFound), refusal
            self._refused(before, refusal, told=told)
            return False
        after = {head.chain: head.seq for head in self.registry.checkpoint().heads}
        grown = sum(after.values()) - sum(head.seq for head in before)
        assert grown in {0, 1}, "one change is one record"
        self.acknowledged += grown
        assert name.lower() in {chain.partition("/")[2] for chain in after} or not grown
        return True

    def _refused(self, before: Sequence[Head], refusal: RegistryError, *, told: bool) -> None:
        after = self.registry.checkpoint().heads
        if not told:
            assert after == before
            return
        old, new = ({head.chain: head.seq for head in heads} for heads in (before, after))
        assert new == old | {"default": old.get("default", 0) + 1}
        last = self.registry.project_history().events[0]
        assert (last.kind, last.body["reason"]) == (EventKind.DENIED, refusal.message)
        self.acknowledged += 1

    @rule(name=NAMES, content=CONTENT, label=LABELS)
    def register(self, name: str, content: str, label: str | None) -> None:
        path = self.folder / "model.bin"
        path.write_text(content)
        expected = self.models.setdefault(name, Expected())
        number = int(label.strip("v")) if label and label.strip("v").isdigit() else None
        known = expected.labels.get(label.strip("v")) if label else None
        if known is None and number in expected.digests:
            known = number
        fits = not expected.gone and (
            known is None and (number is None or number > expected.last)
            if known is None
            else expected.alive(known) and expected.digests[known] == content
        )
        done = self.attempt(
            name, lambda: self.registry.register(name, path, version=label), told=True
        )
        assert done == fits
        if done and known is None:
            made = number or expected.last + 1
            expected.last = made
            expected.digests[made] = content
            expected.labels[label.strip("v") if label else str(made)] = made
            expected.stages[made] = "none"

    @rule(name=NAMES, number=NUMBERS, stage=STAGES,
          displace=st.sampled_from([None, "keep", "staging"]))  # fmt: skip
    def promote(self, name: str, number: int, stage: str, displace: str | None) -> None:
        expected = self.models.get(name, Expected())
        if displace == "staging" and stage != "production":
            displace = None
        ref = f"{name}:{number}"
        done = self.attempt(name, lambda: self.registry.promote(ref, stage, displace=displace))
        assert done == expected.alive(number)
        if not done:
            return
        if stage == "production":
            self._live(expected, number, displace or "archived")
        else:
            self._leaves(expected, number)
            expected.stages[number] = stage

    def _live(self, expected: Expected, number: int, displaced: str) -> None:
        if displaced != "keep":
            for other, stage in expected.stages.items():
                if stage == "production" and other != number and other not in expected.deleted:
                    expected.stages[other] = displaced
        expected.stages[number] = "production"
        if expected.live != number:
            expected.production.append(number)

    def _leaves(self, expected: Expected, number: int) -> None:
        if expected.live == number:
            expected.production.append(None)

    @rule(name=NAMES)
    def rollback(self, name: str) -> None:
        expected = self.models.get(name, Expected())
        below = list(expected.production[:-1])
        while below and below[-1] in {None, expected.live}:
            below.pop()
        fits = bool(below) and not expected.gone and expected.alive(below[-1] or 0)
        assert self.attempt(name, lambda: self.registry.rollback(name)) == fits
        if fits:
            expected.production = below[:-1]
            self._live(expected, below[-1] or 0, "archived")
            expected.production = below

    @rule(name=NAMES, number=NUMBERS, alias=st.sampled_from(["champion", "b"]))
    def alias(self, name: str, number: int, alias: str) -> None:
        expected = self.models.get(name, Expected())
        done = self.attempt(name, lambda: self.registry.alias(name, alias, str(number)))
        assert done == expected.alive(number)
        if done:
            expected.aliases[alias] = number

    @rule(name=NAMES, alias=st.sampled_from(["champion", "b"]))
    def remove_alias(self, name: str, alias: str) -> None:
        expected = self.models.get(name, Expected())
        fits = alias in expected.aliases and not expected.gone
        assert self.attempt(name, lambda: self.registry.remove_alias(name, alias)) == fits
        expected.aliases.pop(alias, None)

    @rule(name=NAMES, number=NUMBERS)
    def delete(self, name: str, number: int) -> None:
        expected = self.models.get(name, Expected())
        named = number in {*expected.aliases.values(), expected.live}
        staged = expected.alive(number) and number == self._staged(name)
        fits = expected.alive(number) and not named and not staged
        assert self.attempt(name, lambda: self.registry.delete(f"{name}:{number}")) == fits
        if fits:
            expected.deleted.add(number)

    def _staged(self, name: str) -> int | None:
        return self.registry.history(name).pointers.get("staging")

    @rule(name=NAMES, number=NUMBERS)
    def purge(self, name: str, number: int) -> None:
        expected = self.models.get(name, Expected())
        fits = number in expected.deleted
        assert self.attempt(name, lambda: self.registry.purge(f"{name}:{number}")) == fits
        if fits:
            expected.purged.add(number)

    @rule(name=NAMES)
    def delete_model(self, name: str) -> None:
        expected = self.models.get(name)
        if expected is None or len(expected.digests) > 2:
            return  # only young models die, so that others grow old
        fits = not expected.gone and bool(expected.digests) and not self._any_pointer(name)
        if expected.gone or expected.digests:
            assert self.attempt(name, lambda: self.registry.delete(name)) == fits
        if fits:
            expected.gone = True
            expected.deleted |= set(expected.digests)

    def _any_pointer(self, name: str) -> bool:
        return bool(self.registry.history(name).pointers)

    @rule(name=NAMES, number=NUMBERS, value=CONTENT)
    def tag(self, name: str, number: int, value: str) -> None:
        done = self.attempt(name, lambda: self.registry.tag(f"{name}:{number}", {"k": value}))
        assert done == self.models.get(name, Expected()).alive(number)

    @rule()
    def collect(self) -> None:
        self.registry.gc(grace=0)

    @invariant()
    def promises_hold(self) -> None:
        for name, expected in self.models.items():
            if expected.digests and not expected.gone:
                self._agrees(name, expected)
        named = {
            content
            for expected in self.models.values()
            for number, content in expected.digests.items()
            if number not in expected.purged
        }
        kept = {info.sha256 for info in self.world.blobs.scan()}
        assert {hashlib.sha256(each.encode()).hexdigest() for each in named} <= kept, "promise 3"
        found = self.registry.audit()
        assert not found.problems, "promise 5"
        assert found.events == self.acknowledged, "promise 5"
        assert not self.registry.verify().problems, "promise 3"

    def _agrees(self, name: str, expected: Expected) -> None:
        versions = {each.number: each for each in self.registry.versions(name)}
        alive = set(expected.digests) - expected.deleted
        assert set(versions) == alive, "promise 2"
        assert {n: each.stage for n, each in versions.items()} == {
            n: expected.stages[n] for n in alive}  # fmt: skip
        for number, version in versions.items():
            content = hashlib.sha256(expected.digests[number].encode()).hexdigest()
            assert version.files[0].sha256 == content, "promise 3"
        pointers = self.registry.history(name).pointers
        assert pointers.get("production") == expected.live, "promises 1 and 6"
        aliases = {key: value for key, value in pointers.items() if key in {"champion", "b"}}
        assert aliases == expected.aliases
        live = self.world.store.resolve(parse_ref(f"{name}@production"))
        assert (live.number if live else None) == expected.live, "promise 6"
        if live is not None:
            assert live.stage == "production"
            moved = [event for event in self.registry.history(name).events
                     if (live.number, "production") in {(n, to) for n, _, to in relabels(event)}]  # fmt: skip
            assert moved, "promise 6: some promotion put it there"


class SqliteMachine(Machine):
    @staticmethod
    def make_store(folder: Path) -> Store:
        return SqliteStore(folder / "registry.db")


class MemoryMachine(Machine):
    @staticmethod
    def make_store(folder: Path) -> Store:
        del folder
        return MemoryStore()


@pytest.mark.parametrize(
    ("machine", "examples"), [(SqliteMachine, 25), (MemoryMachine, 100)], ids=["sqlite", "memory"]
)
def test_promises_1_to_8_hold_after_any_row_of_verbs(machine: type[Machine], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
