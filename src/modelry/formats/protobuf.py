"""The protobuf wire format, read forward, looking only at the fields that are asked for.

The encoding is that of https://protobuf.dev/programming-guides/encoding/. What
is not wanted is passed over in bulk: an ensemble of trees in ONNX is millions
of unpacked numbers that say nothing about its signature.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from modelry.core.errors import Invalid
from modelry.formats.forward import Forward

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MAX_FIELDS = 5_000_000
_ONE_BYTE = 0x80
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_KINDS = frozenset((VARINT, FIXED64, LENGTH, FIXED32))
_RUNS = {
    VARINT: rb"(?:%b[\x80-\xff]{0,9}[\x00-\x7f])++",
    FIXED64: rb"(?:%b[\x00-\xff]{8})++",
    FIXED32: rb"(?:%b[\x00-\xff]{4})++",
}


class Field(NamedTuple):
    """A field of a message: a number in `value`, or content up to position `stop`."""

    number: int
    wire: int
    value: int
    stop: int


class Wire(Forward):
    """A protobuf file; messages in it are walked with `fields`."""

    seen = 0

    def varint(self) -> int:
        """Read a number of 7 bits a byte; refuse more than 64 bits."""
        byte = self.byte()
        if byte < _ONE_BYTE:
            return byte
        value = byte & 0x7F
        for shift in range(7, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < _ONE_BYTE and value < 2**64:
                return value
        msg = f"the number that ends at byte {self.at:,} is longer than 64 bits; this is garbled"
        raise Invalid(msg, at=self.at)

    def fields(self, end: int, wanted: frozenset[int]) -> Iterator[Field]:
        """Answer the wanted fields of the message that ends at `end`.

        The content of a field with a length begins at `at`; wherever the
        caller stops in it, the walk goes on behind it.
        """
        while self.at < end:
            self._count()
            tag = self.varint()
            number, wire = tag >> 3, tag & 7
            if wire not in _KINDS or number == 0:
                msg = f"byte {self.at:,} opens no protobuf field (tag {tag}); this is garbled"
                raise Invalid(msg, at=self.at)
            field = self._field(number, wire, end)
            if number in wanted:
                yield field
            if field.stop > self.at:
                self.skip(field.stop - self.at, f"field {number}")
            if number not in wanted and tag < _ONE_BYTE:
                self._skip_run(tag, wire, end)

    def text(self, field: Field, most: int = 4096) -> bytes:
        """Read the content of `field`, or its first `most` bytes."""
        if field.wire != LENGTH:
            msg = f"field {field.number} at byte {self.at:,} should be text; this is garbled"
            raise Invalid(msg, at=self.at)
        return self.take(min(field.stop - self.at, most), f"field {field.number}")

    def inside(self, field: Field, wanted: frozenset[int]) -> Iterator[Field]:
        """Walk the message that `field` holds."""
        if field.wire != LENGTH:
            msg = f"field {field.number} at byte {self.at:,} should be a message; this is garbled"
            raise Invalid(msg, at=self.at)
        return self.fields(field.stop, wanted)

    def numbers(self, field: Field) -> Iterator[int]:
        """Read a repeated number, packed or not."""
        if field.wire == VARINT:
            yield field.value
        while field.wire == LENGTH and self.at < field.stop:
            self._count()
            yield self.varint()

    def _field(self, number: int, wire: int, end: int) -> Field:
        if wire == VARINT:
            value = self.varint()
            stop = self.at
        else:
            value = self.varint() if wire == LENGTH else _WIDTHS[wire]
            stop = self.at + value
        if stop > end:
            msg = (
                f"field {number} at byte {self.at:,} claims {value:,} bytes, but its message has "
                f"only {end - self.at:,} left; the file was cut short or is garbled"
            )
            raise Invalid(msg, at=self.at)
        return Field(number, wire, value, stop)

    def _count(self) -> None:
        self.seen += 1
        if self.seen > MAX_FIELDS:
            msg = f"the file has more than {MAX_FIELDS:,} fields to look at; no runtime loads that"
            raise Invalid(msg)

    def _skip_run(self, tag: int, wire: int, end: int) -> None:
        """Pass over the fields with the same `tag` that follow in what is already read."""
        last = min(len(self._chunk), self._index + end - self.at)
        if wire == LENGTH:
            self._skip_texts(tag, last)
            return
        run = re.compile(_RUNS[wire] % re.escape(bytes([tag])))
        match = run.match(self._chunk, self._index, last)
        if match:
            self._index = match.end()

    def _skip_texts(self, tag: int, last: int) -> None:
        chunk, index = self._chunk, self._index
        while index + 1 < last and chunk[index] == tag and chunk[index + 1] < _ONE_BYTE:
            after = index + 2 + chunk[index + 1]
            if after > last:
                break
            index = after
        self._index = index
