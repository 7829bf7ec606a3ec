"""Uploads that arrive in pieces, in a local folder (port `Uploads`).

    root/uploads/<id>                   the bytes that have arrived
    root/uploads/<id>-<sha256>-<size>   it is finished: its blob stays until this goes

The marker is an empty file, so that making it is one step and reading it is
reading a name. Pieces are not fsynced: after a power cut there may be fewer
bytes than were acknowledged, and `received` says how many.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelry.blobs.copying import begin_writing, hash_bytes
from modelry.blobs.direct import DirectWriter
from modelry.blobs.layout import Layout, checked, checked_upload
from modelry.blobs.leases import gate
from modelry.blobs.locks import Lock
from modelry.blobs.meter import Meter
from modelry.blobs.refusals import (
    already_begun,
    another_finish,
    busy,
    finished,
    no_upload,
    not_what_it_should_be,
    wrong_offset,
)
from modelry.blobs.running import RunningDigests, hashing, looks_of
from modelry.durable import (
    BINARY,
    NOFOLLOW,
    READ_ONLY,
    create,
    flush,
    flush_folder,
    make_folder,
    storing,
    write_all,
)

_WRITE_BEHIND = 32 * 1024 * 1024
_PIECE = 1024 * 1024


class LocalUploads:
    """The uploads of a local store, shared by all processes that use its folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._folder = layout.uploads
        self._running = RunningDigests()
        self._direct = DirectWriter()

    def begin(self, upload: str, *, unsaid: bool = False) -> None:
        """Make an empty upload, whose name is durable. Raises `Conflict` where it is there."""
        del unsaid  # all are hashed as they come
        path = self._path(upload)
        with storing(self._layout.root):
            self._layout.prepare()
            make_folder(self._folder)
            try:
                os.close(create(path, 0o644))
            except FileExistsError as error:
                raise already_begun(upload) from error
            flush_folder(self._folder)

    def received(self, upload: str) -> int:
        """Answer how many bytes have arrived."""
        path = self._path(upload)
        with storing(self._layout.root):
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return self._finished(upload)[1]

    def append(self, upload: str, offset: int, chunk: bytes | memoryview) -> int:
        """Write `chunk` at the end, which is `offset`, and answer the new end."""
        path = self._path(upload)
        with storing(self._layout.root):
            try:
                with self._alone(upload, path):
                    return self._write(upload, path, offset, memoryview(chunk).cast("B"))
            except FileNotFoundError as error:
                raise finished(upload, self._finished(upload)[1]) from error

    def digest(self, upload: str) -> tuple[str, int]:
        """Answer sha256 and size of what has arrived, read again as `finish` would."""
        path = self._path(upload)
        with storing(self._layout.root):
            try:
                with self._alone(upload, path):
                    state = path.stat()
                    return self._hash(upload, path, state), state.st_size
            except FileNotFoundError:
                return self._finished(upload)

    def read(self, upload: str) -> Iterator[bytes]:
        """Answer what has arrived, in pieces of a mebibyte."""
        path = self._path(upload)
        with storing(self._layout.root):
            try:
                handle = path.open("rb")
            except FileNotFoundError as error:
                raise no_upload(upload) from error
            with handle:
                while piece := handle.read(_PIECE):
                    yield piece

    def finish(self, upload: str, sha256: str, size: int) -> None:
        """Put the bytes under their digest, durably, and keep the blob until `drop` or `sweep`.

        The bytes are read again only where other processes took part in
        receiving them. Where the blob is here already, they are dropped.
        """
        path = self._path(upload)
        blob = self._layout.blob(sha256)
        with storing(self._layout.root):
            try:
                with self._alone(upload, path):
                    self._check(upload, path, sha256, size)
                    self._mark(upload, sha256, size)
                    self._publish(upload, path, blob, size)
                self._running.forget(upload)
            except FileNotFoundError:
                self._agree(upload, sha256, size)

    def drop(self, upload: str) -> None:
        """Forget an upload and what it holds; a published blob stays."""
        path = self._path(upload)
        self._running.forget(upload)
        with storing(self._layout.root):
            for old in [path, *self._markers(upload)]:
                old.unlink(missing_ok=True)

    def sweep(self, grace: float) -> int:
        """Drop uploads to which nothing was added for `grace` seconds; answer the bytes freed."""
        old, freed = time.time() - grace, 0
        with storing(self._layout.root):
            for path in list(self._folder.iterdir()) if self._folder.is_dir() else []:
                with suppress(FileNotFoundError):  # dropped or finished meanwhile
                    freed += _sweep(path, old)
        return freed

    def holds(self, sha256: str) -> bool:
        """Say whether a finished upload still keeps a blob. Ask inside the gate."""
        return any(path.name.split("-")[1:2] == [sha256] for path in self._markers(""))

    def _path(self, upload: str) -> Path:
        return self._folder / checked_upload(upload)

    def _markers(self, upload: str) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [p for p in self._folder.iterdir() if p.name.startswith(upload) and "-" in p.name]

    def _finished(self, upload: str) -> tuple[str, int]:
        """Answer digest and size of a finished upload. Raises `NotFound` where it is not one."""
        for path in self._markers(upload):
            _, sha256, size = path.name.split("-")
            return sha256, int(size)
        raise no_upload(upload)

    @contextmanager
    def _alone(self, upload: str, path: Path) -> Iterator[None]:
        """Be the only one that touches the bytes of an upload; raises `Conflict` at once.

        Between opening a file and locking it, another process may have made
        it a blob; the second look keeps a late piece from being written there.
        """
        first = os.open(path, os.O_RDONLY | BINARY | NOFOLLOW)
        try:
            lock = Lock.attempt(path)
            if lock is None:
                raise busy(upload, os.fstat(first).st_size)
            try:
                if not os.path.samestat(path.stat(), os.fstat(first)):
                    raise busy(upload, path.stat().st_size)
                os.close(first)
                first = -1
                yield
            finally:
                lock.release()
        finally:
            if first >= 0:
                os.close(first)

    def _write(self, upload: str, path: Path, offset: int, chunk: memoryview) -> int:
        out = os.open(path, os.O_WRONLY | BINARY | NOFOLLOW)
        try:
            state = os.fstat(out)
            if offset != state.st_size:
                raise wrong_offset(upload, offset, state.st_size)
            digest = self._running.take(upload, looks_of(state)) if offset else hashlib.sha256()
            try:
                with hashing(digest, chunk):
                    done = self._direct.write(path, offset, chunk)
                    os.lseek(out, offset + done, os.SEEK_SET)
                    write_all(out, chunk[done:])
            except OSError:
                with suppress(OSError):  # then `received` tells what stayed
                    os.ftruncate(out, offset)
                raise
            end = offset + len(chunk)
            if not done and end // _WRITE_BEHIND > offset // _WRITE_BEHIND:
                begin_writing(out, max(0, end - _WRITE_BEHIND - len(chunk)), end)
            self._running.keep(upload, looks_of(os.fstat(out)), digest)
            return end
        finally:
            os.close(out)

    def _check(self, upload: str, path: Path, sha256: str, size: int) -> None:
        """Raise `Invalid`, and drop the upload, where the bytes are not what they should be."""
        state = path.stat()
        found = self._hash(upload, path, state) if state.st_size == size else None
        if state.st_size != size or found != sha256:
            self.drop(upload)
            raise not_what_it_should_be(sha256, size, found, state.st_size)

    def _hash(self, upload: str, path: Path, state: os.stat_result) -> str:
        """Answer the sha256 of what is there, read only where it is not known."""
        digest = self._running.take(upload, looks_of(state))
        if digest is None:
            with path.open("rb") as handle:
                return hash_bytes(handle, upload, Meter("verifying", state.st_size, None))[0]
        self._running.keep(upload, looks_of(state), digest)
        return digest.hexdigest()

    def _mark(self, upload: str, sha256: str, size: int) -> None:
        """Keep the blob from being removed, before anything relies on it."""
        marker = self._folder / f"{upload}-{checked(sha256)}-{size}"
        with gate(self._layout.leases):
            self._layout.make_room([sha256])
            with suppress(FileExistsError):  # of a process that died in the middle of this
                os.close(create(marker, 0o644))
        flush_folder(self._folder)

    def _publish(self, upload: str, path: Path, blob: Path, size: int) -> None:
        if self._layout.holds(blob.name, size):
            path.unlink()
        else:
            self._flush(upload, path)
            path.chmod(READ_ONLY)
            path.replace(blob)
        flush_folder(blob.parent)

    def _agree(self, upload: str, sha256: str, size: int) -> None:
        """Make sure that an upload without bytes was finished as this blob, which is here.

        It is not where a process died after the marker and the bytes were swept.
        """
        if self._finished(upload) != (sha256, size):
            raise another_finish(upload)
        if not self._layout.holds(sha256, size):
            self.drop(upload)
            raise no_upload(upload)

    def _flush(self, upload: str, path: Path) -> None:
        """Wait until the bytes are on the disk; where that fails they have to be sent again."""
        out = os.open(path, os.O_RDWR | BINARY | NOFOLLOW)
        try:
            flush(out)
        except OSError:
            self.drop(upload)
            raise
        finally:
            os.close(out)


def _sweep(path: Path, old: float) -> int:
    """Remove what was last written before `old` and that nobody writes; answer the bytes freed."""
    state = path.stat()
    if state.st_mtime > old:
        return 0
    lock = Lock.attempt(path)
    if lock is None:
        return 0
    try:
        path.unlink()
    finally:
        lock.release()
    return state.st_size
