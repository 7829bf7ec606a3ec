"""State is folded from events: `apply` writes what an event did into a ledger.

The verbs, an import and an audit share it, so that what the pointers say and
what the history says cannot come apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from modelry.core.events import Event, EventKind, Problem, relabels, touched
from modelry.core.model import Model, Move, Pointer, Version
from modelry.core.ports import Fold, View
from modelry.core.sealing import document, sha256_of
from modelry.core.selection import CHANGES_OF_VERSION

_ROW = tuple[str, Literal["stage", "alias"], "int | None", int, "int | None"]


def apply(ledger: Fold, model: Model, event: Event) -> Model:
    """Write what `event` changed in `model`, and answer the model as it is then.

    A registration's version must be in the ledger already. A denial is
    recorded and changes nothing.
    """
    if event.kind is EventKind.DENIED:
        return model
    for number, _, stage in relabels(event):
        ledger.relabel(model, number, stage, event.seq)
    for row in cast("list[_ROW]", event.body.get("moves", [])):
        _move(ledger, model, event, row)
    for number in cast("list[int]", event.body.get("buried", [])):
        ledger.bury(model, number, event.at)
    for number in cast("list[int]", event.body.get("emptied", [])):
        ledger.purge(model, number, event.at)
    if event.kind in CHANGES_OF_VERSION:
        ledger.stamp(model, touched(event), event.at)
    about = _about_version(ledger, model, event) if event.number else _about_model(model, event)
    model = replace(model, **about, updated=event.at)
    ledger.update_model(model)
    return model


def _move(ledger: Fold, model: Model, event: Event, row: _ROW) -> None:
    name, kind, number, entry, below = row
    ledger.add_move(model, Move(name, kind, event.seq, number, entry, below, event.at))
    if number is None:
        ledger.unpoint(model, name)
    else:
        ledger.point(model, Pointer(name, kind, number, entry, event.seq))


def _about_version(ledger: Fold, model: Model, event: Event) -> dict[str, Any]:
    """Write what an event did to its version, and answer what it changed in the model."""
    number, body = cast("int", event.number), event.body
    if event.kind is EventKind.REGISTERED:
        return {"last_number": max(model.last_number, number)}
    if event.kind in {EventKind.TAGGED, EventKind.DESCRIBED}:
        tags = cast("Mapping[str, str]", body["tags"])
        ledger.describe(model, number, tags, str(body["description"]))
    elif event.kind is EventKind.PURGED:
        ledger.purge(model, number, event.at)
    return {}


def _about_model(model: Model, event: Event) -> dict[str, Any]:
    """Answer what an event of no single version changed in the model."""
    body = event.body
    if event.kind in {EventKind.MODEL_TAGGED, EventKind.MODEL_DESCRIBED}:
        tags = cast("Mapping[str, str]", body["tags"])
        return {"tags": tags, "description": str(body["description"])}
    if event.kind is EventKind.MODEL_DELETED or "renamed_to" in body:
        return {"deleted": event.at}
    last = max((each.number for each in registrations(event)), default=0)
    return {"last_number": max(model.last_number, last)}


@dataclass(frozen=True, slots=True)
class Registration:
    """What an event says of a version that it brought: how it is sealed and how it stood then."""

    number: int
    sealed: str
    stage: str
    tags: Mapping[str, str]
    description: str


def registrations(event: Event) -> Iterator[Registration]:
    """Answer each version that an event brought: one by registering, all by renaming a model."""
    body = event.body
    rows: Sequence[Mapping[str, Any]] = cast("list[dict[str, Any]]", body.get("versions", []))
    if event.kind is EventKind.REGISTERED:
        rows = [{**body, "number": event.number}]
    for row in rows:
        yield Registration(
            int(row["number"]), str(row["sealed"]), str(row["stage"]),
            row["tags"], str(row["description"]),
        )  # fmt: skip


class Replica:
    """What the events tell, in memory, for an audit to compare with what is stored."""

    def __init__(self, model: Model) -> None:
        self.model = replace(model, description="", tags={}, last_number=0, deleted=None)
        self.versions: dict[int, Version] = {}
        self.pointers: dict[str, Pointer] = {}
        self.moves: dict[tuple[str, int], Move] = {}
        self.changes: dict[int, int] = {}

    def update_model(self, model: Model) -> None:
        """Keep the changed model."""
        self.model = model

    def relabel(self, model: Model, number: int, stage: str, seq: int) -> None:
        """Put a version into a stage."""
        del model, seq
        self._change(number, stage=stage)

    def describe(
        self, model: Model, number: int, tags: Mapping[str, str], description: str
    ) -> None:
        """Replace the tags and the description of a version."""
        del model
        self._change(number, tags=tags, description=description)

    def bury(self, model: Model, number: int, at: int) -> None:
        """Leave a tombstone."""
        del model
        self._change(number, deleted=at)

    def purge(self, model: Model, number: int, at: int) -> None:
        """Mark a version as without bytes."""
        del model
        self._change(number, purged=at)

    def stamp(self, model: Model, numbers: Collection[int], at: int) -> None:
        """Keep when versions changed."""
        del model
        self.changes.update(dict.fromkeys(numbers, at))

    def point(self, model: Model, pointer: Pointer) -> None:
        """Move a pointer."""
        del model
        self.pointers[pointer.name] = pointer

    def unpoint(self, model: Model, name: str) -> None:
        """Take a pointer away."""
        del model
        self.pointers.pop(name, None)

    def add_move(self, model: Model, move: Move) -> None:
        """Keep one step of a pointer."""
        del model
        self.moves[move.name, move.seq] = move

    def _change(self, number: int, **fields: object) -> None:
        if number in self.versions:
            self.versions[number] = replace(self.versions[number], **fields)  # type: ignore[arg-type]  # fields by name


def compare(view: View, model: Model, events: Iterator[Event]) -> Iterator[Problem]:
    """Find where the stored state of `model` is not what its events tell."""
    stored = {version.number: version for version in view.every_version(model)}
    changes = view.changes(model)
    replica = Replica(model)
    for event in events:
        yield from _replay(replica, stored, event)
    for number in sorted(stored.keys() - replica.versions.keys()):
        yield Problem(f"{model.full_name}:{number}", "has no event that registered it")
    for number, told in sorted(replica.versions.items()):
        if number in stored and replace(stored[number], aliases=()) != told:
            yield Problem(told.ref, "does not stand as its events say")
        elif number in stored and changes.get(number) != replica.changes.get(number):
            yield Problem(told.ref, "did not change when its events say")
    told_pointers = tuple(replica.pointers[name] for name in sorted(replica.pointers))
    for pointer in set(told_pointers) ^ set(view.pointers(model)):
        yield Problem(f"{model.full_name}@{pointer.name}", "does not point where its events say")
    if replace(model, updated=0) != replace(replica.model, updated=0):
        yield Problem(model.full_name, "is not as its events say")


def _replay(replica: Replica, stored: Mapping[int, Version], event: Event) -> Iterator[Problem]:
    if "model" in event.body:
        born = cast("Mapping[str, object]", event.body["model"])
        replica.model = replace(
            replica.model,
            name=str(born["name"]),
            description=str(born["description"]),
            tags=cast("Mapping[str, str]", born["tags"]),
            author=str(born.get("author", event.actor)),
            created=cast("int", born.get("created", event.at)),
        )
    for each in registrations(event):
        version = stored.get(each.number)
        where = f"{replica.model.full_name}:{each.number}"
        if version is None:
            yield Problem(where, "was registered and is gone")
            return
        if sha256_of(document(version)) != each.sealed:
            yield Problem(where, "was edited: its sealed record does not have its hash")
        replica.versions[version.number] = as_registered(version, each)
    apply(replica, replica.model, event)


def as_registered(version: Version, told: Registration) -> Version:
    """Answer `version` as it stood right after an event brought it."""
    return replace(
        version,
        stage=told.stage,
        aliases=(),
        tags=told.tags,
        description=told.description,
        deleted=None,
        purged=None,
    )
