"""Hashes bytes, and writes them at the same time: two threads and four buffers for any size."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import BinaryIO

from modelry.blobs.meter import Meter
from modelry.blobs.reading import changed, fill
from modelry.durable import write_all

CHUNK = 1024 * 1024
_BUFFERS = 4
_WRITE_BEHIND = 32 * 1024 * 1024


def read_small(handle: BinaryIO, path: str, size: int, meter: Meter) -> bytes:
    """Read a file of `size` bytes in one go. Raises `Conflict` where it has more or fewer."""
    buffer = memoryview(bytearray(size + 1))
    done = 0
    while done <= size and (count := fill(handle, buffer[done:], path)):
        done += count
    if done != size:
        raise changed(path)
    meter.add(size)
    return bytes(buffer[:size])


def hash_bytes(handle: BinaryIO, path: str, meter: Meter) -> tuple[str, int]:
    """Answer the sha256 and the number of the bytes up to the end."""
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(CHUNK))
    while count := fill(handle, buffer, path):
        digest.update(buffer[:count])
        size += count
        meter.add(count)
    return digest.hexdigest(), size


def copy_bytes(
    handle: BinaryIO, out: int, path: str, expected: int, meter: Meter
) -> tuple[str, int]:
    """Write everything up to the end to `out`; answer its sha256 and its size.

    `expected` is the size that it should have.
    """
    if expected <= CHUNK:
        return _copy_alone(handle, out, path, meter)
    return _copy_in_two(handle, out, path, meter)


def _copy_alone(handle: BinaryIO, out: int, path: str, meter: Meter) -> tuple[str, int]:
    """Copy in this thread: another would cost more than it saves."""
    digest, size = hashlib.sha256(), 0
    buffer = memoryview(bytearray(CHUNK))
    while count := fill(handle, buffer, path):
        digest.update(buffer[:count])
        write_all(out, buffer[:count])
        size += count
        meter.add(count)
    return digest.hexdigest(), size


def _copy_in_two(handle: BinaryIO, out: int, path: str, meter: Meter) -> tuple[str, int]:
    """Hash in one thread what the other writes.

    The disk is told to begin every 32 MiB, so that little is left to wait for
    at the fsync.
    """
    size = begun = 0
    with _hashing() as hasher:
        while count := fill(handle, buffer := hasher.buffer(), path):
            hasher.put(buffer, count)
            write_all(out, buffer[:count])
            size += count
            meter.add(count)
            if size - begun >= _WRITE_BEHIND:
                begin_writing(out, begun, size)
                begun = size
    return hasher.hexdigest(), size


def begin_writing(out: int, begin: int, end: int) -> None:
    """Let Linux start on the dirty pages of a range, without waiting for them."""
    if sys.platform == "linux":
        os.posix_fadvise(out, begin, end - begin, os.POSIX_FADV_DONTNEED)


@contextmanager
def _hashing() -> Iterator[_Hasher]:
    hasher = _Hasher()
    hasher.start()
    try:
        yield hasher
    finally:
        hasher.stop()


class _Hasher(threading.Thread):
    """Hashes buffers in the order in which they are put, and gives them back.

    The caller asks for the next buffer only after it has written the last one,
    so a buffer that comes back from here is free.
    """

    def __init__(self) -> None:
        super().__init__(name="modelry-hash", daemon=True)
        self._digest = hashlib.sha256()
        self._full: SimpleQueue[memoryview | None] = SimpleQueue()
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(memoryview(bytearray(CHUNK)))

    def buffer(self) -> memoryview:
        """Answer a buffer to read into, waiting until one is hashed."""
        return self._free.get()

    def put(self, buffer: memoryview, count: int) -> None:
        """Hash the first `count` bytes of `buffer`, then free it."""
        self._full.put(buffer[:count])

    def run(self) -> None:
        """Hash until `stop`."""
        while (part := self._full.get()) is not None:
            self._digest.update(part)
            self._free.put(memoryview(part.obj))

    def stop(self) -> None:
        """Hash what was put, then end."""
        self._full.put(None)
        self.join()

    def hexdigest(self) -> str:
        """Answer the sha256 of everything that was put; call after `stop`."""
        return self._digest.hexdigest()
