"""The sha256 of uploads that are still growing, so that their ends need no second reading.

A digest is only as good as the guess that nobody else added to them. So it
is kept with what the upload looked like after the last piece, and forgotten when
it looks different: then whoever wants it reads the bytes.
"""

from __future__ import annotations

import _thread
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hashlib import _Hash

Looks: TypeAlias = "tuple[int, ...]"
"""What tells a state of the bytes of an upload from every other."""
_KEPT = 256
_ALONE = 512 * 1024
"""Up to this size a chunk is hashed in the caller's thread: another would cost more than it saves."""


class RunningDigests:
    """The digests of the uploads that were last added to, a few hundred of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[Looks, _Hash]] = OrderedDict()

    def take(self, name: str, looks: Looks) -> _Hash | None:
        """Answer the digest of what looks like this now, None where it is not known.

        It is the caller's from here; `keep` gives it back.
        """
        with self._lock:
            known, digest = self._known.pop(name, (None, None))
        return digest if known == looks else None

    def keep(self, name: str, looks: Looks, digest: _Hash | None) -> None:
        """Remember the digest of what looks like this; the oldest is forgotten."""
        if digest is None:
            return
        with self._lock:
            self._known[name] = (looks, digest)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)

    def forget(self, name: str) -> None:
        """Forget the digest of an upload that ends."""
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
        done = threading.Lock()
        done.acquire()
        # A `Thread` would wait until it runs, which on a busy machine takes as long as the hashing.
        _thread.start_new_thread(_add, (digest, chunk, done))
        try:
            yield
        finally:
            done.acquire()


def _add(digest: _Hash, chunk: memoryview, done: threading.Lock) -> None:
    try:
        digest.update(chunk)
    finally:
        done.release()


def looks_of(state: os.stat_result) -> Looks:
    """Answer what would be different of a file that somebody else wrote to."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
