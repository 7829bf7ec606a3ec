"""Writing a registry, or one model of it, into a file that carries it elsewhere.

A record is a project, an environment, a version's sealed document, an event,
one of whom a registry knows (an account, a member, a token, a publisher), or
one of tracking: an experiment, a run, a logged model, an artefact.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from modelry.core.archive import ArchiveWriter
from modelry.core.events import REGISTRY, Event, model_chain
from modelry.core.lifecycle import lifecycle_to_json
from modelry.core.model import Model
from modelry.core.names import Ref
from modelry.core.ports import Progress, View
from modelry.core.sealing import document
from modelry.core.strict_json import Json
from modelry.core.verbs.access_audit import kept_records
from modelry.core.verbs.runs_parcel import records as tracking_records
from modelry.core.verbs.runs_parcel import stored_blobs
from modelry.core.verbs.world import World, living_model


@dataclass(frozen=True, slots=True)
class Carried:
    """What was exported, backed up, imported or restored."""

    models: int
    versions: int
    events: int
    blobs: int
    bytes: int


def export(world: World, stream: BinaryIO, ref: Ref | None, progress: Progress | None) -> Carried:
    """Write the whole registry, or one model, with its history and bytes to `stream`."""
    with world.blobs.hold(), world.store.snapshot() as view:
        models = [living_model(view, ref)] if ref else list(_models(view))
        blobs = _blobs(view, models) if ref else {**_blobs(view, models), **stored_blobs(view)}
        with tempfile.TemporaryFile() as spool:
            writer = ArchiveWriter(stream, {"whole": ref is None, "at": world.clock.now()})
            counts = {"version": 0, "event": 0}
            records = _counted(_records(view, models, whole=ref is None), counts)
            try:
                writer.records(cast("BinaryIO", spool), records)
                _write_blobs(world, writer, blobs, progress)
                writer.finish()
            except BaseException:
                writer.abandon()
                raise
    return Carried(len(models), counts["version"], counts["event"], len(blobs), sum(blobs.values()))


def _counted(
    records: Iterator[dict[str, Json]], counts: dict[str, int]
) -> Iterator[dict[str, Json]]:
    for each in records:
        kind = str(each["record"])
        counts[kind] = counts.get(kind, 0) + 1
        yield each


def _models(view: View) -> Iterator[Model]:
    """Answer every model that has a history, tombstones too."""
    for head in view.heads():
        project, slash, name = head.chain.partition("/")
        model = view.model(project, name) if slash else None
        if model is not None:
            yield model


def _blobs(view: View, models: Sequence[Model]) -> dict[str, int]:
    return {
        file.sha256: file.size
        for model in models
        for version in view.every_version(model)
        if version.purged is None
        for file in version.files
    }


def _records(view: View, models: Sequence[Model], *, whole: bool) -> Iterator[dict[str, Json]]:
    if whole:
        yield from (_event_record(event) for event in view.every_event(REGISTRY))
        yield from _access_records(view)
    projects = view.projects() if whole else sorted({model.project for model in models})
    for project in projects:
        lifecycle = view.lifecycle(project)
        assert lifecycle is not None  # noqa: S101 - listed just now
        yield {"record": "project", "name": project, "stages": lifecycle_to_json(lifecycle)}
        yield from (_event_record(event) for event in view.every_event(project) if whole)
    seen: set[str] = set()
    for model in models:
        for version in view.every_version(model):
            if version.environment not in seen:
                seen.add(version.environment)
                text = view.environment(version.environment)
                yield {"record": "environment", "text": text or ""}
            yield {"record": "version", "document": document(version)}
        chain = model_chain(model.project, model.name)
        yield from (_event_record(event) for event in view.every_event(chain))
    if whole:
        yield from tracking_records(view)


def _access_records(view: View) -> Iterator[dict[str, Json]]:
    for kind, key, body in kept_records(view):
        yield {"record": "access", "kind": kind, "key": key, "body": body}


def _event_record(event: Event) -> dict[str, Json]:
    return {
        "record": "event", "chain": event.chain, "seq": event.seq, "kind": str(event.kind),
        "actor": event.actor, "at": event.at, "number": event.number,
        "body": event.body, "prev": event.prev, "hash": event.hash,
    }  # fmt: skip


def _write_blobs(
    world: World, writer: ArchiveWriter, blobs: Mapping[str, int], progress: Progress | None
) -> None:
    done, total = 0, sum(blobs.values())

    def read(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress("writing blobs", done, total)

    for sha256, size in sorted(blobs.items()):
        with world.blobs.open(sha256) as stream:
            writer.blob(sha256, size, stream, read)
