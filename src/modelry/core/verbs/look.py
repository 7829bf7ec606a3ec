"""Looking: resolve, use, list, compare, search, read the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelry.core.errors import Corrupt, Invalid, NotFound
from modelry.core.events import Event, Problem, model_chain
from modelry.core.model import Environment, ModelSummary, Page, Version
from modelry.core.names import Ref, check_text
from modelry.core.ports import Progress, View
from modelry.core.query import parse
from modelry.core.sealing import environment_from_text, sha256_of
from modelry.core.verbs.permit import readable, shown
from modelry.core.verbs.world import World, lifecycle_of, living_model, living_version

MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class History:
    """What happened to a model or a version, newest first, and where its pointers stand.

    With a time `as_of`, events and pointers are those of that time.
    """

    events: tuple[Event, ...]
    pointers: Mapping[str, int]
    as_of: int | None
    next: str | None

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)


@dataclass(frozen=True, slots=True)
class Verification:
    """How many blobs were read, and which files are damaged."""

    blobs: int
    bytes: int
    problems: tuple[Problem, ...]


def resolve(world: World, ref: Ref) -> Version:
    """Answer the version that `ref` names now."""
    if ref.selector != "none":
        version = world.store.resolve(ref)
        if version is not None and version.deleted is None:
            return version
    with world.store.read() as view:
        return living_version(view, ref)


def use(world: World, ref: Ref, to: Path | None, progress: Progress | None) -> Path:
    """Bring the files of a version to a local place, every byte verified."""
    return world.shelf.place(with_files(resolve(world, ref)), to, progress)


def with_files(version: Version) -> Version:
    """Answer `version` where it has files. Raises `NotFound` for one of metadata alone."""
    if not version.files:
        msg = f"{version.ref} has no files: only its metadata was registered"
        raise NotFound(msg, ref=version.ref)
    return version


def page_limit(limit: int) -> int:
    """Answer `limit` where it is a page size. Raises `Invalid`."""
    if not 1 <= limit <= MAX_PAGE:
        msg = f"a page holds 1 to {MAX_PAGE} items, not {limit}; follow `next` for more"
        raise Invalid(msg, limit=limit)
    return limit


def models(world: World, project: str | None, limit: int, cursor: str | None) -> Page[ModelSummary]:
    """List living models by name."""
    after = check_text(cursor or "", "the cursor")
    scope = readable(world, project)
    with world.store.read() as view:
        if project is not None:
            lifecycle_of(view, project)
        found = view.models(scope, after, page_limit(limit) + 1)
    more = len(found) > limit
    last = found[limit - 1].model if more else None
    return Page(tuple(found[:limit]), f"{last.project}/{last.name}" if last else None)


def model(world: World, ref: Ref) -> ModelSummary:
    """Answer a living model with the number of its versions and its pointers."""
    with world.store.read() as view:
        found = living_model(view, ref)
        return view.summary(found)


def versions(
    world: World, ref: Ref, stage: str | None, limit: int, cursor: str | None
) -> Page[Version]:
    """List the living versions of a model, newest first."""
    below = below_of(cursor)
    with world.store.read() as view:
        model = living_model(view, ref)
        name = lifecycle_of(view, ref.project).stage(stage).name if stage else None
        found = view.versions(model, name, below, page_limit(limit) + 1)
    more = len(found) > limit
    return Page(tuple(found[:limit]), str(found[limit - 1].number) if more else None)


def below_of(cursor: str | None) -> int | None:
    """Read the cursor of a list that goes down in numbers. Raises `Invalid`."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):  # noqa: PLR2004 - fits 64 bits
        msg = f"{cursor!r} is not a cursor of this list; begin again without it"
        raise Invalid(msg, cursor=cursor)
    return None if cursor is None else int(cursor)


