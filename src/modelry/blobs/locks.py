"""An exclusive lock on a file that ends with its holder, however the holder ends.

`fcntl.flock` is used where the system has it: the kernel wakes a waiter at once
(the library `filelock` asks again every 50 ms, too slow for a gate that every
registration passes), it costs 3 us, and it also excludes the threads of one
process from one another. Elsewhere `filelock` locks a file beside it, because
Windows does not let others read a locked file.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

if sys.platform == "win32":
    from filelock import FileLock, Timeout

    class Lock:
        """A held lock; made by `take` and `attempt` alone."""

        def __init__(self, lock: FileLock) -> None:
            self._lock = lock

        @classmethod
        def take(cls, path: Path) -> Self:
            """Wait until the lock on `path` is ours."""
            lock = FileLock(f"{path}.lock", thread_local=False, is_singleton=False)
            lock.acquire()
            path.touch()
            return cls(lock)

        @classmethod
        def attempt(cls, path: Path, *, create: bool = False) -> Self | None:
            """Answer the lock on `path`, None where somebody holds it."""
            path.touch() if create else path.stat()
            lock = FileLock(f"{path}.lock", thread_local=False, is_singleton=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return None
            return cls(lock)

        def release(self) -> None:
            """Let the next one have it."""
            self._lock.release()
            with suppress(OSError):  # somebody has it open by now
                Path(self._lock.lock_file).unlink()

else:
    import fcntl

    class Lock:
        """A held lock; made by `take` and `attempt` alone."""

        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor

        @classmethod
        def take(cls, path: Path) -> Self:
            """Wait until the lock on `path` is ours."""
            descriptor = _open(path, os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except BaseException:
                os.close(descriptor)
                raise
            return cls(descriptor)

        @classmethod
        def attempt(cls, path: Path, *, create: bool = False) -> Self | None:
            """Answer the lock on `path`, None where somebody holds it."""
            descriptor = _open(path, os.O_CREAT if create else 0)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            return cls(descriptor)

        def release(self) -> None:
            """Let the next one have it, also where a forked child kept the file open."""
            with suppress(OSError):  # closing lets go of it as well
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)

    def _open(path: Path, flags: int) -> int:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o666)
