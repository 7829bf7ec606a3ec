"""Taking in what another registry wrote: import, restore.

The events are folded again, so that what arrives is what the history tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from modelry.core.accounts import touch
from modelry.core.archive import ArchiveReader, BlobMember
from modelry.core.draft import checked_tags
from modelry.core.errors import Conflict, Invalid
from modelry.core.events import REGISTRY, Event, EventKind
from modelry.core.lifecycle import lifecycle_from_json
from modelry.core.model import Model
from modelry.core.names import parse_model
from modelry.core.ports import Progress, Unit, View
from modelry.core.replay import Registration, apply, as_registered, registrations
from modelry.core.sealing import document, sha256_of
from modelry.core.strict_json import Json
from modelry.core.verbs.audit import Checkpoint, audit_view
from modelry.core.verbs.export import Carried
from modelry.core.verbs.parcel import Parcel, read_parcel
from modelry.core.verbs.register import new_model
from modelry.core.verbs.runs_parcel import take_in as take_in_runs
from modelry.core.verbs.world import World, record, record_alone


def import_(world: World, stream: BinaryIO, progress: Progress | None) -> Carried:
    """Take in the models of an archive; a model that is here already is a `Conflict`.

    The same model with the same history is passed over, so an import can be run again.
    """
    reader = ArchiveReader(stream)
    parcel = read_parcel(reader)
    with world.store.read() as view:
        wanted = [chain for chain in sorted(parcel.versions | parcel.events)
                  if "/" in chain and not _here(view, chain, parcel.events.get(chain, []))]  # fmt: skip
    with _blobs_staged(world, reader, parcel, progress, runs=False) as (blobs, size):
        world.store.change(lambda unit: _take_models(world, unit, parcel, wanted), alone=True)
    versions = sum(len(parcel.versions.get(chain, ())) for chain in wanted)
    events = sum(len(parcel.events[chain]) for chain in wanted)
    return Carried(len(wanted), versions, events, blobs, size)


def restore(
    world: World, stream: BinaryIO, checkpoint: Checkpoint | None, progress: Progress | None
) -> Carried:
    """Fill an empty registry from a backup, exactly as it was.

    Raises `Conflict` where the registry is not empty, or the backup is behind `checkpoint`.
    """
    reader = ArchiveReader(stream)
    if reader.about.get("whole") is not True:
        msg = "this archive holds one model, not a registry; use modelry import"
        raise Invalid(msg)
    parcel = read_parcel(reader)
    with world.store.read() as view:
        if view.heads():
            msg = "a backup is restored into an empty registry, and this one holds records"
            raise Conflict(msg)
    with _blobs_staged(world, reader, parcel, progress, runs=True) as (blobs, size):
        world.store.change(lambda unit: _take_all(unit, parcel, checkpoint), alone=True)
    return Carried(
        len([chain for chain in parcel.events if "/" in chain]),
        sum(len(each) for each in parcel.versions.values()),
        sum(len(each) for each in parcel.events.values()),
        blobs,
        size,
    )


def _here(view: View, chain: str, events: Sequence[Event]) -> bool:
    """Say whether this history is here already. Raises `Conflict` where another one is."""
    if view.head(chain) is None:
        return False
    last = events[-1]
    found = view.events(chain, None, last.seq + 1, 1)
    if found and (found[0].seq, found[0].hash) == (last.seq, last.hash):
        return True
    msg = f"{chain.removeprefix('default/')} is here already with another history"
    raise Conflict(msg, model=chain)


@contextmanager
def _blobs_staged(
    world: World, reader: ArchiveReader, parcel: Parcel, progress: Progress | None, *, runs: bool
) -> Iterator[tuple[int, int]]:
    """Bring the archive's blobs in, verified, and hold them until their versions are kept.

    Without `runs` those that only artefacts name are passed over.
    """
    purged = {
        (chain, number)
        for chain, events in parcel.events.items()
        for event in events
        for number in _emptied(event)
    }
    needed = {
        file.sha256: file.size
        for chain, versions in parcel.versions.items()
        for number, version in versions.items()
        if (chain, number) not in purged
        for file in version.files
    }
    beside = parcel.tracked.blobs
    if runs:
        needed |= beside
    with world.blobs.hold(needed):
        found: dict[str, int] = {}
        for member in reader.blobs():
            if member.sha256 not in needed and beside.get(member.sha256) == member.size:
                continue
            _stage_blob(world, member, needed)
            found[member.sha256] = member.size
            if progress is not None:
                progress("taking blobs in", sum(found.values()), sum(needed.values()))
        if found != needed:
            msg = "the archive lacks bytes that its versions name; export it again"
            raise Invalid(msg)
        yield len(found), sum(found.values())


def _emptied(event: Event) -> list[int | None]:
    """Answer the versions that have no bytes any more after an event."""
    freed = cast("list[int | None]", event.body.get("emptied", []))
    return [*freed, event.number] if event.kind is EventKind.PURGED else freed


def _stage_blob(world: World, member: BlobMember, needed: Mapping[str, int]) -> None:
    if needed.get(member.sha256) != member.size:
        msg = f"the archive holds the blob {member.sha256} that no version of it names"
        raise Invalid(msg, sha256=member.sha256)
    with world.blobs.stage([_Incoming(member)], lambda size: size >= 0) as staged:
        if staged.files[0].sha256 != member.sha256:
            msg = f"the blob {member.sha256} was changed or damaged in the archive"
            raise Invalid(msg, sha256=member.sha256)
        staged.publish()


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A blob of an archive, as something that can be staged."""

    member: BlobMember

    @property
    def path(self) -> str:
        return self.member.sha256

    @property
    def size(self) -> int:
        return self.member.size

    def open(self) -> BinaryIO:
        return self.member.open()


