"""Is a history of a register linearizable? Decided by search, trusting nothing but the history.

Just-in-time linearization (as Lowe's and porcupine's): a configuration is the
value that the register may have now and which of the pending operations have
taken effect. An operation is made to take effect no later than it returns; a
read takes effect as soon as the value is right, which loses nothing because it
changes nothing. The history is wrong where no configuration is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from journal import NEVER

Value = int | None
_Configuration = tuple[Value, frozenset[int]]

MOST = 500_000
"""How many configurations a search may hold before it gives up, loudly."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on a register; `returned` is very late where nobody saw its answer."""

    name: str
    writes: bool
    value: Value
    invoked: int
    returned: int


@dataclass(frozen=True, slots=True)
class Violation:
    """The operation at whose return no order of the operations explains the history."""

    step: Step
    values: frozenset[Value]

    def __str__(self) -> str:
        kind = "write" if self.step.writes else "read"
        return f"{kind} {self.step} fits no order; the register could be {set(self.values)}"


def violation(steps: Sequence[Step], first: Value = None) -> Violation | None:
    """Answer where the history of a register that begins as `first` is wrong, None if nowhere.

    Steps that never returned may have taken effect or not.
    """
    moments = sorted(
        [(step.invoked, 0, at) for at, step in enumerate(steps)]
        + [(step.returned, 1, at) for at, step in enumerate(steps)]
    )
    open_writes: set[int] = set()
    open_reads: set[int] = set()
    possible: set[_Configuration] = {(first, frozenset())}
    for _, is_return, index in moments:
        step = steps[index]
        if not is_return:
            (open_writes if step.writes else open_reads).add(index)
            if not step.writes:
                possible = {_reading(steps, c, (index,)) for c in possible}
            continue
        if step.returned >= NEVER:
            break  # nothing that was seen comes later
        reached = _until(steps, possible, index, open_writes, open_reads)
        if not reached:
            return Violation(step, frozenset(value for value, _ in possible))
        possible = {(value, done - {index}) for value, done in reached}
        open_writes.discard(index)
        open_reads.discard(index)
    return None


def _until(
    steps: Sequence[Step],
    possible: Iterable[_Configuration],
    index: int,
    writes: Iterable[int],
    reads: Iterable[int],
) -> set[_Configuration]:
    """Let pending writes take effect in every order until operation `index` has."""
    reached: set[_Configuration] = set()
    seen = set(possible)
    todo = list(seen)
    while todo:
        value, done = todo.pop()
        if index in done:
            reached.add((value, done))
            continue
        for write in writes:
            if write in done:
                continue
            following = _reading(steps, (steps[write].value, done | {write}), reads)
            if following not in seen:
                seen.add(following)
                todo.append(following)
        if len(seen) > MOST:
            msg = f"the search grew beyond {MOST} configurations at {steps[index]}"
            raise RuntimeError(msg)
    return reached


def _reading(
    steps: Sequence[Step], configuration: _Configuration, reads: Iterable[int]
) -> _Configuration:
    """Let every pending read that answers the present value take effect."""
    value, done = configuration
    fit = {read for read in reads if steps[read].value == value}
    return (value, done | fit) if fit - done else configuration
