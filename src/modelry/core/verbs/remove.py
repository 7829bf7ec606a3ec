"""Taking away: tombstones, freed bytes, and the collection of what nobody names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from modelry.core.errors import Conflict
from modelry.core.events import EventKind
from modelry.core.model import Model, Pointer, Version
from modelry.core.names import Ref
from modelry.core.ports import BlobInfo, Progress, Unit
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.world import (
    World,
    exact,
    lifecycle_of,
    living_model,
    living_version,
    next_seq,
    record,
)

GRACE = 3600.0
"""Seconds for which garbage collection leaves a blob alone that nobody names yet."""

_BATCH = 200
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection freed: how many blobs, how many bytes, also of unfinished uploads."""

    blobs: int
    bytes: int


def delete(world: World, ref: Ref, comment: str, *, unname: bool = False) -> None:
    """Leave a tombstone in place of a version, or of a whole model.

    Raises `Conflict` where a stage or an alias still names it. With `unname`
    aliases and pointers of open stages let go of it; that of an exclusive
    stage does not: what is live stays.
    """

    def change(unit: Unit) -> None:
        model = living_model(unit, ref)
        if ref.selector == "none":
            living = {each.number for each in unit.every_version(model) if each.deleted is None}
            _bury(world, unit, model, EventKind.MODEL_DELETED, living, comment, unname=unname)
        else:
            buried = {living_version(unit, ref).number}
            _bury(world, unit, model, EventKind.DELETED, buried, comment, unname=unname)

    once.change(world, change)


def _bury(  # noqa: PLR0913 - what, how, and why
    world: World,
    unit: Unit,
    model: Model,
    kind: EventKind,
    numbers: set[int],
    comment: str,
    *,
    unname: bool,
) -> None:
    named = [each for each in unit.pointers(model) if each.number in numbers]
    lifecycle = lifecycle_of(unit, model.project)
    _refuse_named(model, [
        each for each in named
        if not unname or (each.kind == "stage" and lifecycle.stage(each.name).exclusive)
    ])  # fmt: skip
    body: dict[str, Json] = {"buried": sorted(numbers), "comment": comment}
    if named:
        body["moves"] = [_let_go(unit, model, each, numbers) for each in named]
    number = next(iter(numbers)) if kind is EventKind.DELETED else None
    record(world, unit, model, kind, number, body)


def _let_go(unit: Unit, model: Model, pointer: Pointer, numbers: set[int]) -> Json:
    """Answer the move of a pointer away from what is buried: to who came last into its stage."""
    staying = unit.members(model, pointer.name) if pointer.kind == "stage" else ()
    heir = next((number for number in staying if number not in numbers), None)
    return [pointer.name, pointer.kind, heir, next_seq(unit, model), pointer.entry]


def _refuse_named(model: Model, names: Sequence[Pointer]) -> None:
    if names:
        first = names[0]
        msg = (
            f"{model.full_name}@{first.name} names version {first.number}; "
            "move or remove that pointer first (modelry promote, archive, alias --delete)"
        )
        raise Conflict(msg, model=model.full_name, pointer=first.name, number=first.number)


def purge(world: World, ref: Ref, comment: str) -> Collected:
    """Free the bytes of a deleted version; its number, label and history stay."""

    def change(unit: Unit) -> Version | None:
        model, version = unit.model(ref.project, ref.name), unit.version(exact(ref, "purge"))
        if model is None or version is None:
            living_version(unit, ref)
        assert model is not None and version is not None  # noqa: S101, PT018 - refused above
        if version.deleted is None:
            msg = f"{version.ref} is not deleted; delete it first, then purge it"
            raise Conflict(msg, ref=version.ref)
        if version.purged is not None:
            return None
        record(world, unit, model, EventKind.PURGED, version.number, {"comment": comment})
        return version

    purged = once.change(world, change)
    return _free(world, {file.sha256: file.size for file in purged.files}.items()) if (
        purged) else Collected(0, 0)  # fmt: skip


def collect(world: World, grace: float, progress: Progress | None) -> Collected:
    """Remove blobs that no version names and that are older than `grace` seconds.

    Safe while others register: a blob under a lease stays, and each batch is
    looked up again in a transaction that no registration can commit beside.
    """
    old = (info for info in world.blobs.scan() if info.age >= grace)
    blobs = freed = seen = 0
    while batch := list(islice(old, _BATCH)):
        collected = _free(world, [(info.sha256, info.size) for info in batch])
        blobs, freed = blobs + collected.blobs, freed + collected.bytes
        seen += _size(batch)
        if progress is not None:
            progress("looking for blobs that nobody names", seen, seen)
    freed += world.shelf.tidy(lambda digest: _has_content(world, digest))
    return Collected(blobs, freed + world.blobs.sweep(grace))


def _has_content(world: World, digest: str) -> bool:
    with world.store.read() as view:
        return view.has_content(digest)


def _size(batch: Sequence[BlobInfo]) -> int:
    return sum(info.size for info in batch)


def _free(world: World, candidates: Iterable[tuple[str, int]]) -> Collected:
    wanted = dict(candidates)

    def change(unit: Unit) -> Collected:
        named = unit.named(wanted)
        gone = [sha256 for sha256 in wanted if sha256 not in named and world.blobs.remove(sha256)]
        return Collected(len(gone), sum(wanted[sha256] for sha256 in gone))

    return world.store.change(change, alone=True)  # a blob does not come back with a rollback
