"""Is a history what the registry's own record of it tells, in an order that time allows?

The record (one event per change, by sequence) is one order of the changes.
It explains the history where that order respects real time, where going
through it step by step gives every caller the answer it got, and where every
read fits between two changes. This is a sharper question than the search of
`history_checker`: the record itself must be the explanation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from journal import Operation


@dataclass(frozen=True, slots=True)
class Told:
    """A change in the record: the operation that names itself in it, and the target then."""

    operation: str
    back: bool
    number: int | None


def problems(
    told: Sequence[Told], changes: Mapping[str, Operation], reads: Sequence[Operation]
) -> Iterator[str]:
    """Name everything about a pointer that its record does not explain."""
    names = [each.operation for each in told]
    if len(set(names)) < len(names) or not set(names) <= changes.keys():
        yield f"records without an operation, or two for one: {set(names) - changes.keys()}"
        return
    silent = [each for each in changes.values()
              if each.known and each.answer is not None and each.id not in set(names)]  # fmt: skip
    if any(each.verb == "rollback" for each in silent):
        yield f"acknowledged rollbacks left no record: {silent}"
    refused = [name for name in names if changes[name].refused]
    if refused:
        yield f"refused operations left a record: {refused}"
    order = [changes[name] for name in names]
    yield from _out_of_time(order)
    yield from _replay(told, order)
    # A promotion of what is in production already changes nothing: it is a read.
    seen = [each for each in reads if each.known and not each.refused.startswith("broke")]
    yield from _misplaced(told, order, [*seen, *silent])


def _out_of_time(order: Sequence[Operation]) -> Iterator[str]:
    latest: Operation | None = None
    for each in order:
        if latest is not None and each.returned < latest.invoked:
            yield f"{each} returned before {latest} began, and is recorded after it"
        if latest is None or each.invoked > latest.invoked:
            latest = each


def _replay(told: Sequence[Told], order: Sequence[Operation]) -> Iterator[str]:
    """Go through promotions and rollbacks with a stack of its own."""
    stack: list[int] = []
    for each, operation in zip(told, order, strict=True):
        if each.back:
            current = stack.pop() if stack else None
            while stack and stack[-1] == current:
                stack.pop()
            if not stack or stack[-1] != each.number:
                yield f"{operation} went back to {each.number}; before it was {stack[-1:]}"
                return
        elif each.number is not None:
            stack.append(each.number)
        if operation.known and operation.answer != each.number:
            yield f"{operation} was told another version than its record {each}"


def _misplaced(
    told: Sequence[Told], order: Sequence[Operation], reads: Sequence[Operation]
) -> Iterator[str]:
    """Find reads that fit nowhere; each takes the earliest place that it can."""
    values: list[int | None] = [None, *(each.number for each in told)]
    places: dict[int | None, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    ended = _Floor((each.returned, place + 1) for place, each in enumerate(order))
    begun = sorted((each.invoked, place) for place, each in enumerate(order))
    first_after = _suffix_least(begun)
    placed = _Floor(())
    waiting: list[tuple[int, int]] = []
    for read in sorted(reads, key=lambda each: each.invoked):
        ready = [each for each in waiting if each[0] < read.invoked]
        for each in ready:
            placed.add(*each)
        waiting = [each for each in waiting if each[0] >= read.invoked]
        low = max(ended.below(read.invoked), placed.below(read.invoked))
        at = bisect_right(begun, (read.returned, len(order)))
        high = first_after[at]
        fitting = places.get(read.answer, [])
        index = bisect_right(fitting, low - 1)
        if index == len(fitting) or fitting[index] > high:
            yield f"{read} fits nowhere between changes {low} and {high} of the record"
        else:
            waiting.append((read.returned, fitting[index]))


def _suffix_least(begun: Sequence[tuple[int, int]]) -> list[int]:
    """Answer, for each index, the least place of the changes that begin from there on."""
    least = [len(begun)]
    for _, place in reversed(begun):
        least.append(min(least[-1], place))
    return least[::-1]


class _Floor:
    """The highest place of anything that had ended before a time."""

    def __init__(self, given: Iterator[tuple[int, int]] | Sequence[tuple[int, int]]) -> None:
        self._times: list[int] = []
        self._highest: list[int] = []
        for at, place in sorted(given):
            self.add(at, place)

    def add(self, at: int, place: int) -> None:
        """Add what ended at `at`, no earlier than all before it but for a little."""
        index = bisect_right(self._times, at)
        before = self._highest[index - 1] if index else 0
        self._times.insert(index, at)
        self._highest.insert(index, max(before, place))
        for later in range(index + 1, len(self._times)):
            self._highest[later] = max(self._highest[later], place)

    def below(self, at: int) -> int:
        """Answer the highest place among those that ended before `at`, 0 if there are none."""
        index = bisect_right(self._times, at - 1)
        return self._highest[index - 1] if index else 0
