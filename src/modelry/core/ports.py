"""What the core needs of the world, as small interfaces with their promises.

An adapter passes the conformance suite of its port in `modelry.testing`; the
docstrings here say what the suite proves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from modelry.core.events import Event, Head
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import (
    Commit,
    Environment,
    File,
    Findings,
    Kind,
    Model,
    ModelSummary,
    Move,
    Pointer,
    Version,
)
from modelry.core.names import Ref
from modelry.core.query import Query

T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, total)` with bytes, now and then during long work."""


class Clock(Protocol):
    """The time, injected so that the core can be replayed."""

    def now(self) -> int:
        """Answer microseconds since 1970 UTC."""
        ...


class Surroundings(Protocol):
    """What the registry records of whoever calls it, so that nobody has to type it."""

    def author(self) -> str:
        """Name the person or service account that this process runs as."""
        ...

    def commit(self, path: Path) -> Commit | None:
        """Answer the state of the git checkout that `path` lies in, None outside one."""
        ...

    def environment(self) -> Environment:
        """Answer the running Python and the packages it can see."""
        ...


class SourceFile(Protocol):
    """A file that can be read: on the way in, or already stored."""

    @property
    def path(self) -> str:
        """The path inside the version: relative, `/` between its parts."""
        ...

    @property
    def size(self) -> int:
        """The size in bytes."""
        ...

    def open(self) -> BinaryIO:
        """Open for reading from the start; the caller closes."""
        ...


class Source(Protocol):
    """A local file or folder that is about to be registered."""

    @property
    def name(self) -> str:
        """The file's or folder's own name."""
        ...

    @property
    def kind(self) -> Kind:
        """Whether it is one file or a folder."""
        ...

    @property
    def files(self) -> Sequence[SourceFile]:
        """Every file in it, sorted by path."""
        ...


class Sources(Protocol):
    """Opens what a caller names as the bytes of a version."""

    def open(self, path: Path) -> Source:
        """Look at `path` without reading file contents.

        Raises `NotFound` where nothing is there, `Invalid` for devices,
        sockets, links that leave the folder, names that cannot be carried to
        another machine, and folders without a file.
        """
        ...


class FileFormat(Protocol):
    """Recognises and reads one kind of file, from its content alone."""

    name: str

    def sniff(self, head: bytes, size: int) -> bool:
        """Say whether a file that begins with `head` (up to 4,096 bytes) is of this kind."""
        ...

    def read(self, file: SourceFile) -> Findings | None:
        """Answer what the file says of itself, in bounded memory, executing nothing.

        None means that a closer look shows it to be something else.

        Raises `Invalid` where its header lies or is broken.
        """
        ...


class FolderFormat(Protocol):
    """Recognises a folder layout from the files that mark it."""

    name: str

    def read(
        self, files: Mapping[str, SourceFile], found: Mapping[str, Findings]
    ) -> Findings | None:
        """Answer what the folder is, None where it is not of this layout.

        `files` maps each path to its file, `found` what the file formats said.
        Raises `Invalid` where a marking file is broken.
        """
        ...


