"""Many processes on one registry: every answer is one that some order of the calls explains."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import crowd
import journal
import pytest
import wholeness
from counts import OPERATIONS, SEED
from history_checker import Step, violation
from journal import Operation
from told_order import Told, problems
from wholeness import world_of

from modelry.core.events import Event, EventKind
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

pytestmark = pytest.mark.proof
WRITERS, READERS = 8, 8
CROWD = Path(crowd.__file__)
SECONDS = 600


def work(home: Path) -> list[Operation]:
    """Let a crowd work on a registry; its journals lie beside it."""
    crowd.begin(home)
    changes = max(1, OPERATIONS // 5 // WRITERS)
    answers = max(1, OPERATIONS * 4 // 5 // READERS)
    writers = [_start("write", home, f"w{at}", changes) for at in range(WRITERS)]
    readers = [_start("read", home, f"r{at}", answers) for at in range(READERS)]
    broken = [_end(each) for each in writers]
    (home.parent / "done").touch()
    broken += [_end(each) for each in readers]
    assert not any(broken), f"seed {SEED}: {next(filter(None, broken))}"
    found = [journal.read(path) for path in sorted(home.parent.glob("*.journal"))]
    return [each for one in found for each in one]


def _start(what: str, home: Path, name: str, count: int) -> subprocess.Popen[str]:
    seed = SEED * 1000 + int(name[1:]) + (500 if what == "read" else 0)
    command = [sys.executable, str(CROWD), what, str(home), str(home.parent / f"{name}.journal"),
               str(seed), str(count)]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _end(child: subprocess.Popen[str]) -> str:
    _, errors = child.communicate(timeout=SECONDS)
    return errors or ("ended by itself" if child.returncode else "")


def _steps(operations: Sequence[Operation], model: str, pointer: str) -> list[Step]:
    steps = []
    for each in operations:
        if each.model != model or each.about not in {pointer, f"@{pointer}"} or each.refused:
            continue  # a refused rollback changes nothing
        writes = each.verb != "resolve"
        steps.append(Step(each.id, writes, each.answer, each.invoked, each.returned))
    return steps


def _events(registry: RegistryRepository, model: str) -> list[Event]:
    with world_of(registry).store.read() as view:
        return list(view.every_event(f"default/{model}"))


def test_promises_1_2_5_and_6_hold_among_8_writers_and_8_readers(tmp_path: Path) -> None:
    home = tmp_path / "home"
    operations = work(home)
    nothing_unexpected_reached_a_caller(operations)
    for model in crowd.MODELS:
        for pointer in ("production", "staging", "champion"):
            some_order_explains_every_answer(operations, model, pointer)
        the_record_of_production_explains_every_answer(home, operations, model)
        numbers_are_unique_gapless_and_in_the_order_of_time(home, operations, model)
    one_stale_answer_would_have_been_seen(operations)
    changes_and_records_match_one_to_one(home, operations)
    promises_1_2_3_and_5_hold(home)


def nothing_unexpected_reached_a_caller(
    operations: list[Operation],
) -> None:
    assert [each for each in operations if not each.known] == []
    assert [each for each in operations if each.refused.startswith("broke")] == []
    refused = {(each.verb, each.refused) for each in operations if each.refused}
    assert refused <= {("rollback", "conflict")}
    assert len(operations) >= OPERATIONS // WRITERS * WRITERS * 9 // 10


def some_order_explains_every_answer(operations: list[Operation], model: str, pointer: str) -> None:
    assert violation(_steps(operations, model, pointer)) is None


def one_stale_answer_would_have_been_seen(
    operations: list[Operation],
) -> None:
    steps = _steps(operations, crowd.MODELS[0], "production")
    writes = sorted((step for step in steps if step.writes), key=lambda step: step.returned)
    reads = [at for at, step in enumerate(steps) if not step.writes]
    spoiled = 0
    for at in random.Random(SEED).sample(reads, min(len(reads), 20)):
        read = steps[at]
        old = {each.value for each in writes if each.returned < read.invoked}
        old -= _possible(writes, read)
        if old:
            spoiled += 1
            changed = [*steps[:at], replace(read, value=min(old, key=str)), *steps[at + 1 :]]
            assert violation(changed) is not None, read
    assert spoiled, "no read was late enough to be made stale"


def _possible(writes: Sequence[Step], read: Step) -> set[int | None]:
    """Answer what the read may answer: what was not surely replaced before it began."""
    before = max((each.invoked for each in writes if each.returned < read.invoked), default=0)
    return {each.value for each in writes
            if each.returned >= before and each.invoked <= read.returned}  # fmt: skip


def the_record_of_production_explains_every_answer(
    home: Path, operations: list[Operation], model: str
) -> None:
    with connect(home=home) as registry:
        told = [
            Told(event.comment, event.kind is EventKind.ROLLED_BACK, row[2])
            for event in _events(registry, model)
            for row in cast("list[tuple[str, str, int | None]]", event.body.get("moves", []))
            if row[0] == "production"
        ]
    mine = [each for each in operations if each.model == model]
    changes = {each.id: each for each in mine if each.about == "production"}
    reads = [each for each in mine if each.about == "@production"]
    assert list(problems(told, changes, reads)) == []


def numbers_are_unique_gapless_and_in_the_order_of_time(
    home: Path, operations: list[Operation], model: str
) -> None:
    made = [each for each in operations if each.model == model and each.verb == "register"]
    by_number = {each.answer: each for each in made}
    assert sorted(n for n in by_number if n) == [
        *range(crowd.FIRST + 1, crowd.FIRST + 1 + len(made))
    ]
    latest = None
    for born_as in sorted(n for n in by_number if n):
        each = by_number[born_as]
        assert latest is None or each.returned >= latest.invoked, (each, latest)
        latest = each if latest is None or each.invoked > latest.invoked else latest
    with connect(home=home) as registry:
        for number, each in by_number.items():
            assert registry.resolve(f"{model}:{number}").version == each.id
    for read in (each for each in operations if each.model == model and each.about[:1] == ":"):
        wanted = int(read.about[1:])
        born = by_number.get(wanted)
        there = wanted <= crowd.FIRST or (born is not None and born.returned < read.invoked)
        absent = wanted > crowd.FIRST and (born is None or born.invoked > read.returned)
        assert read.answer in {None, wanted}
        assert not (there and read.answer is None), (read, born)
        assert not (absent and read.answer is not None), (read, born)


def promises_1_2_3_and_5_hold(home: Path) -> None:
    with connect(home=home) as registry:
        assert wholeness.problems(registry) == []
        assert wholeness.verify(registry) == []
        registry.gc(grace=0)
        assert wholeness.leftovers(registry, home) == []
        assert wholeness.verify(registry) == []


def changes_and_records_match_one_to_one(home: Path, operations: list[Operation]) -> None:
    with connect(home=home) as registry:
        for model in crowd.MODELS:
            events = _events(registry, model)
            told = {(event.comment or registry.resolve(f"{model}:{event.number}").version): event
                    for event in events[crowd.FIRST :]}  # fmt: skip
            assert len(told) == len(events) - crowd.FIRST
            changes = {each.id: each for each in operations
                       if each.model == model and each.verb != "resolve"}  # fmt: skip
            assert told.keys() <= changes.keys()
            assert all(told[name].number == changes[name].answer for name in told)
            silent = [each for name, each in changes.items() if name not in told]
            assert all(each.verb in {"promote", "alias"} or each.refused for each in silent)
