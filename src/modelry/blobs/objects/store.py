"""Blobs in an object store (port `Blobs`)."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import BinaryIO, cast

from modelry.blobs.copying import hash_bytes
from modelry.blobs.layout import checked
from modelry.blobs.meter import Meter
from modelry.blobs.objects import keys
from modelry.blobs.objects.address import Address
from modelry.blobs.objects.bucket import Bucket, Found
from modelry.blobs.objects.clock import StoreClock
from modelry.blobs.objects.leases import EVERYTHING, Leases
from modelry.blobs.objects.reading import ObjectFile
from modelry.blobs.objects.staging import ObjectStaging
from modelry.blobs.objects.uploads import ObjectUploads
from modelry.core.errors import Corrupt
from modelry.core.ports import BlobInfo, Progress, SourceFile

_BUFFER = 64 * 1024

_AT_ONCE = 16
"""How many requests are under way at once where many blobs are asked about."""


class ObjectBlobs:
    """Blobs that any number of machines share, under one prefix of a bucket."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._bucket = Bucket(address)
        self._clock = StoreClock(self._bucket)
        self._leases = Leases(self._bucket, self._clock)
        self.uploads = ObjectUploads(self._bucket, self._clock)

    def __repr__(self) -> str:
        return f"ObjectBlobs({str(self._address)!r})"

    @contextmanager
    def stage(
        self,
        files: Sequence[SourceFile],
        known_size: Callable[[int], bool],
        progress: Progress | None = None,
    ) -> Iterator[ObjectStaging]:
        """Hash `files` and lease their blobs; they are sent when they are published."""
        del known_size  # all are hashed first: to send is dearer than to read
        lease = self._leases.open()
        try:
            staging = ObjectStaging(self._bucket, lease, progress)
            staging.take(files)
            yield staging
        finally:
            lease.release()

    @contextmanager
    def hold(self, digests: Iterable[str] | None = None) -> Iterator[None]:
        """Lease existing blobs; None leases all there are and all that come."""
        lease = self._leases.open()
        try:
            lease.add([EVERYTHING] if digests is None else map(checked, digests))
            yield
        finally:
            lease.release()

    def close(self) -> None:
        """Do nothing: connections end by themselves, and the store may be used again."""

    def size(self, sha256: str) -> int | None:
        """Answer the size of a blob, None where it is absent."""
        found = self._bucket.head(keys.blob(sha256))
        return found.size if found else None

    def sizes(self, digests: Collection[str]) -> Mapping[str, int]:
        """Answer the sizes of those blobs that are there, asking for many at a time."""
        wanted = list(digests)
        if len(wanted) <= 1:
            found = [self.size(sha256) for sha256 in wanted]
        else:
            with ThreadPoolExecutor(_AT_ONCE, "modelry-heads") as pool:
                found = list(pool.map(self.size, wanted))
        pairs = zip(wanted, found, strict=True)
        return {sha256: size for sha256, size in pairs if size is not None}

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading; it is fetched as it is read."""
        return self._opened(self._there(sha256))

    def verify(self, sha256: str, size: int, progress: Progress | None = None) -> None:
        """Read a blob to its end; it has `size` bytes and is true to its digest."""
        meter = Meter("verifying", size, progress)
        found = self._there(sha256)
        if found.size != size:
            msg = f"the blob sha256:{sha256} has {found.size} bytes instead of {size}"
            raise Corrupt(msg, sha256=sha256, size=size, actual=found.size)
        with self._opened(found) as handle:
            actual = hash_bytes(handle, sha256, meter)[0]
        if actual != sha256:
            msg = f"the bytes of blob sha256:{sha256} have changed: they hash to {actual}"
            raise Corrupt(msg, sha256=sha256, found=actual)
        meter.finish()

    def scan(self) -> Iterator[BlobInfo]:
        """Answer every blob, with its age by the store's own clock."""
        now = None
        for found in self._bucket.list(keys.BLOBS):
            sha256 = keys.named(found.key)
            if sha256 is not None:
                now = self._clock.now() if now is None else now
                yield BlobInfo(sha256, found.size, max(0.0, now - found.written))

    def remove(self, sha256: str) -> bool:
        """Remove a blob unless a living lease or a finished upload holds it.

        Between the look at the leases and the removal somebody may come to rely
        on the blob: whoever names blobs looks again when they are named.
        """
        key = keys.blob(sha256)
        if self._leases.cover(sha256):
            return self._bucket.head(key) is None
        self._bucket.delete([key])
        return True

    def link(self, sha256: str, name: str, seconds: int) -> str | None:
        """Answer a signed address, good for a week at most. It does not look for the blob.

        obstore signs no other name into it, so a browser calls the file by its digest.
        """
        del name
        return self._bucket.sign(keys.blob(sha256), seconds)

    def sweep(self, grace: float) -> int:
        """Delete the leases of dead owners, however young; answer the bytes freed.

        Parts of blobs that were never completed are out of reach: give the
        bucket a lifecycle rule that ends incomplete multipart uploads.
        """
        del grace
        return self._leases.bury()

    def _there(self, sha256: str) -> Found:
        found = self._bucket.head(keys.blob(sha256))
        if found is None:
            msg = f"the bytes of sha256:{sha256} are missing from {self._address}: restore a backup"
            raise Corrupt(msg, sha256=sha256)
        return found

    def _opened(self, found: Found) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(ObjectFile(self._bucket, found), _BUFFER))