class Staged(Protocol):
    """Bytes on their way into the store: hashed and durable, but not yet named.

    Leaving the context drops whatever was not published and ends the lease.
    """

    @property
    def files(self) -> Sequence[File]:
        """The staged files with their digests, in the order they were given."""
        ...

    def open(self, file: File) -> BinaryIO:
        """Open the staged bytes of `file`, not the caller's original."""
        ...

    def publish(self) -> None:
        """Put every blob under its digest, durably: file and folder are fsynced.

        Until the context is left, garbage collection does not touch them.
        """
        ...


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A blob in the store: sha256 as 64 hex digits, size in bytes, age in seconds."""

    sha256: str
    size: int
    age: float


class Blobs(Protocol):
    """Content-addressed bytes. A blob is whole and true to its digest, or absent."""

    def stage(
        self,
        files: Sequence[SourceFile],
        known_size: Callable[[int], bool],
        progress: Progress | None = None,
    ) -> AbstractContextManager[Staged]:
        """Read, hash and keep `files`, in parallel and in bounded memory.

        Where `known_size(size)` is true, or the file is small, it is hashed
        first, and not written when its blob is already here. `known_size` is
        called from the caller's thread. Raises `Conflict` where a file
        changes while it is read, `Unavailable` where the disk is full or fails.
        """
        ...

    def hold(self, digests: Iterable[str] | None = None) -> AbstractContextManager[None]:
        """Lease blobs: they are not removed while the context is open.

        None leases all there are and all that come.
        """
        ...

    def size(self, sha256: str) -> int | None:
        """Answer the size of a blob, None where it is absent. Does not read it."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading. Raises `Corrupt` where it is absent."""
        ...

    def verify(self, sha256: str, size: int, progress: Progress | None = None) -> None:
        """Read a blob to its end. Raises `Corrupt` where it is absent or not its digest."""
        ...

    def scan(self) -> Iterator[BlobInfo]:
        """Answer every blob in the store."""
        ...

    def remove(self, sha256: str) -> bool:
        """Remove a blob unless somebody holds a lease on it; say whether it is gone."""
        ...

    def sweep(self, grace: float) -> int:
        """Drop what dead processes left half done longer than `grace` seconds ago.

        Answers the bytes that were freed.
        """
        ...


