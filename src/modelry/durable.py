"""Writing so that it is still there after a power cut, and saying clearly when it cannot be.

Every write, fsync and rename of blobs goes through here by way of `os`, so that
a test can record them, cut them off or let them fail.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelry.core.errors import Unavailable

FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
BINARY: int = getattr(os, "O_BINARY", 0)
NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
READ_ONLY = 0o444 if os.name == "posix" else 0o644
"""The mode of a blob; Windows could not remove a read-only file."""


@contextmanager
def storing(where: Path) -> Iterator[None]:
    """Turn what the disk under `where` refuses into `Unavailable`, with what to do about it."""
    try:
        yield
    except OSError as error:
        raise _refusal(error, where) from error


def _refusal(error: OSError, where: Path) -> Unavailable:
    if error.errno in FULL:
        msg = f"the disk of {where} is full: nothing was changed; free some space and try again"
        return Unavailable(msg, reason="storage_full", where=str(where))
    why = error.strerror or str(error)
    msg = f"the disk of {where} failed ({why}): nothing was changed; look after the disk first"
    return Unavailable(msg, reason="storage_failed", where=str(where))


def create(path: Path, mode: int) -> int:
    """Open a file that does not exist yet for writing."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY | NOFOLLOW, mode)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`; a disk that takes only a part is asked for the rest."""
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


def flush(descriptor: int) -> None:
    """Wait until the bytes are on the disk. A failure is final: asking again would lie.

    (After a failed fsync the kernel forgets the pages it could not write, so a
    second one succeeds without them.)
    """
    if sys.platform == "darwin":  # there fsync does not empty the drive's own cache
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def flush_folder(path: Path) -> None:
    """Make the names in a folder durable. Windows can't and does not need to."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, and their names durable."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    flush_folder(path.parent)


def erase(folder: Path) -> None:
    """Remove a folder as far as the system lets us; what stays is removed the next time."""
    import shutil  # with five modules for archives behind it

    shutil.rmtree(folder, ignore_errors=True)


def fresh_name() -> str:
    """Answer a name that nobody else has."""
    return os.urandom(16).hex()
