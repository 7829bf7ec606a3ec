"""Artefacts of runs and logged models: named blobs, which may be replaced and taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelry.core.access import Action
from modelry.core.errors import Invalid, Unavailable
from modelry.core.events import EventKind
from modelry.core.model import File
from modelry.core.names import check_path
from modelry.core.ports import TrackingView, Unit
from modelry.core.strict_json import Json
from modelry.core.tracking.model import Owner
from modelry.core.tracking.places import (
    ArtifactPlace,
    nothing_at,
    parse_place,
)
from modelry.core.verbs import once
from modelry.core.verbs.tracked import no_model, owner_of, refuse_deleted_run
from modelry.core.verbs.world import World, record_alone, tracking_in, tracking_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder of artefacts; `size` is None for a folder."""

    path: str
    size: int | None


def allowed(world: World, place: ArtifactPlace, action: Action) -> Owner:
    """Answer whose artefacts a place is among. Raises `NotFound` where it is nobody's."""
    owner = owner_of(world, place.owner, action)
    if owner.experiment_id != place.experiment_id:
        msg = f"{place.experiment_id}/{place.owner}/artifacts"
        raise nothing_at(msg)
    return owner


def may_put(world: World, text: str) -> None:
    """Raise where the actor cannot put an artefact at a place, before any byte is read."""
    place = parse_place(text)
    check_path(place.path)
    owner = allowed(world, place, Action.LOG)
    with world.store.read() as view:
        _refuse_unfit(tracking_of(view), owner, place.path)


def put(world: World, text: str, file: File) -> None:
    """Name a blob that is here, and held until this returns, as the artefact at a place.

    What was there before is no longer named. Raises `Invalid` for a path that
    cannot be, `Unavailable` where the blob went away.
    """
    place = parse_place(text)
    check_path(place.path)
    owner = allowed(world, place, Action.LOG)
    named = replace(file, path=place.path)

    def change(unit: Unit) -> None:
        tracking = tracking_in(unit)
        _refuse_unfit(tracking, owner, place.path)
        if world.blobs.size(file.sha256) != file.size:
            msg = "the bytes went away while they were stored; send them again"
            raise Unavailable(msg, path=text)
        tracking.put_file(owner, named)

    once.change(world, change)


def _refuse_unfit(tracking: TrackingView, owner: Owner, path: str) -> None:
    """Refuse an owner that is deleted, and a path that would be a file and a folder at once."""
    _refuse_deleted(tracking, owner)
    parts = path.split("/")
    for count in range(1, len(parts)):
        parent = "/".join(parts[:count])
        if tracking.file(owner.id, parent) is not None:
            msg = f"{parent!r} is a file, so nothing can be kept at {path!r}; delete it first"
            raise Invalid(msg, path=path)
    if tracking.files(owner.id, path):
        msg = f"{path!r} is a folder, so no file can be kept there; delete it first"
        raise Invalid(msg, path=path)


def _refuse_deleted(tracking: TrackingView, owner: Owner) -> None:
    if owner.id.startswith("m-"):
        model = tracking.logged_model(owner.id)
        if model is None or model.deleted is not None:
            raise no_model(owner.id)
    else:
        refuse_deleted_run(tracking.bare_run(owner.id), owner.id)


def delete(world: World, text: str) -> int:
    """Forget an artefact, or all in a folder; answer how many that were.

    Their bytes go with the next collection, where nothing else names them:
    what was registered from them keeps them.
    """
    place = parse_place(text)
    owner = allowed(world, place, Action.REMOVE)

    def change(unit: Unit) -> None:
        count.append(tracking_in(unit).drop_files(owner.id, place.path))
        if count[-1]:
            body: dict[str, Json] = {"of": owner.id, "path": place.path, "files": count[-1]}
            record_alone(world, unit, owner.project, EventKind.ARTIFACTS_DELETED, None, body)

    count: list[int] = []
    once.change(world, change)
    return count[-1] if count else 0


def find(world: World, text: str) -> File:
    """Answer the artefact at a place. Raises `NotFound`."""
    place = parse_place(text)
    owner = allowed(world, place, Action.READ)
    with world.store.read() as view:
        found = tracking_of(view).file(owner.id, place.path)
    if found is None:
        raise nothing_at(text)
    return found


def stored_files(world: World, text: str) -> tuple[File, ...]:
    """Answer every file below a place, by its path from there; of a file itself, its name.

    `text` is a path among artefacts or an address `mlflow-artifacts:/...`.
    """
    place = parse_place(text)
    owner = allowed(world, place, Action.READ)
    with world.store.read() as view:
        tracking = tracking_of(view)
        file = tracking.file(owner.id, place.path) if place.path else None
        files = tracking.files(owner.id, place.path)
    if file is not None:
        return (replace(file, path=file.path.rpartition("/")[2]),)
    start = len(place.path) + 1 if place.path else 0
    return tuple(replace(each, path=each.path[start:]) for each in files)


def listed(files: Sequence[File]) -> tuple[Entry, ...]:
    """Answer what is in the folder that `files` are below of: files and folders, by name."""
    entries: dict[str, Entry] = {}
    for file in files:
        name, slash, _ = file.path.partition("/")
        entries[name] = Entry(name, None if slash else file.size)
    return tuple(entries[name] for name in sorted(entries))


def entries(world: World, text: str) -> tuple[Entry, ...]:
    """Answer what is in a folder of artefacts; nothing for a file, or where nothing is."""
    place = parse_place(text)
    owner = allowed(world, place, Action.READ)
    with world.store.read() as view:
        files = tracking_of(view).files(owner.id, place.path)
    start = len(place.path) + 1 if place.path else 0
    return listed([replace(each, path=each.path[start:]) for each in files])