class Shelf(Protocol):
    """Local folders of files, ready to be loaded, made from blobs and verified."""

    def place(
        self, version: Version, to: Path | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of `version` to a local folder and answer its path.

        A version that was registered as one file answers the path of that
        file. The same version asked again answers the same place where
        nothing in it changed. Writing there cannot reach the registry's bytes.
        Raises `Corrupt` naming the file whose blob is missing or changed, and
        `Conflict` where `to` holds something else.
        """
        ...

    def tidy(self, keep: Callable[[str], bool]) -> int:
        """Drop folders that no caller wants any more, and answer the bytes that were freed.

        `keep(digest)` says whether the folder of a version's digest stays. A
        folder in which its user changed something is never touched.
        """
        ...


class View(Protocol):
    """A consistent look at the metadata: everything in it is of one moment."""

    def lifecycle(self, project: str) -> Lifecycle | None:
        """Answer the stages of a project, None where there is no such project."""
        ...

    def projects(self) -> Sequence[str]:
        """Name every project, sorted."""
        ...

    def model(self, project: str, name: str) -> Model | None:
        """Answer a model (any letter case of `name`), a tombstone too.

        In a `Unit` this also keeps others from changing the model until the end.
        """
        ...

    def models(self, project: str | None, after: str, limit: int) -> Sequence[ModelSummary]:
        """Answer living models whose `project/name` sorts after `after`, in that order."""
        ...

    def summary(self, model: Model) -> ModelSummary:
        """Answer how many versions of a model live, and its pointers."""
        ...

    def version(self, ref: Ref) -> Version | None:
        """Answer the version that `ref` selects, a tombstone too where it is named exactly.

        A ref without a selector and `latest` mean the highest living number; a
        digest means the highest living number that has it.
        """
        ...

    def versions(
        self, model: Model, stage: str | None, below: int | None, limit: int
    ) -> Sequence[Version]:
        """Answer living versions, highest number first, below number `below` if given."""
        ...

    def every_version(self, model: Model) -> Iterator[Version]:
        """Answer all versions of a model, tombstones too, by rising number."""
        ...

    def members(self, model: Model, stage: str) -> Sequence[int]:
        """Answer the living numbers in a stage, last entered first."""
        ...

    def stages_in_use(self, project: str) -> frozenset[str]:
        """Name the stages that some living version of the project is in."""
        ...

    def pointers(self, model: Model) -> Sequence[Pointer]:
        """Answer the pointers of a model, sorted by name."""
        ...

    def move(self, model: Model, pointer: str, seq: int | None) -> Move | None:
        """Answer the move of a pointer at event `seq`, its last move for None."""
        ...

    def moves_at(self, model: Model, at: int) -> Sequence[Move]:
        """Answer for each pointer its last move at or before time `at`."""
        ...

    def head(self, chain: str) -> Head | None:
        """Answer the last link of a chain of events, None where it has none."""
        ...

    def heads(self) -> Sequence[Head]:
        """Answer the last link of every chain, sorted by chain."""
        ...

    def events(
        self, chain: str, number: int | None, below: int | None, limit: int
    ) -> Sequence[Event]:
        """Answer events newest first, below sequence `below`, touching `number` if given."""
        ...

    def every_event(self, chain: str) -> Iterator[Event]:
        """Answer all events of a chain, oldest first, as they are stored."""
        ...

    def search(
        self, query: Query, project: str | None, cursor: str | None, limit: int
    ) -> tuple[Sequence[Version], str | None]:
        """Answer living versions that match, in the query's order, and where to go on.

        Raises `Invalid` for a cursor that is not of this query.
        """
        ...

    def environment(self, digest: str) -> str | None:
        """Answer the stored text of an environment."""
        ...

    def known_size(self, size: int) -> bool:
        """Say whether some version has a file of this size."""
        ...

    def has_content(self, digest: str) -> bool:
        """Say whether some version that was not purged has this digest (`sha256:...`)."""
        ...

    def named(self, digests: Iterable[str]) -> frozenset[str]:
        """Answer which of these blobs some version that was not purged names."""
        ...


class Fold(Protocol):
    """The state that events are folded into; an audit folds them once more to compare."""

    def update_model(self, model: Model) -> None:
        """Keep the description, tags, last number, time of change and tombstone of a model."""
        ...

    def relabel(self, model: Model, number: int, stage: str, seq: int) -> None:
        """Put a version into a stage, entered by event `seq`."""
        ...

    def describe(
        self, model: Model, number: int, tags: Mapping[str, str], description: str
    ) -> None:
        """Replace the tags and the description of a version."""
        ...

    def bury(self, model: Model, number: int, at: int) -> None:
        """Leave a tombstone in place of a version."""
        ...

    def purge(self, model: Model, number: int, at: int) -> None:
        """Mark a version as without bytes; its blobs are no longer named by it."""
        ...

    def point(self, model: Model, pointer: Pointer) -> None:
        """Move a pointer: a (model, name) has one target at most, ever."""
        ...

    def unpoint(self, model: Model, name: str) -> None:
        """Take a pointer away."""
        ...

    def add_move(self, model: Model, move: Move) -> None:
        """Keep one step of a pointer."""
        ...


class Ledger(Fold, Protocol):
    """What a change may write. Nothing else changes what a registry holds."""

    def add_model(self, model: Model) -> Model:
        """Keep a new model and answer it with its id. Raises `Conflict` if the name is taken."""
        ...

    def add_version(self, model: Model, version: Version) -> Version:
        """Keep a new version and answer it with its id.

        Raises `Conflict` where its number or label is taken, by a tombstone too.
        """
        ...

    def set_lifecycle(self, project: str, lifecycle: Lifecycle, at: int) -> None:
        """Keep the stages of a project, making the project where it is new."""
        ...

    def append(self, event: Event) -> None:
        """Add an event to its chain and move the chain's head.

        Raises `Conflict` where its sequence number is taken.
        """
        ...

    def add_environment(self, digest: str, body: str) -> None:
        """Keep the text of an environment once."""
        ...


class Unit(View, Ledger, Protocol):
    """One all-or-nothing change: it sees its own writes, others see all of it or none."""


class Store(Protocol):
    """Metadata. Changes happen one after another, as if each were alone."""

    def read(self) -> AbstractContextManager[View]:
        """Open a look at the state of one moment."""
        ...

    def resolve(self, ref: Ref) -> Version | None:
        """Answer `View.version(ref)` of this moment, by the shortest way there is."""
        ...

    def change(self, work: Callable[[Unit], T]) -> T:
        """Run `work` in one change and commit it durably before answering.

        Whatever `work` raises undoes all of it. `work` may be run again where
        the store lost a race, so it must do nothing but read and write the
        unit. Raises `Unavailable` where the store cannot write now.
        """
        ...

    def snapshot(self) -> AbstractContextManager[View]:
        """Open a look that may stay open for long without holding up writers."""
        ...

    def close(self) -> None:
        """Give back connections and files; a closed store may be opened again."""
        ...
