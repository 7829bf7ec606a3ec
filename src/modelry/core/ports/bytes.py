"""Bytes: on the way in, in the store, and on the way out to a local folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from modelry.core.model import File, Kind, Version

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, total)` with bytes, now and then during long work."""


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

    def sizes(self, digests: Collection[str]) -> Mapping[str, int]:
        """Answer the sizes of those blobs that are there, many at once."""
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

    def link(self, sha256: str, name: str, seconds: int) -> str | None:
        """Answer an address from which anybody can fetch a blob for a while.

        `name` is what a browser calls the file. None where the store cannot.
        """
        ...

    @property
    def uploads(self) -> Uploads:
        """The uploads that end in this store."""
        ...

    def close(self) -> None:
        """Give back files that are kept open; a closed store may be used again."""
        ...

    def sweep(self, grace: float) -> int:
        """Drop what dead processes left half done longer than `grace` seconds ago.

        Answers the bytes that were freed.
        """
        ...


class Uploads(Protocol):
    """Bytes that arrive in pieces, over hours, at any process of a service.

    An upload is named by 32 hex digits that nobody can guess. What it is for
    and whose it is, is kept elsewhere; here are its bytes alone. Everything
    survives a restart. Two pieces of one upload never arrive at once: where
    they do, one of them is a `Conflict`.
    """

    def begin(self, upload: str, *, unsaid: bool = False) -> None:
        """Make an empty upload.

        `unsaid`: which bytes are to come nobody says; `digest` will be asked.
        """
        ...

    def received(self, upload: str) -> int:
        """Answer how many bytes have arrived, from the start. Raises `NotFound`."""
        ...

    def append(self, upload: str, offset: int, chunk: bytes | memoryview) -> int:
        """Add `chunk` at `offset`, which is what `received` answers, and answer the new offset.

        Raises `Conflict` (with `received=`) for another offset, `NotFound`
        where there is no such upload, `Unavailable` where the store is full or away.
        """
        ...

    def digest(self, upload: str) -> tuple[str, int]:
        """Answer sha256 and size of what has arrived. Raises `NotFound`, and `Conflict` as it grows.

        Nothing is read for it where this process began the upload, `unsaid`,
        and took all of it.
        """
        ...

    def read(self, upload: str) -> Iterator[bytes]:
        """Answer what has arrived, in pieces. Raises `NotFound`, also once it is finished."""
        ...

    def finish(self, upload: str, sha256: str, size: int) -> None:
        """Put the bytes under their digest, durably, if they are what they should be.

        Raises `Invalid` where there are not `size` bytes or they have another
        digest: nothing is visible then and the upload is gone. The blob is not
        collected before the upload is dropped or swept. Finished once more,
        it is finished.
        """
        ...

    def drop(self, upload: str) -> None:
        """Forget an upload and what it holds; a published blob stays."""
        ...

    def sweep(self, grace: float) -> int:
        """Drop uploads to which nothing was added for `grace` seconds; answer the bytes freed."""
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
