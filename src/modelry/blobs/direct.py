"""Writing large pieces past the page cache: the disk takes them as they are, and nothing waits.

What is written by way of the cache is copied into it, and the kernel writes it
out when it likes: a gibibyte was on the disk after four times as long. What is
written directly has to lie at whole blocks, in memory and in the file. Where a
file system cannot, or the memory does not, everything goes the other way.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from modelry.durable import BINARY, NOFOLLOW, write_all

BLOCK = 4096
"""Bytes to whose multiples memory, place and length are cut: no disk asks for more."""

LEAST = 256 * 1024
"""Bytes of the smallest piece that is worth it."""

_TRIALS = 8
"""How often a write may be refused before the first that is not."""

_DIRECT: int = getattr(os, "O_DIRECT", 0)
_CANNOT = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})


class DirectWriter:
    """Writes to files of one file system, until that refuses it."""

    def __init__(self) -> None:
        self._trials = _TRIALS if _DIRECT else 0
        self._does = False

    def write(self, path: Path, offset: int, data: memoryview) -> int:
        """Write the whole blocks of `data`, and answer how many bytes these are; perhaps none.

        Only what begins at a whole block is written. Raises `OSError` as any write does.
        """
        whole = len(data) // BLOCK * BLOCK
        if not self._trials or whole < LEAST or offset % BLOCK:
            return 0
        try:
            out = os.open(path, os.O_WRONLY | _DIRECT | BINARY | NOFOLLOW)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            self._trials = 0
            return 0
        try:
            os.lseek(out, offset, os.SEEK_SET)
            write_all(out, data[:whole])
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(out, offset)
            if error.errno not in _CANNOT:
                raise
            self._trials -= not self._does  # memory that begins anywhere says nothing of the disk
            return 0
        finally:
            os.close(out)
        self._does = True
        return whole
