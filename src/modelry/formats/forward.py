"""A file read once from front to back, in which no declared length is believed.

Every length that a header declares is compared with what is left of the file
before a byte is allocated for it, so a header that claims 2^60 bytes costs
nothing. What is not needed is passed over by seeking.
"""

from __future__ import annotations

from contextlib import contextmanager
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO

from modelry.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelry.core.ports import SourceFile

CHUNK = 16 * 1024
MOST = 16 * 1024 * 1024
_U16, _U32, _U64 = Struct("<H"), Struct("<I"), Struct("<Q")


class Forward:
    """The bytes of `source` (`size` of them), called `what` in refusals."""

    def __init__(self, source: BinaryIO, size: int, what: str) -> None:
        self.size = size
        self.what = what
        self._source = source
        self._chunk = b""
        self._index = 0
        self._end = 0

    @property
    def at(self) -> int:
        """Answer the position of the next byte."""
        return self._end - len(self._chunk) + self._index

    @property
    def left(self) -> int:
        """Answer how many bytes are still to come."""
        return self.size - self.at

    def byte(self) -> int:
        """Read one byte."""
        if self._index >= len(self._chunk):
            self._refill()
        value = self._chunk[self._index]
        self._index += 1
        return value

    def take(self, count: int, part: str, most: int = MOST) -> bytes:
        """Read exactly `count` bytes for `part`; refuse more than `most` or than there are."""
        stop = self._index + count
        if stop <= len(self._chunk):
            data = self._chunk[self._index : stop]
            self._index = stop
            return data
        self._require(count, part)
        if count > most:
            msg = f"{part} at byte {self.at:,} has {count:,} bytes; at most {most:,} are read"
            raise Invalid(msg, at=self.at)
        parts = bytearray(self._chunk[self._index :])
        self._index = len(self._chunk)
        while len(parts) < count:
            self._refill()
            self._index = min(count - len(parts), len(self._chunk))
            parts += self._chunk[: self._index]
        return bytes(parts)

    def skip(self, count: int, part: str) -> None:
        """Pass over `count` bytes of `part` without reading them."""
        if self._index + count <= len(self._chunk):
            self._index += count
            return
        self._require(count, part)
        target = self.at + count
        self._source.seek(target)
        self._chunk, self._index, self._end = b"", 0, target

    def line(self, part: str, most: int = 4096) -> bytes:
        """Read up to the next newline, which is not part of the answer."""
        data = bytearray()
        while True:
            found = self._chunk.find(b"\n", self._index)
            stop = found if found >= 0 else len(self._chunk)
            data += self._chunk[self._index : stop]
            self._index = stop
            if len(data) > most:
                msg = f"{part} at byte {self.at:,} is a line of more than {most:,} bytes"
                raise Invalid(msg, at=self.at)
            if found >= 0:
                self._index = found + 1
                return bytes(data)
            self._refill()

    def peek(self, count: int) -> bytes:
        """Look at up to `count` of the next bytes (fewer at the end) without moving."""
        if len(self._chunk) - self._index < count and self.left > len(self._chunk) - self._index:
            rest = self._chunk[self._index :]
            self._refill()
            self._chunk, self._index = rest + self._chunk, 0
        return self._chunk[self._index : self._index + count]

    def u16(self, part: str) -> int:
        """Read a little-endian 16-bit whole number."""
        value: int = _U16.unpack(self.take(2, part))[0]
        return value

    def u32(self, part: str) -> int:
        """Read a little-endian 32-bit whole number."""
        value: int = _U32.unpack(self.take(4, part))[0]
        return value

    def u64(self, part: str) -> int:
        """Read a little-endian 64-bit whole number."""
        value: int = _U64.unpack(self.take(8, part))[0]
        return value

    def skip_strings(self, count: int, part: str) -> None:
        """Pass over `count` strings that are each led by a 64-bit length."""
        unpack = _U64.unpack_from
        while count:
            chunk, index, last = self._chunk, self._index, len(self._chunk) - 8
            while count and index <= last:
                after: int = index + 8 + unpack(chunk, index)[0]
                if after > len(chunk):
                    break
                index = after
                count -= 1
            self._index = index
            if count:
                self.skip(self.u64(part), part)
                count -= 1

    def _require(self, count: int, part: str) -> None:
        if count > self.left:
            msg = (
                f"{part} at byte {self.at:,} claims {count:,} bytes, but {self.what} has only "
                f"{self.left:,} left; it was cut short or its header lies"
            )
            raise Invalid(msg, at=self.at, claimed=count, left=self.left)

    def _refill(self) -> None:
        if self._end >= self.size:
            msg = f"{self.what} ends at byte {self.size:,} in the middle of something; cut short?"
            raise Invalid(msg, at=self.size)
        chunk = self._source.read(min(CHUNK, self.size - self._end))
        if not chunk:
            msg = f"{self.what} ends at byte {self._end:,}, though its size is {self.size:,}"
            raise Invalid(msg, at=self._end)
        self._chunk, self._index = chunk, 0
        self._end += len(chunk)


@contextmanager
def reading(file: SourceFile, what: str) -> Iterator[Forward]:
    """Open `file` to be read forward, and close it at the end."""
    with file.open() as source:
        yield Forward(source, file.size, what)
