"""Giving a model another name: its old name stays a tombstone, and everything goes along.

Names are in the records: in every event's chain, in what is sealed of a
version, in the opaque ids. So nothing is rewritten. The old chain ends with
`model.renamed`; the new one begins with it, names the record where the old one
ended, and brings each version sealed under the new name: number, label,
files, metadata, tags and all, and tombstones, so that no number and no label
comes back. Further records bring what the pointers named before, so that a
rollback finds its way; as many as the longest stack has steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from modelry.core.errors import Conflict, Invalid
from modelry.core.events import EventKind, Head, model_chain
from modelry.core.model import Model, Move, Pointer, Version
from modelry.core.names import MAX_TEXT, Ref, check_text
from modelry.core.ports import Unit
from modelry.core.sealing import document, sha256_of
from modelry.core.selection import TITLE
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.register import new_model
from modelry.core.verbs.world import World, living_model, next_seq, record, refuse_tombstone

MAX_VERSIONS = 10_000
MAX_STEPS = 50
"""How many steps back a pointer keeps under its new name."""


def rename(world: World, ref: Ref, new: Ref, title: str, comment: str) -> Model:
    """Call the model `ref` as `new` says, which must be free and in the same project.

    `title` is how it is called from now on; it is kept where the name is another.
    """
    check_text(comment, "the comment", MAX_TEXT)
    if ref.project != new.project:
        msg = f"a model stays in its project: {ref} cannot become {new}"
        raise Invalid(msg, model=str(ref))

    def change(unit: Unit) -> Model:
        old = living_model(unit, ref)
        taken = unit.model(new.project, new.name)
        refuse_tombstone(taken)
        if taken is not None:
            msg = f"there is a model {taken.full_name} already; choose another name"
            raise Conflict(msg, model=taken.full_name, taken=True)
        said = {key: value for key, value in old.tags.items() if key != TITLE}
        if title != new.name:
            said[TITLE] = title
        return _rename(world, unit, old, new, said, comment)

    return once.change(world, change)


def _rename(  # noqa: PLR0913 - both names, and what is said
    world: World, unit: Unit, old: Model, new: Ref, tags: Mapping[str, str], comment: str
) -> Model:
    everything = list(islice(unit.every_version(old), MAX_VERSIONS + 1))
    if len(everything) > MAX_VERSIONS:
        msg = f"{old.full_name} has more than {MAX_VERSIONS} versions, too many for one record"
        raise Conflict(msg, model=old.full_name)
    pointers = unit.pointers(old)
    stacks = {each.name: _stack(unit, old, each) for each in pointers}
    last = unit.head(model_chain(old.project, old.name))
    clock = world.clock.now()
    said: dict[str, Json] = {"renamed_to": new.name, "comment": comment}
    _end(world, unit, old, everything, pointers, said, clock)
    born = replace(new_model(new, old.author, old.created), description=old.description,
                   tags=tags)  # fmt: skip
    model = unit.add_model(born)
    moved = [_under(model, version) for version in everything]
    for version in moved:
        unit.add_version(model, replace(version, aliases=(), deleted=None, purged=None))
    depth = max((len(stack) for stack in stacks.values()), default=1)
    for step in range(depth):
        body = (
            _arrival(old, last, model, moved, comment) if step == 0 else {"renamed_from": old.name}
        )
        body = {**body, "moves": _moves(unit, model, stacks, pointers, depth - step)}
        record(world, unit, model, EventKind.MODEL_RENAMED, None, body, clock)
        model = living_model(unit, new)
    return model


def _end(  # noqa: PLR0913 - the model, all that it has, and what is said
    world: World,
    unit: Unit,
    old: Model,
    everything: Sequence[Version],
    pointers: Sequence[Pointer],
    said: Mapping[str, Json],
    clock: int,
) -> None:
    """Bury everything under the old name; the bytes go along, so nothing is held for it."""
    seq = next_seq(unit, old)
    moves: list[Json] = [[each.name, each.kind, None, seq, each.entry] for each in pointers]
    buried: list[Json] = [each.number for each in everything if each.deleted is None]
    emptied: list[Json] = [each.number for each in everything if each.purged is None]
    body: dict[str, Json] = {**said, "moves": moves, "buried": buried, "emptied": emptied}
    record(world, unit, old, EventKind.MODEL_RENAMED, None, body, clock)


def _under(model: Model, version: Version) -> Version:
    return replace(version, id=0, name=model.name)


def _arrival(
    old: Model, last: Head | None, model: Model, moved: Sequence[Version], comment: str
) -> dict[str, Json]:
    """Say all that comes along, and where the records of the old name end."""
    versions: list[Json] = [
        {"number": each.number, "sealed": sha256_of(document(each)), "stage": each.stage,
         "tags": dict(each.tags), "description": each.description}
        for each in moved
    ]  # fmt: skip
    born: Json = {"name": model.name, "description": model.description, "tags": dict(model.tags),
                  "author": model.author, "created": model.created}  # fmt: skip
    return {
        "model": born,
        "renamed_from": old.name,
        "up_to": [last.seq, last.hash] if last else [],
        "versions": versions,
        "buried": [each.number for each in moved if each.deleted is not None],
        "emptied": [each.number for each in moved if each.purged is not None],
        "comment": comment,
    }


def _stack(unit: Unit, model: Model, pointer: Pointer) -> list[int]:
    """Answer what a pointer names, and what a rollback would return to, step by step."""
    found: list[int] = []
    step: Move | None = unit.move(model, pointer.name, None)
    while step is not None and len(found) < MAX_STEPS:
        found += [step.number] if step.number is not None else []
        step = None if step.below is None else unit.move(model, pointer.name, step.below)
    return found


def _moves(
    unit: Unit,
    model: Model,
    stacks: Mapping[str, Sequence[int]],
    pointers: Sequence[Pointer],
    height: int,
) -> list[Json]:
    """Answer the moves of those pointers whose stack is at least `height` high."""
    seq, moves = next_seq(unit, model), list[Json]()
    for pointer in pointers:
        stack = stacks[pointer.name]
        if len(stack) >= height:
            below = seq - 1 if len(stack) > height else None
            moves.append([pointer.name, pointer.kind, stack[height - 1], seq, below])
    return moves
