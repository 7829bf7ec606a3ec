"""One staging: bytes hashed and durable in `incoming/`, under a lease, not yet named.

The lease records a digest before anything relies on its blob, so whoever
removes blobs either sees the lease or has removed the blob before it is looked
for here.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from modelry.blobs.copying import CHUNK, copy_bytes, hash_bytes, read_small
from modelry.blobs.layout import Layout
from modelry.blobs.leases import Lease, gate
from modelry.blobs.meter import Meter
from modelry.blobs.parallel import each
from modelry.blobs.reading import changed, fill, open_source, reading
from modelry.core.errors import Invalid
from modelry.core.model import File
from modelry.core.ports import SourceFile
from modelry.durable import READ_ONLY, create, flush, flush_folder, storing, write_all

SMALL = CHUNK
"""Up to this size a file is read at once: hashing it first costs no second reading."""
_SAMPLE = 64 * 1024


class Staging:
    """The files of one registration on their way into a local store (port `Staged`)."""

    def __init__(self, layout: Layout, lease: Lease, meter: Meter) -> None:
        self.files: tuple[File, ...] = ()
        self._layout = layout
        self._lease = lease
        self._meter = meter
        self._lock = threading.Lock()
        self._claimed: set[str] = set()
        self._waiting: dict[str, str] = {}  # names, as a Path takes four times the memory

    def take(self, files: Sequence[SourceFile], known_size: Callable[[int], bool]) -> None:
        """Stage all files, the large ones first, so that no thread ends up alone with one."""
        first = _hash_first(files, known_size)
        staged: dict[int, File] = {}

        def take_one(index: int) -> None:
            staged[index] = self._take(files[index], hash_first=index in first)

        order = sorted(range(len(files)), key=lambda index: -files[index].size)
        each(take_one, order, self._meter)
        self.files = tuple(staged[index] for index in range(len(files)))
        self._meter.finish()

    def open(self, file: File) -> BinaryIO:
        """Open the staged bytes of `file`."""
        if file.sha256 not in self._claimed:
            msg = f"{file.path!r} is not part of this registration"
            raise Invalid(msg, path=file.path)
        with storing(self._layout.root):
            return self._where(file.sha256).open("rb")

    def publish(self) -> None:
        """Name every blob by its digest, durably.

        Folders of blobs that were here before are fsynced as well: the process
        that put them there may not have come so far. Where an fsync of a
        folder fails, blobs that have their name by then stay: another process
        may rely on them, and no version of ours will, so `gc` gets them.
        """
        with storing(self._layout.root):
            self._lease.add(self._claimed)
            with gate(self._layout.leases):
                folders = self._layout.make_room(self._claimed)
            for sha256 in list(self._waiting):
                _rename(self._path(self._waiting[sha256]), self._layout.blob(sha256))
                del self._waiting[sha256]
            for folder in folders:
                flush_folder(folder)

    def close(self) -> None:
        """Drop what was not published and end the lease."""
        for name in self._waiting.values():
            _discard(self._path(name))
        self._waiting.clear()
        self._lease.release()

    def _where(self, sha256: str) -> Path:
        name = self._waiting.get(sha256)
        return self._path(name) if name else self._layout.blob(sha256)

    def _path(self, name: str) -> Path:
        return self._layout.incoming / name

    def _take(self, file: SourceFile, *, hash_first: bool) -> File:
        if file.size <= SMALL:
            return self._take_small(file)
        return self._take_known(file) if hash_first else self._take_new(file)

    def _take_small(self, file: SourceFile) -> File:
        with reading(file) as handle:
            data = read_small(handle, file.path, file.size, self._meter)
        staged = File(file.path, hashlib.sha256(data).hexdigest(), file.size)
        if self._claim(staged.sha256) and not self._is_here(staged, data):
            with storing(self._layout.root):
                self._waiting[staged.sha256] = self._write(lambda out: write_all(out, data))
        return staged

    def _take_known(self, file: SourceFile) -> File:
        """Hash first; write only bytes that nobody else has."""
        with reading(file) as handle:
            staged = File(file.path, *hash_bytes(handle, file.path, self._meter))
        if staged.size != file.size:
            raise changed(file.path)
        if not self._claim(staged.sha256) or self._is_here(staged):
            return staged
        self._meter.expect(file.size)
        name, written = self._copy(file)
        self._waiting[staged.sha256] = name
        if written != staged:
            raise changed(file.path)
        return staged

    def _take_new(self, file: SourceFile) -> File:
        name, staged = self._copy(file)
        if self._claim(staged.sha256):
            self._waiting[staged.sha256] = name
        else:
            _discard(self._path(name))
        return staged

    def _claim(self, sha256: str) -> bool:
        """Say whether these bytes are ours to keep: the first of identical files has them."""
        with self._lock:
            new = sha256 not in self._claimed
            self._claimed.add(sha256)
        return new

    def _is_here(self, file: File, data: bytes | None = None) -> bool:
        """Lease the blob, then say whether it is here and may be used again (`Layout.holds`)."""
        with storing(self._layout.root):
            self._lease.add([file.sha256])
            return self._layout.holds(file.sha256, file.size, data)

    def _copy(self, file: SourceFile) -> tuple[str, File]:
        """Copy `file` to `incoming/`."""
        found: list[tuple[str, int]] = []

        def write(out: int) -> None:
            with reading(file) as handle:
                found.append(copy_bytes(handle, out, file.path, file.size, self._meter))
            if found[0][1] != file.size:
                raise changed(file.path)

        with storing(self._layout.root):
            name = self._write(write)
        return name, File(file.path, *found[0])

    def _write(self, write: Callable[[int], None]) -> str:
        """Make a file in `incoming/` durably, or none at all; answer its name."""
        name = f"{self._lease.name}-{next(self._lease.numbers)}"
        path = self._path(name)
        out = create(path, READ_ONLY)
        try:
            try:
                write(out)
                flush(out)
            finally:
                os.close(out)
        except BaseException:
            _discard(path)
            raise
        return name


def _hash_first(files: Sequence[SourceFile], known_size: Callable[[int], bool]) -> frozenset[int]:
    """Answer which large files may hold bytes that are known, or that another of them holds.

    `known_size` is asked once per size, in the caller's thread: behind it is a
    database.
    """
    sizes = Counter(file.size for file in files if file.size > SMALL)
    known = {size for size in sizes if known_size(size)}
    first = {index for index, file in enumerate(files) if file.size in known}
    alike = {
        index: (file.size, _sample(file))
        for index, file in enumerate(files)
        if sizes[file.size] > 1 and file.size not in known
    }
    samples = Counter(alike.values())
    return frozenset(first | {index for index, sample in alike.items() if samples[sample] > 1})


def _sample(file: SourceFile) -> bytes:
    """Answer a digest of both ends, which tells most files of one size apart."""
    buffer = memoryview(bytearray(_SAMPLE))
    with open_source(file) as handle:
        digest = hashlib.sha256(buffer[: fill(handle, buffer, file.path)])
        if handle.seekable():
            handle.seek(-_SAMPLE, os.SEEK_END)
            digest.update(buffer[: fill(handle, buffer, file.path)])
    return digest.digest()


def _rename(path: Path, blob: Path) -> None:
    """Give bytes their name; the same bytes under it are replaced, which repairs them."""
    try:
        path.replace(blob)
    except PermissionError:
        if os.name == "posix" or not blob.exists():
            raise
        _discard(path)  # Windows does not replace a file that somebody reads


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
