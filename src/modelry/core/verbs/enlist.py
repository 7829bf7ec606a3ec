"""Registering bytes that are in the store already: what a client uploaded, or none at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from modelry.core.draft import Draft
from modelry.core.errors import Invalid, NotFound
from modelry.core.model import Commit, Environment, File, Kind, Version
from modelry.core.names import MAX_TEXT, Ref, check_path, check_text, refuse_twins
from modelry.core.ports import Blobs, SourceFile, View
from modelry.core.sealing import digest_of, environment_text
from modelry.core.verbs.register import Sealed, Vanished, publish, refuse_early, vanished
from modelry.core.verbs.world import World, living_version

MAX_FILES = 100_000


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a version that is to be, whose bytes are in the store (port `SourceFile`)."""

    blobs: Blobs
    file: File

    @property
    def path(self) -> str:
        """The path inside the version."""
        return self.file.path

    @property
    def size(self) -> int:
        """The bytes it has."""
        return self.file.size

    def open(self) -> BinaryIO:
        """Open the stored bytes."""
        return self.blobs.open(self.file.sha256)


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of a version that is to be: where they came from, and whose they are.

    `uploaded` are the digests of blobs that this caller brought; any other
    must be in a version that the caller may read.
    """

    kind: Kind
    files: tuple[File, ...]
    origin: str = ""
    uploaded: frozenset[str] = frozenset()


def enlist(  # noqa: PLR0913 - the ref, the bytes, what is said of them
    world: World,
    ref: Ref,
    parts: Parts,
    draft: Draft,
    base: Ref | None,
    *,
    again: bool,
    known: bool = False,
) -> Version:
    """Seal stored blobs as a new version of `ref`.

    With `again` the same bytes under the same label answer the version that
    is there, else they are a `Conflict`. With `known` a model that is not there
    is `NotFound`, else it comes to be. A version without files is one that is
    known by its metadata alone.
    """
    files = _checked(parts)
    if not files and base is None:  # nothing to hold, and nothing to find out before the change
        return publish(
            world, ref, _sealed(world, parts, files, draft, None, again=again, known=known)
        )
    with world.blobs.hold({file.sha256 for file in files}):
        with world.store.read() as view:
            refuse_early(view, ref, draft, files)
            _refuse_unowned(world, view, parts)
            base_ref = living_version(view, base).ref if base else None
        try:
            sealed = _sealed(world, parts, files, draft, base_ref, again=again, known=known)
            return publish(world, ref, sealed)
        except Vanished as error:
            raise vanished(ref) from error


def _sealed(  # noqa: PLR0913 - everything about a version comes together here
    world: World,
    parts: Parts,
    files: tuple[File, ...],
    draft: Draft,
    base: str | None,
    *,
    again: bool,
    known: bool,
) -> Sealed:
    commit, environment = _told(world)
    readable: Sequence[SourceFile] = [StoredFile(world.blobs, file) for file in files]
    return Sealed(
        draft=draft,
        kind=parts.kind,
        origin=parts.origin,
        files=files,
        digest=digest_of(files),
        findings=world.inspection.inspect(parts.kind, readable) if files else None,
        commit=commit,
        environment=environment_text(environment),
        base=base,
        again=again,
        known=known,
    )


def _told(world: World) -> tuple[Commit | None, Environment]:
    """Answer the commit and the environment that a caller told of, as text that can be shown."""
    commit, environment = world.surroundings.commit(None), world.surroundings.environment()
    said = [] if commit is None else [commit.sha, commit.branch or "", commit.remote or ""]
    packages = environment.packages
    said += [environment.python, environment.platform, *packages, *packages.values()]
    for text in said:
        check_text(text, "what is told of the commit or the environment", MAX_TEXT)
    return commit, environment


def _checked(parts: Parts) -> tuple[File, ...]:
    if len(parts.files) > MAX_FILES:
        msg = f"{len(parts.files)} files are too many for one version; at most {MAX_FILES} are kept"
        raise Invalid(msg, field="files")
    if parts.kind == "file" and len(parts.files) != 1:
        msg = f"a version of the kind 'file' has one file, not {len(parts.files)}"
        raise Invalid(msg, field="files")
    check_text(parts.origin, "the source", MAX_TEXT)
    for file in parts.files:
        check_path(file.path)
    refuse_twins(file.path for file in parts.files)
    return tuple(sorted(parts.files, key=lambda file: file.path.encode()))


def _refuse_unowned(world: World, view: View, parts: Parts) -> None:
    """Refuse bytes that the caller neither brought nor may read: a digest alone opens nothing."""
    others = {file.sha256: file for file in parts.files if file.sha256 not in parts.uploaded}
    lacking = others.keys() - view.named(others, world.actor.scope)
    if lacking:
        raise _absent(min((others[sha256] for sha256 in lacking), key=lambda each: each.path))
    sizes = world.blobs.sizes({file.sha256 for file in parts.files})
    for file in parts.files:
        stored = sizes.get(file.sha256)
        if stored is None:
            raise _absent(file)
        if stored != file.size:
            msg = f"{file.path!r} has {stored} bytes in the store, not {file.size}"
            raise Invalid(msg, path=file.path, size=file.size)


def _absent(file: File) -> NotFound:
    msg = f"the bytes of {file.path!r} (sha256:{file.sha256}) are not here; upload them first"
    return NotFound(msg, path=file.path, sha256=file.sha256)


def among(world: World, digests: Collection[str]) -> frozenset[str]:
    """Answer which blobs need no upload, because the actor may read a version that has them."""
    with world.store.read() as view:
        return view.named(digests, world.actor.scope)
