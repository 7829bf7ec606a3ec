"""The checkers of histories accept what one register could do, and catch what it could not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from history_checker import Step, violation
from journal import NEVER, Operation
from told_order import Told, problems

TIMES = 10


def true_history(chance: random.Random, length: int = 300, callers: int = 16) -> list[Step]:
    """Let callers use one register at once: each call takes effect at some moment within it."""
    value, now, steps = None, 0, list[Step]()
    free = [0] * callers
    moments: list[tuple[int, int, int, int, bool]] = []
    for at in range(length):
        caller = at % callers
        begin = free[caller] + chance.randrange(1, 50)
        effect = begin + chance.randrange(1, 60)
        end = effect + chance.randrange(1, 60)
        free[caller] = end
        moments.append((effect, at, begin, end, caller < callers // 2))
    for now, at, begin, end, writes in sorted(moments):
        value = at if writes else value
        steps.append(Step(f"{at}@{now}", writes, value, begin, end))
    return steps


def stale(chance: random.Random, steps: Sequence[Step], share: float) -> list[Step]:
    """Give a share of the reads a value that was overwritten before they began."""
    changed = list(steps)
    reads = [at for at, step in enumerate(steps) if not step.writes]
    for at in chance.sample(reads, max(1, int(len(reads) * share))):
        read = steps[at]
        over = [step for step in steps if step.writes and step.returned < read.invoked]
        last = max((step.invoked for step in over), default=0)
        old = [step.value for step in over if step.returned < last]
        if old:
            changed[at] = replace(read, value=chance.choice(old))
    return changed


@pytest.mark.parametrize("seed", range(TIMES))
def test_what_a_register_could_do_is_accepted(seed: int) -> None:
    assert violation(true_history(random.Random(seed))) is None


@pytest.mark.parametrize("seed", range(TIMES))
def test_two_per_cent_of_stale_reads_are_caught(seed: int) -> None:
    chance = random.Random(seed)
    steps = true_history(chance)
    spoiled = stale(chance, steps, 0.02)
    assert spoiled != steps
    assert violation(spoiled) is not None


@pytest.mark.parametrize("seed", range(TIMES))
def test_a_lost_update_is_caught(seed: int) -> None:
    """An acknowledged write that nothing ever shows, with a read after it that shows the old."""
    chance = random.Random(seed)
    steps = true_history(chance)
    begin = max(step.returned for step in steps) + 1
    old = max(
        (step for step in steps if step.writes), key=lambda step: int(step.name.split("@")[1])
    )
    lost = Step("lost", writes=True, value=-1, invoked=begin, returned=begin + 1)
    read = Step("read", writes=False, value=old.value, invoked=begin + 2, returned=begin + 3)
    assert violation([*steps, replace(read, value=-1)]) is not None, "nobody wrote it"
    assert violation([*steps, lost, replace(read, value=-1)]) is None
    assert violation([*steps, lost, read]) is not None


def test_a_write_whose_answer_nobody_saw_may_have_happened_or_not() -> None:
    first = Step("a", writes=True, value=1, invoked=0, returned=1)
    doubt = Step("b", writes=True, value=2, invoked=2, returned=NEVER)
    old = Step("c", writes=False, value=1, invoked=5, returned=6)
    new = Step("d", writes=False, value=2, invoked=7, returned=8)
    again = Step("e", writes=False, value=1, invoked=9, returned=10)
    assert violation([first, doubt, old]) is None
    assert violation([first, doubt, new]) is None
    assert violation([first, doubt, old, new]) is None
    assert violation([first, doubt, old, new, again]) is not None


def test_readers_may_not_see_a_change_and_then_not_see_it() -> None:
    write = Step("w", writes=True, value=1, invoked=0, returned=100)
    seen = Step("r", writes=False, value=1, invoked=10, returned=20)
    unseen = Step("s", writes=False, value=None, invoked=30, returned=40)
    assert violation([write, seen]) is None
    assert violation([write, unseen]) is None
    assert violation([write, seen, unseen]) is not None


def _told(steps: Sequence[Step]) -> tuple[list[Told], dict[str, Operation], list[Operation]]:
    ordered = sorted(steps, key=lambda step: int(step.name.split("@")[1]))
    operations = {
        step.name: Operation(step.name, "promote" if step.writes else "resolve", "m", "production",
                             step.invoked, step.returned, step.value, "")
        for step in steps
    }  # fmt: skip
    told = [Told(step.name, False, step.value) for step in ordered if step.writes]  # noqa: FBT003 - not a way back
    changes = {step.name: operations[step.name] for step in steps if step.writes}
    return told, changes, [operations[step.name] for step in steps if not step.writes]


@pytest.mark.parametrize("seed", range(TIMES))
def test_a_record_explains_what_it_tells_and_not_two_per_cent_of_stale_reads(seed: int) -> None:
    chance = random.Random(seed)
    steps = true_history(chance)
    told, changes, reads = _told(steps)
    assert list(problems(told, changes, reads)) == []
    _, _, spoiled = _told(stale(chance, steps, 0.02))
    assert list(problems(told, changes, spoiled)) != []


@pytest.mark.parametrize("seed", range(TIMES))
def test_a_record_that_lost_or_moved_or_made_up_a_change_is_caught(seed: int) -> None:
    chance = random.Random(seed)
    told, changes, reads = _told(true_history(chance))
    at = chance.randrange(len(told) - 20)
    made_up = Told("nobody", False, 7)  # noqa: FBT003 - not a way back
    assert list(problems([*told, made_up], changes, reads)) != [], "made up"
    assert list(problems([*told, told[at]], changes, reads)) != [], "twice"
    later = [*told[:at], *told[at + 1 :], told[at]]
    assert list(problems(later, changes, reads)) != [], "moved to the end"
    assert list(problems([*told[:at], *told[at + 1 :]], changes, reads)) != [], "lost"
