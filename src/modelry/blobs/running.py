"""The sha256 of files that are still growing, so that their ends need no second reading.

A digest is only as good as the guess that nobody else wrote to the file. So it
is kept with what the file looked like after the last write, and forgotten when
the file looks different: then whoever wants it reads the file.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_KEPT = 256
_ALONE = 512 * 1024
"""Up to this size a chunk is hashed in the caller's thread: another would cost more than it saves."""


class RunningDigests:
    """The digests of the files that were last written to, a few hundred of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[tuple[int, ...], _Hash]] = OrderedDict()

    def take(self, name: str, state: os.stat_result) -> _Hash | None:
        """Answer the digest of what the file holds now, None where it is not known.

        It is the caller's from here; `keep` gives it back.
        """
        with self._lock:
            looks, digest = self._known.pop(name, (None, None))
        if state.st_size == 0:
            return hashlib.sha256()
        return digest if looks == _looks(state) else None

    def keep(self, name: str, state: os.stat_result, digest: _Hash | None) -> None:
        """Remember the digest of a file that looks like `state`; the oldest is forgotten."""
        if digest is None:
            return
        with self._lock:
            self._known[name] = (_looks(state), digest)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)

    def forget(self, name: str) -> None:
        """Forget the digest of a file that ends."""
        with self._lock:
            self._known.pop(name, None)


@contextmanager
def hashing(digest: _Hash | None, chunk: memoryview) -> Iterator[None]:
    """Add `chunk` to a digest while the body writes it."""
    if digest is None:
        yield
    elif len(chunk) <= _ALONE:
        digest.update(chunk)
        yield
    else:
        thread = threading.Thread(
            target=digest.update, args=(chunk,), name="modelry-hash", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            thread.join()


def _looks(state: os.stat_result) -> tuple[int, ...]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
