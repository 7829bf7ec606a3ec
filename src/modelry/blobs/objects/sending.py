"""Bytes on their way into a bucket, hashed as they go: an object appears only if all is right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from modelry.blobs.copying import CHUNK
from modelry.blobs.meter import Meter
from modelry.blobs.objects import keys
from modelry.blobs.objects.bucket import Bucket
from modelry.blobs.reading import fill
from modelry.core.errors import Unavailable


def pieces(handle: BinaryIO, path: str, meter: Meter) -> Iterator[bytes]:
    """Read a file to its end, piece by piece."""
    buffer = memoryview(bytearray(CHUNK))
    while count := fill(handle, buffer, path):
        meter.add(count)
        yield bytes(buffer[:count])


def verified(
    given: Iterable[bytes], sha256: str, size: int, refuse: Callable[[str], Exception]
) -> Iterator[bytes]:
    """Pass pieces on; raise `refuse(found)` once they are too many, or hash to something else."""
    digest, done = hashlib.sha256(), 0
    for piece in given:
        digest.update(piece)
        done += len(piece)
        if done > size:
            break
        yield piece
    if done != size or digest.hexdigest() != sha256:
        raise refuse(digest.hexdigest())


def send_blob(bucket: Bucket, sha256: str, size: int, given: Iterable[bytes]) -> None:
    """Make a blob of verified pieces, and look whether the store has it whole.

    A request whose answer was lost may have done its work: what is there under
    the digest, with the right size, was put there after it was verified.
    """
    key = keys.blob(sha256)
    try:
        bucket.send(key, given, size)
    except Unavailable:
        if _size(bucket, key) != size:
            raise
        return
    kept = _size(bucket, key)
    if kept != size:
        msg = f"{bucket.address} kept {kept} bytes of {size}; look after that store first"
        raise Unavailable(msg, reason="storage_failed", sha256=sha256)


def _size(bucket: Bucket, key: str) -> int | None:
    found = bucket.head(key)
    return found.size if found else None
