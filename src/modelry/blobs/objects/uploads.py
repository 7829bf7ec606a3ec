"""Uploads whose pieces are objects, so that any process may take any of them (port `Uploads`).

A piece is created only where there is none at its offset, and it is created
only at the end of the others. So of two pieces that arrive at once one is
refused, and the pieces lie end to end.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from modelry.blobs.layout import checked, checked_upload
from modelry.blobs.meter import Meter
from modelry.blobs.objects import keys
from modelry.blobs.objects.ahead import ahead
from modelry.blobs.objects.bucket import Bucket, Found
from modelry.blobs.objects.clock import StoreClock
from modelry.blobs.objects.reading import LARGEST, ObjectFile
from modelry.blobs.objects.sending import pieces, send_blob, verified
from modelry.blobs.refusals import (
    already_begun,
    another_finish,
    finished,
    no_upload,
    not_what_it_should_be,
    wrong_offset,
)
from modelry.blobs.running import RunningDigests, hashing
from modelry.core.errors import Corrupt, Invalid


@dataclass(frozen=True, slots=True)
class _State:
    """What is there of an upload: its pieces in order, or as what it was finished."""

    pieces: tuple[Found, ...]
    received: int
    done: tuple[str, int] | None


class ObjectUploads:
    """The uploads of an object store."""

    def __init__(self, bucket: Bucket, clock: StoreClock) -> None:
        self._bucket = bucket
        self._clock = clock
        self._running = RunningDigests()

    def begin(self, upload: str, *, unsaid: bool = False) -> None:
        """Make an empty upload. Raises `Conflict` where it is there.

        An `unsaid` one is hashed as it comes; others are as they go into their blob.
        """
        if not self._bucket.put_new(keys.begun(upload), b""):
            raise already_begun(upload)
        if unsaid:
            self._running.keep(upload, (0,), hashlib.sha256())

    def received(self, upload: str) -> int:
        """Answer how many bytes have arrived."""
        return self._look(upload).received

    def append(self, upload: str, offset: int, chunk: bytes | memoryview) -> int:
        """Create the piece at `offset`, which is the end, and answer the new end."""
        state = self._look(upload)
        if state.done:
            raise finished(upload, state.received)
        if offset != state.received:
            raise wrong_offset(upload, offset, state.received)
        data = bytes(chunk)
        if not data:
            return offset
        digest = self._running.take(upload, (offset,))
        with hashing(digest, memoryview(data)):
            new = self._bucket.put_new(keys.piece(upload, offset), data)
        if not new:
            raise wrong_offset(upload, offset, self.received(upload))
        self._running.keep(upload, (offset + len(data),), digest)
        return offset + len(data)

    def digest(self, upload: str) -> tuple[str, int]:
        """Answer sha256 and size of what has arrived."""
        state = self._look(upload)
        if state.done:
            return state.done
        digest = self._running.take(upload, (state.received,))
        if digest is None:
            digest = hashlib.sha256()
            for piece in self._bytes(upload, state):
                digest.update(piece)
        self._running.keep(upload, (state.received,), digest)
        return digest.hexdigest(), state.received

    def read(self, upload: str) -> Iterator[bytes]:
        """Answer what has arrived, in pieces."""
        state = self._look(upload)
        if state.done:
            raise no_upload(upload)
        yield from map(bytes, self._bytes(upload, state))

    def finish(self, upload: str, sha256: str, size: int) -> None:
        """Stream the pieces into a blob, verified, and keep it until `drop` or `sweep`.

        The blob is leased before anything relies on it. Where it is here
        already the pieces are verified and dropped.
        """
        checked(sha256)
        state = self._look(upload)
        if state.done:
            if state.done != (sha256, size):
                raise another_finish(upload)
        else:
            if state.received != size:
                self.drop(upload)
                raise not_what_it_should_be(sha256, size, None, state.received)
            self._bucket.put(keys.kept(upload, sha256), b"")
            try:
                self._publish(upload, sha256, state)
            except Corrupt:  # pieces are gone: somebody else has finished, or dropped it
                if self._look(upload).done != (sha256, size):
                    raise
            self._bucket.put(keys.done(upload, sha256, size), b"")
        self._running.forget(upload)
        self._delete([each.key for each in state.pieces])

    def drop(self, upload: str) -> None:
        """Forget an upload and what it holds; a published blob stays."""
        self._running.forget(upload)
        for folder in (f"{keys.KEPT}/{checked_upload(upload)}", keys.upload(upload)):
            self._delete([each.key for each in self._bucket.list(folder)])

    def sweep(self, grace: float) -> int:
        """Drop uploads to which nothing was added for `grace` seconds; answer the bytes freed."""
        found: dict[str, list[Found]] = defaultdict(list)
        for folder in (keys.UPLOADS, keys.KEPT):
            for each in self._bucket.list(folder):
                found[each.key.removeprefix(f"{folder}/").partition("/")[0]].append(each)
        freed = 0
        for objects in found.values():
            age = self._clock.now() - max(each.written for each in objects)
            if max(0.0, age) >= grace:
                self._delete([each.key for each in objects])
                freed += sum(each.size for each in objects)
        return freed

    def _look(self, upload: str) -> _State:
        folder = keys.upload(upload)
        found = {each.key.removeprefix(f"{folder}/"): each for each in self._bucket.list(folder)}
        done = next((name for name in found if name.startswith("done-")), None)
        if done is None and "begun" not in found:
            raise no_upload(upload)
        numbered = tuple(found[name] for name in sorted(found) if name.isdigit())
        if done is not None:
            _, sha256, size = done.split("-")
            return _State(numbered, int(size), (sha256, int(size)))
        return _State(numbered, sum(each.size for each in numbered), None)

    def _publish(self, upload: str, sha256: str, state: _State) -> None:
        size = state.received

        def refuse(found: str) -> Exception:
            return not_what_it_should_be(sha256, size, found, size)

        given = verified(ahead(self._bytes(upload, state)), sha256, size, refuse)
        here = self._bucket.head(keys.blob(sha256))
        try:
            if here is not None and here.size == size:
                for _ in given:
                    pass
            else:
                send_blob(self._bucket, sha256, size, given)
        except Invalid:
            self.drop(upload)
            raise

    def _bytes(self, upload: str, state: _State) -> Iterator[bytes]:
        meter = Meter("reading", state.received, None)
        for each in state.pieces:
            with ObjectFile(self._bucket, each, LARGEST) as handle:
                yield from pieces(cast("BinaryIO", handle), upload, meter)

    def _delete(self, found: list[str]) -> None:
        if found:
            self._bucket.delete(found)
