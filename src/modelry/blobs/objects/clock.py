"""The time by the store's own clock, so that a wrong clock here can end nobody's lease."""

from __future__ import annotations

import threading
import time

from modelry.blobs.objects import keys
from modelry.blobs.objects.bucket import Bucket
from modelry.core.errors import Unavailable

_TRUSTED = 300.0


class StoreClock:
    """Writes an object now and then and looks at when the store says that it was written."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._until = float("-inf")

    def now(self) -> float:
        """Answer the store's time (Unix), at most a few seconds late and never early.

        Stores tell times in whole seconds.
        """
        with self._lock:
            if time.monotonic() >= self._until:
                self._ahead = self._look()
                self._until = time.monotonic() + _TRUSTED
            return time.monotonic() + self._ahead

    def _look(self) -> float:
        self._bucket.put(keys.CLOCK, b"")
        found = self._bucket.head(keys.CLOCK)
        if found is None:
            msg = f"{self._bucket.address} does not keep what is written; is something deleting?"
            raise Unavailable(msg, reason="storage_failed", where=str(self._bucket.address))
        return found.written - time.monotonic()
