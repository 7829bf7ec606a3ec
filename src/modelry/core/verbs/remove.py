"""Taking away: tombstones, freed bytes, and the collection of what nobody names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from modelry.core.errors import Conflict
from modelry.core.events import EventKind
from modelry.core.model import Model, Version
from modelry.core.names import Ref
from modelry.core.ports import BlobInfo, Progress, Unit
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.world import World, exact, living_model, living_version, record

GRACE = 3600.0
"""Seconds for which garbage collection leaves a blob alone that nobody names yet."""

_BATCH = 200
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection freed: how many blobs, how many bytes, also of unfinished uploads."""

    blobs: int
    bytes: int


def delete(world: World, ref: Ref, comment: str) -> None:
    """Leave a tombstone in place of a version, or of a whole model.

    Raises `Conflict` where a stage or an alias still names it.
    """

    def change(unit: Unit) -> None:
        model = living_model(unit, ref)
        if ref.selector == "none":
            _delete_model(world, unit, model, comment)
        else:
            _delete_version(world, unit, model, living_version(unit, ref), comment)

    once.change(world, change)


def _delete_version(world: World, unit: Unit, model: Model, version: Version, comment: str) -> None:
    _refuse_named(model, unit, {version.number})
    body: dict[str, Json] = {"buried": [version.number], "comment": comment}
    record(world, unit, model, EventKind.DELETED, version.number, body)


def _delete_model(world: World, unit: Unit, model: Model, comment: str) -> None:
    living = [version.number for version in unit.every_version(model) if version.deleted is None]
    _refuse_named(model, unit, set(living))
    body: dict[str, Json] = {"buried": living, "comment": comment}
    record(world, unit, model, EventKind.MODEL_DELETED, None, body)


def _refuse_named(model: Model, unit: Unit, numbers: set[int]) -> None:
    names = [each for each in unit.pointers(model) if each.number in numbers]
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

    return world.store.change(change)
