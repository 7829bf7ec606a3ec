"""One staging into an object store: hashed here, held by a lease, sent when it is published.

Nothing is copied on this machine, so the caller's files are read twice: once
for their digests and once to be sent, then hashed again. A file that changed in
between is a `Conflict`, and nothing of it becomes visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from modelry.blobs.copying import hash_bytes
from modelry.blobs.meter import Meter
from modelry.blobs.objects import keys
from modelry.blobs.objects.bucket import Bucket
from modelry.blobs.objects.leases import Lease
from modelry.blobs.objects.sending import pieces, send_blob, verified
from modelry.blobs.parallel import each
from modelry.blobs.reading import changed, open_source, reading, state_of
from modelry.core.errors import Invalid
from modelry.core.model import File
from modelry.core.ports import Progress, SourceFile

_REQUESTS = 8
"""Threads that mostly wait for the store."""


class ObjectStaging:
    """The files of one registration on their way into an object store (port `Staged`)."""

    def __init__(self, bucket: Bucket, lease: Lease, progress: Progress | None) -> None:
        self.files: tuple[File, ...] = ()
        self._bucket = bucket
        self._lease = lease
        self._progress = progress
        self._sources: dict[str, tuple[SourceFile, tuple[int, ...] | None]] = {}
        self._published = False

    def take(self, files: Sequence[SourceFile]) -> None:
        """Hash all files, the large ones first, and lease their blobs."""
        meter = Meter("hashing", sum(file.size for file in files), self._progress)
        hashed: dict[int, tuple[File, tuple[int, ...] | None]] = {}

        def take_one(index: int) -> None:
            hashed[index] = _hash(files[index], meter)

        order = sorted(range(len(files)), key=lambda index: -files[index].size)
        each(take_one, order, meter)
        for index, source in enumerate(files):
            file, state = hashed[index]
            self._sources.setdefault(file.sha256, (source, state))
        self.files = tuple(hashed[index][0] for index in range(len(files)))
        self._lease.add(self._sources)
        meter.finish()

    def open(self, file: File) -> BinaryIO:
        """Open the file that was hashed. Raises `Conflict` where it changed since."""
        if file.sha256 not in self._sources:
            msg = f"{file.path!r} is not part of this registration"
            raise Invalid(msg, path=file.path)
        source, state = self._sources[file.sha256]
        handle = open_source(source)
        if state_of(handle) != state:
            handle.close()
            raise changed(source.path)
        return handle

    def publish(self) -> None:
        """Send every blob that the store has not got, and look whether it came whole.

        What the store has with the right size is not sent again and not read:
        stores check their bytes, and `verify` reads them. Large blobs go one by one,
        each in parts, four of which are in memory; small ones go side by side.
        """
        if self._published:
            return
        unique = {file.sha256: file for file in self.files}
        absent: list[File] = []
        each(
            lambda file: None if self._is_here(file) else absent.append(file),
            unique.values(),
            Meter("looking", 0, None),
            _REQUESTS,
        )
        meter = Meter("storing", sum(file.size for file in absent), self._progress)
        for file in absent:
            if file.size > self._bucket.address.part:
                self._send(file, meter)
        small = [file for file in absent if file.size <= self._bucket.address.part]
        each(lambda file: self._send(file, meter), small, meter)
        self._lease.check()
        self._published = True
        if absent:
            meter.finish()

    def _is_here(self, file: File) -> bool:
        found = self._bucket.head(keys.blob(file.sha256))
        return found is not None and found.size == file.size

    def _send(self, file: File, meter: Meter) -> None:
        source, _ = self._sources[file.sha256]
        with reading(source) as handle:
            given = pieces(handle, source.path, meter)
            checked = verified(given, file.sha256, file.size, lambda _found: changed(source.path))
            send_blob(self._bucket, file.sha256, file.size, checked)


def _hash(source: SourceFile, meter: Meter) -> tuple[File, tuple[int, ...] | None]:
    with reading(source) as handle:
        state = state_of(handle)
        file = File(source.path, *hash_bytes(handle, source.path, meter))
    if file.size != source.size:
        raise changed(source.path)
    return file, state
