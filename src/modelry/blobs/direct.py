"""Large pieces past the page cache: the disk takes and gives them as they are.

What is written by way of the cache is copied into it, and the kernel writes it
out when it likes: a gibibyte was on the disk after four times as long. What is
written directly has to lie at whole blocks, in memory and in the file. Where a
file system cannot, or the memory does not, everything goes the other way.

What is in the cache is read from there. What is not is read directly the first
time, and by way of the cache when it is read again: then others will want it too.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from modelry.durable import BINARY, NOFOLLOW, write_all

BLOCK = 4096
"""Bytes to whose multiples memory, place and length are cut: no disk asks for more."""

LEAST = 256 * 1024
"""Bytes of the smallest piece that is worth it."""

LARGE = 8 * 1024 * 1024
"""Bytes of the smallest read that is done directly."""

_LATELY = 4096
"""Files of which it is remembered that they were read."""

_DIRECT: int = getattr(os, "O_DIRECT", 0)
_TELLS = hasattr(os, "RWF_NOWAIT")
"""Whether the system tells what its cache has: Linux does."""

_CANNOT = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})


class DirectWriter:
    """Writes to files of one file system, until that refuses to open one."""

    def __init__(self) -> None:
        self._able = bool(_DIRECT)

    def write(self, path: Path, offset: int, data: memoryview) -> int:
        """Write the whole blocks of `data`, and answer how many bytes these are; perhaps none.

        Only what begins at a whole block is written. Raises `OSError` as any write does.
        """
        whole = len(data) // BLOCK * BLOCK
        if not self._able or whole < LEAST or offset % BLOCK:
            return 0
        try:
            out = os.open(path, os.O_WRONLY | _DIRECT | BINARY | NOFOLLOW)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            self._able = False
            return 0
        try:
            os.lseek(out, offset, os.SEEK_SET)
            write_all(out, data[:whole])
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(out, offset)
            if error.errno not in _CANNOT:
                raise
            return 0  # this memory begins anywhere, which says nothing of the disk
        finally:
            os.close(out)
        return whole


class DirectReader:
    """Reads a file from a place on, piece by piece."""

    def __init__(self, descriptor: int, start: int) -> None:
        self._descriptor, self._at = descriptor, start

    def read_into(self, memory: memoryview) -> int:
        """Fill `memory` with what is next, and answer how many bytes came; fewer at the end.

        It begins at a page and is whole pages long.
        """
        found = os.preadv(self._descriptor, [memory], self._at)
        self._at += found
        return found

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)


class ReadLately:
    """Knows which files were read, and so which are worth a place in the cache."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[int, int], None] = OrderedDict()

    def direct(self, blob: BinaryIO, start: int, size: int) -> DirectReader | None:
        """Answer a reader past the cache, None where `blob` is to be read as it is.

        That is so where little is read, where it does not begin at a whole
        block, where the cache has it, where it was read before, and where the
        system cannot.
        """
        if not (_DIRECT and _TELLS) or size < LARGE or start % BLOCK:
            return None
        try:
            mine = blob.fileno()
            if self._again(os.fstat(mine)) or _cached(mine, start):
                return None
            return DirectReader(os.open(f"/proc/self/fd/{mine}", os.O_RDONLY | _DIRECT), start)
        except (OSError, ValueError):  # no file of this machine, or of a disk that cannot
            return None

    def _again(self, state: os.stat_result) -> bool:
        key = (state.st_dev, state.st_ino)
        with self._lock:
            known = key in self._files
            self._files[key] = None
            if len(self._files) > _LATELY:
                self._files.popitem(last=False)
        return known


def _cached(descriptor: int, start: int) -> bool:
    """Say whether the cache has the beginning of what is to be read."""
    try:
        os.preadv(descriptor, [bytearray(1)], start, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    return True