def search(
    world: World, query: str, project: str | None, limit: int, cursor: str | None
) -> Page[Version]:
    """Find living versions in every project, or in one."""
    parsed = parse(query)
    scope = readable(world, project)
    with world.store.read() as view:
        if project is not None:
            lifecycle_of(view, project)
        found, following = view.search(parsed, scope, cursor, page_limit(limit))
    return Page(tuple(found), following)


def select(world: World, refs: Sequence[Ref]) -> tuple[Version, ...]:
    """Answer the versions of several refs, all of one moment."""
    with world.store.read() as view:
        return tuple(living_version(view, ref) for ref in refs)


def history(world: World, ref: Ref, as_of: int | None, limit: int, cursor: str | None) -> History:
    """Answer what happened, of a deleted model or version too."""
    below = below_of(cursor)
    with world.store.read() as view:
        model = view.model(ref.project, ref.name) or living_model(view, ref)
        number = None if ref.selector == "none" else _number(view, ref)
        chain = model_chain(model.project, model.name)
        if as_of is None:
            pointers = {each.name: each.number for each in view.pointers(model)}
        else:
            until = view.last_at(chain, as_of) + 1
            moves = view.moves_before(model, until)
            pointers = {move.name: move.number for move in moves if move.number is not None}
            below = until if below is None else min(until, below)
        found = view.events(chain, number, below, page_limit(limit) + 1)
    more = str(found[limit - 1].seq) if len(found) > limit else None
    events = tuple(shown(world, event) for event in found[:limit])
    return History(events, pointers, as_of, more)


def project_history(world: World, project: str, limit: int, cursor: str | None) -> History:
    """Answer what happened to a project itself: how it came to be, how its stages changed."""
    below = below_of(cursor)
    with world.store.read() as view:
        lifecycle_of(view, project)
        found = view.events(project, None, below, page_limit(limit) + 1)
    more = str(found[limit - 1].seq) if len(found) > limit else None
    return History(tuple(shown(world, event) for event in found[:limit]), {}, None, more)


def _number(view: View, ref: Ref) -> int:
    version = view.version(ref)
    return version.number if version else living_version(view, ref).number


def environment(world: World, version: Version) -> Environment:
    """Answer the Python and the packages that registered `version`."""
    with world.store.read() as view:
        text = view.environment(version.environment)
    if text is None or sha256_of(text) != version.environment:
        msg = f"the recorded environment of {version.ref} is gone or was edited"
        raise Corrupt(msg, ref=version.ref)
    return environment_from_text(text)


def verify(world: World, ref: Ref | None, progress: Progress | None) -> Verification:
    """Read every byte of a version, of a model, or of everything; name what is damaged."""
    wanted = _wanted(world, ref)
    total, done, problems = sum(size for _, size in wanted.values()), 0, list[Problem]()
    for sha256, (where, size) in wanted.items():
        try:
            world.blobs.verify(sha256, size, _further(progress, done, total))
        except Corrupt as error:
            problems.append(Problem(where, error.message))
        done += size
    if progress is not None:
        progress("reading every byte", done, total)
    return Verification(len(wanted), total, tuple(problems))


def _further(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Tell the progress of one blob as a part of all."""
    if progress is None:
        return None
    return lambda _, done, __: progress("reading every byte", before + done, total)


def _wanted(world: World, ref: Ref | None) -> dict[str, tuple[str, int]]:
    """Name each blob that must be whole, with the file it is and its size."""
    with world.store.snapshot() if ref is None else world.store.read() as view:
        if ref is not None and ref.selector != "none":
            found: Iterator[Version] = iter([living_version(view, ref)])
        elif ref is not None:
            found = view.every_version(living_model(view, ref))
        else:
            found = _everything(view)
        return {
            file.sha256: (f"{version.ref} {file.path}", file.size)
            for version in found
            if version.purged is None
            for file in version.files
        }


def _everything(view: View) -> Iterator[Version]:
    for head in view.heads():
        project, slash, name = head.chain.partition("/")
        model = view.model(project, name) if slash else None
        if model is not None:
            yield from view.every_version(model)
