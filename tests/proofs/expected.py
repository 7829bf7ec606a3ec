"""What one model must look like after the changes that its journal tells, worked out anew.

Nothing of Modelry is used here but the record of what each operation named:
a stack per pointer, a set of tombstones, and the contents by number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from journal import Operation

from modelry.core.events import Event
from modelry.core.model import Version
from modelry.core.ports import View

CHANGES = frozenset({"register", "promote", "rollback", "alias", "remove_alias", "delete", "purge"})
KINDS = {
    "register": {"version.registered"},
    "promote": {"version.promoted"},
    "rollback": {"stage.rolled_back"},
    "alias": {"alias.set"},
    "remove_alias": {"alias.removed"},
    "delete": {"version.deleted"},
    "purge": {"version.purged"},
}


@dataclass
class Expected:
    """A model by its acknowledged changes."""

    pointers: dict[str, int] = field(default_factory=dict)
    contents: dict[int, int] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    purged: set[int] = field(default_factory=set)

    def unchanged(self, operation: Operation) -> bool:
        """Say whether an acknowledged change without a record was there already."""
        if operation.verb == "purge":
            return operation.answer in self.purged
        if operation.verb == "promote" and operation.about == "staging":
            return True  # who inherits this pointer is for the audit to say
        present = self.pointers.get(operation.about)
        return operation.verb in {"promote", "alias"} and present == operation.answer

    def take(self, operation: Operation, number: int | None) -> None:
        """Apply one change that certainly happened, to version `number`."""
        if operation.verb == "remove_alias":
            self.pointers.pop(operation.about, None)
        assert number is not None or operation.verb == "remove_alias"
        number = number or 0
        if operation.verb == "register":
            self.contents[number] = int(operation.about)
        elif operation.verb == "delete":
            self.deleted.add(number)
        elif operation.verb == "purge":
            self.purged.add(number)
        elif operation.verb == "alias":
            self.pointers[operation.about] = number
        elif operation.verb in {"promote", "rollback"}:
            if operation.about == "staging" and self.pointers.get("production") == number:
                del self.pointers["production"]
            if operation.about == "production":
                self.pointers[operation.about] = number

    def problems(self, view: View, name: str) -> Iterator[str]:
        """Name every way in which the registry does not hold what was acknowledged."""
        model = view.model("default", name)
        if model is None:
            if self.contents:
                yield f"{name} is gone"
            return
        held = {each.name: each.number for each in view.pointers(model) if each.name != "staging"}
        if held != {key: value for key, value in self.pointers.items() if key != "staging"}:
            yield f"{name} points at {held} and was told {self.pointers}"
        versions = {each.number: each for each in view.every_version(model)}
        if versions.keys() != self.contents.keys():
            yield f"{name} holds {sorted(versions)} and was told {sorted(self.contents)}"
        for number, version in versions.items():
            yield from self._version(number, version)

    def _version(self, number: int, version: Version) -> Iterator[str]:
        if (version.deleted is not None) != (number in self.deleted):
            yield f"{version.ref} is deleted: {version.deleted}; was told {sorted(self.deleted)}"
        if (version.purged is not None) != (number in self.purged):
            yield f"{version.ref} is purged: {version.purged}; was told {sorted(self.purged)}"


def match(
    events: Sequence[Event], operations: Sequence[Operation], labels: Mapping[int, str]
) -> Iterator[tuple[Operation, Event | None] | str]:
    """Pair each acknowledged or recorded change with its record, in one order.

    What was acknowledged must have its record, unless it changed nothing. What
    nobody saw the answer of may have one. A text names what has no partner.
    """
    waiting = iter(operations)
    for event in events:
        told = labels[event.number or 0] if event.kind == "version.registered" else event.comment
        for operation in waiting:
            if operation.id == told:
                if str(event.kind) not in KINDS[operation.verb] or operation.refused:
                    yield f"{operation} left the record {event.kind}"
                if operation.known and operation.answer not in {None, event.number}:
                    yield f"{operation} was told {operation.answer}, not {event.number}"
                yield operation, event
                break
            yield from _unrecorded(operation)
        else:
            yield f"the record {event.chain}#{event.seq} of {told} has no operation in its place"
    for operation in waiting:
        yield from _unrecorded(operation)


def _unrecorded(operation: Operation) -> Iterator[tuple[Operation, None]]:
    if operation.known and not operation.refused:
        yield operation, None