def _take_models(world: World, unit: Unit, parcel: Parcel, chains: Sequence[str]) -> None:
    for chain in chains:
        _take_model(world, unit, parcel, chain)


def _take_model(world: World, unit: Unit, parcel: Parcel, chain: str) -> None:
    """Keep one model with its history, and record that it was imported."""
    project = chain.partition("/")[0]
    if unit.lifecycle(project) is None:
        stages = parcel.projects.get(project)
        unit.set_lifecycle(project, lifecycle_from_json(stages), world.clock.now())
        body: dict[str, Json] = {"stages_are": stages}
        record_alone(world, unit, project, EventKind.PROJECT_CREATED, None, body)
    model = _fold(unit, parcel, chain)
    last = parcel.events[chain][-1]
    record(world, unit, model, EventKind.MODEL_IMPORTED, None, {"up_to": [last.seq, last.hash]})


def _take_all(unit: Unit, parcel: Parcel, checkpoint: Checkpoint | None) -> None:
    """Keep everything as it was, and audit it before it is committed."""
    for project, stages in parcel.projects.items():
        events = parcel.events.get(project, [])
        unit.set_lifecycle(project, lifecycle_from_json(stages), events[0].at if events else 0)
        for event in events:
            unit.append(event)
    for event in parcel.events.get(REGISTRY, []):
        unit.append(event)
    for chain in sorted(parcel.events):
        if "/" in chain:
            _fold(unit, parcel, chain)
        elif chain != REGISTRY and chain not in parcel.projects:
            msg = f"the archive holds the history of {chain}, which is no project of it"
            raise Invalid(msg, project=chain)
    for (kind, key), body in parcel.access.items():
        unit.keep(kind, key, body)
    take_in_runs(unit, parcel.tracked)
    touch(unit)
    problems = audit_view(unit, None, checkpoint, None).problems
    if problems:
        first = problems[0]
        msg = f"the backup cannot be restored: {first.where} {first.what}"
        raise Conflict(msg, where=first.where)


def _fold(unit: Unit, parcel: Parcel, chain: str) -> Model:
    """Replay a model's history into the unit."""
    events = parcel.events[chain]
    model = unit.add_model(_born(chain, events[0]))
    for event in events:
        try:
            brought = list(registrations(event))
            for told in brought:
                checked_tags(told.tags)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _senseless(event, error) from error
        for told in brought:
            _bring(unit, parcel, model, event, told)
        try:
            checked_tags(cast("Mapping[str, object]", event.body.get("tags", {})))
            unit.append(event)
            model = apply(unit, model, event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _senseless(event, error) from error
    _refuse_dangling(unit, model)
    return model


def _senseless(event: Event, error: Exception) -> Invalid:
    msg = f"the record {event.chain}#{event.seq} of the archive makes no sense ({error!r})"
    return Invalid(msg, model=event.chain)


def _bring(unit: Unit, parcel: Parcel, model: Model, event: Event, told: Registration) -> None:
    """Keep a version that `event` brought, where its seal is whole."""
    version = parcel.versions.get(event.chain, {}).get(told.number)
    if version is None or sha256_of(document(version)) != told.sealed:
        msg = f"the archive lacks version {told.number} of {event.chain} as it was sealed"
        raise Invalid(msg, model=event.chain, number=told.number)
    unit.add_environment(version.environment, parcel.environments.get(version.environment, ""))
    unit.add_version(model, as_registered(version, told))


def _born(chain: str, first: Event) -> Model:
    born = first.body.get("model")
    if not isinstance(born, dict):
        msg = f"the history of {chain} does not begin with its beginning"
        raise Invalid(msg, model=chain)
    project = chain.partition("/")[0]
    ref = parse_model(f"{project}/{born.get('name')}")
    if ref.name.lower() != chain.partition("/")[2]:
        msg = f"the history of {chain} is that of {ref.name}"
        raise Invalid(msg, model=chain)
    tags = cast("Mapping[str, str]", born.get("tags") or {})
    author, created = born.get("author", first.actor), born.get("created", first.at)
    if not isinstance(author, str) or not isinstance(created, int):
        msg = f"the history of {chain} does not say who made it, or when"
        raise Invalid(msg, model=chain)
    model = new_model(ref, author, created)
    return replace(model, description=str(born.get("description", "")), tags=tags)


def _refuse_dangling(unit: Unit, model: Model) -> None:
    """Refuse stages that the project lacks, and pointers to what does not live."""
    lifecycle = unit.lifecycle(model.project)
    living = set[int]()
    for version in unit.every_version(model):
        if lifecycle is None or version.stage not in lifecycle:
            msg = f"{version.ref} is in {version.stage}, a stage that {model.project} lacks; add it"
            raise Conflict(msg, model=model.full_name, stage=version.stage)
        living |= {version.number} if version.deleted is None else set()
    for pointer in unit.pointers(model):
        if pointer.number not in living:
            msg = f"{model.full_name}@{pointer.name} of the archive names what does not live"
            raise Invalid(msg, model=model.full_name, pointer=pointer.name)
