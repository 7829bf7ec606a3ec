"""Registering: bytes become durable first, then one transaction names them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from modelry.core.draft import Draft
from modelry.core.errors import Conflict, NotFound, Unavailable
from modelry.core.events import EventKind, model_chain, time_after
from modelry.core.model import Commit, Dataset, File, Findings, Kind, Model, Version
from modelry.core.names import MAX_NUMBER, Ref, label_key, label_number
from modelry.core.ports import Progress, Source, SourceFile, Staged, Unit, View
from modelry.core.sealing import digest_of, document, environment_text, sha256_of
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.world import (
    World,
    lifecycle_of,
    living_model,
    living_version,
    record,
    refuse_tombstone,
)

_ATTEMPTS = 3
_CHUNK = 1024 * 1024


class StoredTwice(UserWarning):
    """A version was registered again with other metadata, which is not kept."""


@dataclass(frozen=True, slots=True)
class _StagedFile:
    staged: Staged
    file: File

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def size(self) -> int:
        return self.file.size

    def open(self) -> BinaryIO:
        return self.staged.open(self.file)


@dataclass(frozen=True, slots=True)
class Sealed:
    """All that is known of a new version before it has a number.

    `again` says whether the same bytes under the same label are no conflict,
    `known` whether the model has to be there already.
    """

    draft: Draft
    kind: Kind
    origin: str
    files: tuple[File, ...]
    digest: str
    findings: Findings | None
    commit: Commit | None
    environment: str
    base: str | None
    again: bool = True
    known: bool = False


class Vanished(Exception):
    """A blob went away between its staging and its version: nothing was written."""


def register(  # noqa: PLR0913 - the ref, the bytes, what is said of them, who watches
    world: World,
    ref: Ref,
    place: Path | Source,
    draft: Draft,
    base: Ref | None,
    progress: Progress | None,
    *,
    again: bool = True,
    known: bool = False,
    origin: str | None = None,
) -> Version:
    """Seal the bytes at a path, or of a source, as a new version of `ref`, or answer theirs.

    Without `again` bytes that are under the label already are a `Conflict`,
    with `known` a model that is not there is `NotFound`. The version's source
    is called `origin`, else by the whole path, or by the source's name.
    """
    path = place if isinstance(place, Path) else None
    source = world.sources.open(place) if isinstance(place, Path) else place
    named = origin or (source.name if path is None else str(path.absolute()))
    draft = replace(draft, datasets=tuple(_with_digest(world, each) for each in draft.datasets))
    with world.store.read() as view:
        refuse_early(view, ref, draft, source.files)
        base_ref = living_version(view, base).ref if base else None
        sizes = frozenset(
            size for size in {file.size for file in source.files} if view.known_size(size)
        )
    for _ in range(_ATTEMPTS):
        with world.blobs.stage(source.files, sizes.__contains__, progress) as staged:
            sealed = _seal(world, path, draft, source, staged, base_ref, again=again)
            sealed = replace(sealed, origin=named, known=known)
            staged.publish()
            try:
                return publish(world, ref, sealed)
            except Vanished:
                continue
    raise vanished(ref)


def publish(world: World, ref: Ref, sealed: Sealed) -> Version:
    """Write the version and its event in one change. Raises `Vanished`."""
    return once.change(world, lambda unit: _publish(world, unit, ref, sealed), ref)


def vanished(ref: Ref) -> Unavailable:
    """Say that stored bytes went away again and again."""
    msg = "stored bytes vanished while the version was written; is another tool cleaning up there?"
    return Unavailable(msg, model=str(ref))


def refuse_early(view: View, ref: Ref, draft: Draft, files: Sequence[SourceFile | File]) -> None:
    """Refuse before reading gigabytes what can be seen to fail."""
    lifecycle_of(view, ref.project)
    refuse_tombstone(view.model(ref.project, ref.name))
    existing = _labelled(view, ref, draft.version)
    if existing is not None:
        sizes = {file.path: file.size for file in existing.files}
        if existing.deleted is not None or sizes != {f.path: f.size for f in files}:
            raise _taken(existing)


def _seal(  # noqa: PLR0913 - everything about a version comes together here
    world: World,
    path: Path | None,
    draft: Draft,
    source: Source,
    staged: Staged,
    base: str | None,
    *,
    again: bool,
) -> Sealed:
    files = tuple(sorted(staged.files, key=lambda file: file.path.encode()))
    readable: Sequence[SourceFile] = [_StagedFile(staged, file) for file in files]
    return Sealed(
        draft=draft,
        kind=source.kind,
        origin=source.name,
        files=files,
        digest=digest_of(files),
        findings=world.inspection.inspect(source.kind, readable),
        commit=world.surroundings.commit(path),
        environment=environment_text(world.surroundings.environment()),
        base=base,
        again=again,
    )


def _publish(world: World, unit: Unit, ref: Ref, sealed: Sealed) -> Version:
    model = living_model(unit, ref) if sealed.known else unit.model(ref.project, ref.name)
    stage = lifecycle_of(unit, ref.project).initial
    refuse_tombstone(model)
    existing = _labelled(unit, ref, sealed.draft.version) if model else None
    if existing is not None:
        return _same(world, existing, sealed)
    digests = {file.sha256 for file in sealed.files}
    stored = world.blobs.sizes(digests) if digests else {}
    if any(stored.get(file.sha256) != file.size for file in sealed.files):
        raise Vanished
    clock = world.clock.now()
    now = time_after(unit.head(model_chain(ref.project, ref.name)), clock)
    born: dict[str, Json] = {}
    if model is None:
        model = unit.add_model(new_model(ref, world.surroundings.author(), now))
        born = {"model": {"name": model.name, "description": "", "tags": {}}}
    version = _version(world, model, sealed, stage, now)
    unit.add_environment(version.environment, sealed.environment)
    text = document(version)
    kept = unit.add_version(model, version, text)
    record(world, unit, model, EventKind.REGISTERED, kept.number, {
        "version": kept.version, "digest": kept.digest, "stage": stage,
        "sealed": sha256_of(text), "tags": kept.tags,
        "description": kept.description, **born,
    }, clock)  # fmt: skip
    return kept


def _version(world: World, model: Model, sealed: Sealed, stage: str, now: int) -> Version:
    number = _number(model, sealed.draft.version)
    draft = sealed.draft
    return Version(
        id=0,
        project=model.project,
        name=model.name,
        number=number,
        version=draft.version or str(number),
        stage=stage,
        aliases=(),
        digest=sealed.digest,
        kind=sealed.kind,
        files=sealed.files,
        size=sum(file.size for file in sealed.files),
        metrics=draft.metrics,
        params=draft.params,
        tags=draft.tags,
        datasets=draft.datasets,
        description=draft.description,
        findings=sealed.findings,
        source=sealed.origin,
        run_id=draft.run_id,
        base=sealed.base,
        commit=sealed.commit,
        environment=sha256_of(sealed.environment),
        author=world.surroundings.author(),
        created=now,
    )


def new_model(ref: Ref, author: str, now: int) -> Model:
    """Make a model that has no version yet."""
    return Model(
        id=0,
        project=ref.project,
        name=ref.name,
        description="",
        tags={},
        last_number=0,
        author=author,
        created=now,
        updated=now,
    )


def _labelled(view: View, ref: Ref, label: str | None) -> Version | None:
    """Answer the version that has `label` already, a tombstone too."""
    if label is None:
        return None
    number = label_number(label)
    if number is not None:
        return view.version(ref.at(number))
    return view.version(Ref(ref.project, ref.name, "label", label_key(label)))


def _same(world: World, existing: Version, sealed: Sealed) -> Version:
    """Answer the version that a pipeline registers once more; say what is not kept."""
    if not sealed.again:
        msg = f"{existing.ref} is there already, sealed as {existing.version}; use a new label"
        raise Conflict(msg, ref=existing.ref, version=existing.version)
    if existing.deleted is not None or existing.digest != sealed.digest:
        raise _taken(existing)
    draft = sealed.draft
    given = {"metrics": draft.metrics, "params": draft.params, "datasets": draft.datasets,
             "tags": draft.tags, "description": draft.description}  # fmt: skip
    other = [name for name, value in given.items() if value and value != getattr(existing, name)]
    if other:
        msg = f"{existing.ref} is sealed already; the {' and '.join(other)} given now are not kept"
        world.surroundings.warn(msg, StoredTwice)
    return existing


def _taken(existing: Version) -> Conflict:
    why = "was deleted and never comes back" if existing.deleted is not None else "has other bytes"
    msg = f"{existing.full_name} {existing.version} is taken: that version {why}; use a new label"
    return Conflict(msg, ref=existing.ref, version=existing.version)


def _number(model: Model, label: str | None) -> int:
    """Take the next number, or the one that a whole-number label sets."""
    following = model.last_number + 1
    number = (label_number(label) if label else None) or following
    if number < following:
        msg = f"numbers of {model.full_name} only rise: the next is {following}, not {number}"
        raise Conflict(msg, model=model.full_name, next=following)
    if number >= MAX_NUMBER:
        msg = f"{model.full_name} has used up its numbers; begin a new model"
        raise Conflict(msg, model=model.full_name)
    return number


def _with_digest(world: World, dataset: Dataset) -> Dataset:
    """Give a data set that lies on this disk its digest; a bare path also its name."""
    if dataset.digest is not None:
        return dataset
    place = dataset.uri or dataset.name
    try:
        source = world.sources.open(Path(place))
    except NotFound:
        return dataset
    files = tuple(_hashed(file) for file in source.files)
    digest = f"sha256:{files[0].sha256}" if source.kind == "file" else digest_of(files)
    return Dataset(dataset.name if dataset.uri else source.name, digest, place)


def _hashed(file: SourceFile) -> File:
    with file.open() as stream:
        state = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return File(file.path, state.hexdigest(), file.size)
