"""Leases in an object store: which blobs somebody still needs, on whatever machine.

A lease is an object with one digest per line, written again every quarter of
its life. One that was not written for the whole of it (`lease`, two minutes)
is dead, by the clock of the store. Its owner knows in time that it was cut off
(`check`) and then publishes nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from modelry.blobs.objects import keys
from modelry.blobs.objects.bucket import Bucket, Found
from modelry.blobs.objects.clock import StoreClock
from modelry.core.errors import Unavailable
from modelry.durable import fresh_name

EVERYTHING = "*"
_END = b"end\n"
"""Ends every lease, so that half of one is never taken for a whole one."""
_MARGIN = 3.0
"""Seconds by which a lease outlives its time: stores round times, and requests take some."""


class Lease:
    """One owner's claim on blobs; ends with `release`, or some time after the last renewal."""

    def __init__(self, leases: Leases) -> None:
        self.name = fresh_name()
        self._leases = leases
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._renewed = float("inf")
        self._lapsed = False
        self._written = False
        self._ended = False

    def add(self, digests: Iterable[str]) -> None:
        """Record digests: a `remove` that begins later leaves these blobs alone."""
        with self._lock:
            wanted = self._held.union(digests)
            if wanted != self._held:
                self._write(wanted)
                self._held = wanted

    def renew(self) -> None:
        """Say that the owner lives."""
        with self._lock:
            if self._held and not self._ended:
                self._write(self._held)

    def check(self) -> None:
        """Raise `Unavailable` where the lease may be dead by now, or was in between."""
        if self._lapsed or time.monotonic() - self._renewed > self._leases.seconds:
            msg = (
                f"{self._leases.bucket.address} could not be reached for so long that its blobs "
                "may have been collected: nothing was changed; try again"
            )
            raise Unavailable(msg, reason="storage_away")

    def release(self) -> None:
        """Hold nothing any more. What cannot be deleted now dies by itself."""
        self._leases.end(self)
        with self._lock:
            self._ended = True
            if self._written:
                with suppress(Unavailable):
                    self._leases.bucket.delete([keys.lease(self.name)])

    def _write(self, digests: set[str]) -> None:
        begun = time.monotonic()
        self._written = True  # also where the answer is lost
        text = "".join(f"{digest}\n" for digest in sorted(digests))
        self._leases.bucket.put(keys.lease(self.name), text.encode("ascii") + _END)
        self._lapsed |= time.monotonic() - self._renewed > self._leases.seconds
        self._renewed = begun


class Leases:
    """All leases in one bucket, and the thread that renews those of this process."""

    def __init__(self, bucket: Bucket, clock: StoreClock) -> None:
        self.bucket = bucket
        self.seconds = bucket.address.lease
        self._clock = clock
        self._changed = threading.Condition()
        self._ours: set[Lease] = set()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._read: dict[tuple[str, str | None], frozenset[str]] = {}

    def open(self) -> Lease:
        """Begin a lease that holds nothing yet."""
        lease = Lease(self)
        with self._changed:
            if self._process != os.getpid():  # a fork: thread and leases are the parent's
                self._process, self._thread, self._ours = os.getpid(), None, set()
            self._ours.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._renew, name="modelry-leases", daemon=True
                )
                self._thread.start()
        return lease

    def end(self, lease: Lease) -> None:
        """Renew a lease no more."""
        with self._changed:
            self._ours.discard(lease)
            if not self._ours:
                self._changed.notify()

    def cover(self, sha256: str) -> bool:
        """Say whether a living lease, or a finished upload, holds a blob."""
        found = list(self.bucket.list(keys.LEASES))
        if any(each.key.endswith(f"/{sha256}") for each in found):
            return True
        living = [each for each in found if _is_lease(each) and self._lives(each)]
        self._read = {(each.key, each.tag): self._digests(each) for each in living}
        return any(sha256 in held or EVERYTHING in held for held in self._read.values())

    def bury(self) -> int:
        """Delete the leases of the dead; answer the bytes freed."""
        found = self.bucket.list(keys.LEASES)
        dead = [each for each in found if _is_lease(each) and not self._lives(each)]
        if dead:
            self.bucket.delete([each.key for each in dead])
        return sum(each.size for each in dead)

    def _lives(self, found: Found) -> bool:
        return self._clock.now() - found.written <= self.seconds + _MARGIN

    def _digests(self, found: Found) -> frozenset[str]:
        """Read a lease, unless it is the same as last time."""
        known = self._read.get((found.key, found.tag)) if found.tag else None
        if known is None:
            data = self.bucket.read(found.key)
            if data is None:
                return frozenset()  # released meanwhile
            if not data.endswith(_END):
                raise self.bucket.broken_off(found.key)
            known = frozenset(data.removesuffix(_END).decode("ascii").split())
        return known

    def _renew(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(self.seconds / 4)
                if not self._ours:
                    self._thread = None
                    return
                due = list(self._ours)
            for lease in due:
                with suppress(Unavailable):  # tried again soon; the owner checks
                    lease.renew()


def _is_lease(found: Found) -> bool:
    """Tell a lease from the note that a finished upload keeps a blob, which does not age."""
    return not found.key.startswith(f"{keys.KEPT}/")
