"""A blob in an object store as a file.

A reader who jumps gets small ranges; for one who goes on they grow, and the
next one is fetched while the last is read.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from modelry.blobs.objects.bucket import Bucket, Found
from modelry.core.errors import Corrupt

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FIRST = 64 * 1024
LARGEST = 8 * 1024 * 1024
_GROWTH = 4


class ObjectFile(io.RawIOBase):
    """Reads an object by ranges. Two of the largest are in memory at most.

    A range of another object than the one that was found, or a short one, is
    an error: `Corrupt`, or `Unavailable` where the store is at fault.
    """

    def __init__(self, bucket: Bucket, found: Found, first: int = FIRST) -> None:
        super().__init__()
        self._bucket = bucket
        self._found = found
        self._at = 0
        self._first = self._window = first
        self._begin = self._end = 0
        self._data = memoryview(b"")
        self._ahead: _Ahead | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought in."""
        return True

    def tell(self) -> int:
        """Answer where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go somewhere else, which costs nothing before the next reading."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._found.size}[whence]
        if start + offset < 0:
            msg = f"negative seek position {start + offset}"
            raise ValueError(msg)
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read some bytes, 0 at the end."""
        if self._at >= self._found.size:
            return 0
        if not self._begin <= self._at < self._end:
            self._turn()
        into = memoryview(buffer).cast("B")
        part = self._data[self._at - self._begin :][: len(into)]
        into[: len(part)] = part
        self._at += len(part)
        return len(part)

    def readall(self) -> bytes:
        """Read up to the end."""
        parts = []
        while part := self.read(LARGEST):
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """Let go of the bytes."""
        self._data, self._ahead = memoryview(b""), None
        self._begin = self._end = 0
        super().close()

    def _turn(self) -> None:
        """Get the range around the present place, and begin to get the next one."""
        ahead, self._ahead = self._ahead, None
        going_on = self._at == self._end
        if ahead is not None and ahead.begin <= self._at < ahead.end:
            begin, end, data = ahead.begin, ahead.end, ahead.result()
        else:
            self._window = min(self._window * _GROWTH, LARGEST) if going_on else self._first
            begin, end = self._at, min(self._at + self._window, self._found.size)
            data = self._get(begin, end)
        self._begin, self._end, self._data = begin, end, data
        if going_on and begin and end < self._found.size:
            self._window = min(self._window * _GROWTH, LARGEST)
            self._ahead = _Ahead(self._get, end, min(end + self._window, self._found.size))

    def _get(self, begin: int, end: int) -> memoryview:
        try:
            return self._bucket.range(self._found, begin, end)
        except FileNotFoundError:
            msg = f"{self._found.key} in {self._bucket.address} was removed while it was read"
            raise Corrupt(msg, key=self._found.key) from None


class _Ahead:
    """A range that is on its way."""

    def __init__(self, get: Callable[[int, int], memoryview], begin: int, end: int) -> None:
        self.begin = begin
        self.end = end
        self._get = get
        self._data: memoryview | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="modelry-ahead", daemon=True)
        self._thread.start()

    def result(self) -> memoryview:
        """Wait for the bytes, or raise what getting them raised."""
        self._thread.join()
        if self._data is None:
            assert self._failure is not None  # noqa: S101 - one of the two is there
            raise self._failure
        return self._data

    def _run(self) -> None:
        try:
            self._data = self._get(self.begin, self.end)
        except BaseException as error:  # noqa: BLE001 - raised by `result`
            self._failure = error
