"""The records of a zip file, read as APPNOTE.TXT 6.3.10 lays them out.

Only reading is here; whether the records agree is for `zip_structure`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from modelry.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
_END_FORMAT = struct.Struct("<4s4H2LH")
_LOCATOR_FORMAT = struct.Struct("<4sLQL")
_END64_FORMAT = struct.Struct("<4sQ2H2L4Q")
_CENTRAL_FORMAT = struct.Struct("<4s6H3L5H2L")
_LOCAL_FORMAT = struct.Struct("<4s5H3L2H")
_COMMENT_MOST = 0xFFFF
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_MAX_ENTRIES = 200_000
_MAX_DIRECTORY = 64 * 1024 * 1024
_UTF8 = 0x800


class Sizes(NamedTuple):
    """The checksum and sizes that a header declares."""

    crc: int
    packed: int
    unpacked: int


class Entry(NamedTuple):
    """An entry of the central directory."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    sizes: Sizes
    attributes: int
    offset: int


class Local(NamedTuple):
    """The header in front of an entry's data; the data begins at `data`."""

    raw_name: bytes
    flags: int
    method: int
    sizes: Sizes
    data: int


class Directory(NamedTuple):
    """Where the central directory lies, and how many entries it should have."""

    start: int
    size: int
    entries: int


def ends_as_zip(source: BinaryIO, size: int) -> bool:
    """Say whether a zip reader would find an end record at the end of this file."""
    tail = _tail(source, size)
    at = tail.rfind(END)
    while at >= 0:
        if _ends_file(tail, at) and _has_directory(source, size - len(tail) + at, tail[at:]):
            return True
        at = tail.rfind(END, 0, at)
    return False


def directory(source: BinaryIO, size: int) -> Directory:
    """Find the central directory. Raises `Invalid` where its place is in doubt."""
    tail = _tail(source, size)
    at = tail.rfind(END)
    if at < 0:
        msg = "the zip has no end record; it was cut short"
        raise Invalid(msg)
    if not _ends_file(tail, at):
        msg = "bytes follow the end record of the zip; they belong to nothing"
        raise Invalid(msg)
    if tail.count(END, max(at - _COMMENT_MOST, 0), at) and _other_end(tail, at):
        msg = "the zip has more than one end record; readers would disagree on what it holds"
        raise Invalid(msg)
    return _directory(source, size - len(tail) + at, tail[at : at + _END_FORMAT.size])


def entries(source: BinaryIO, where: Directory) -> Iterator[Entry]:
    """Read the central directory, which must fill its place exactly."""
    source.seek(where.start)
    data = source.read(where.size)
    at = 0
    for _ in range(where.entries):
        entry, at = _entry(data, at)
        yield entry
    if at != len(data) or len(data) != where.size:
        msg = f"the central directory has {where.size:,} bytes, but its entries take {at:,}"
        raise Invalid(msg)


def local(source: BinaryIO, offset: int) -> Local:
    """Read the header in front of an entry's data."""
    source.seek(offset)
    data = source.read(_LOCAL_FORMAT.size)
    if len(data) < _LOCAL_FORMAT.size or data[:4] != LOCAL:
        msg = f"the central directory names an entry at byte {offset:,}, where none begins"
        raise Invalid(msg, at=offset)
    _, _, flags, method, _, _, crc, packed, unpacked, name, extra = _LOCAL_FORMAT.unpack(data)
    raw_name, extras = source.read(name), source.read(extra)
    unpacked, packed = _wide(extras, (unpacked, packed))
    start = offset + _LOCAL_FORMAT.size + name + extra
    return Local(raw_name, flags, method, Sizes(crc, packed, unpacked), start)


def _tail(source: BinaryIO, size: int) -> bytes:
    length = min(size, _COMMENT_MOST + _END_FORMAT.size)
    source.seek(size - length)
    return source.read(length)


def _ends_file(tail: bytes, at: int) -> bool:
    if len(tail) - at < _END_FORMAT.size:
        return False
    comment: int = _END_FORMAT.unpack_from(tail, at)[-1]
    return at + _END_FORMAT.size + comment == len(tail)


def _other_end(tail: bytes, at: int) -> bool:
    """Say whether an earlier end record, too, would reach the end of the file."""
    other = tail.rfind(END, 0, at)
    while other >= 0:
        if _ends_file(tail, other):
            return True
        other = tail.rfind(END, 0, other)
    return False


def _has_directory(source: BinaryIO, end: int, record: bytes) -> bool:
    size: int = _END_FORMAT.unpack_from(record)[5]
    places = [end - size, end - 20]  # the directory itself, or the locator of the zip64 record
    return any(_at(source, place, 4) in (CENTRAL, _LOCATOR64) for place in places if place >= 0)


def _at(source: BinaryIO, offset: int, count: int) -> bytes:
    source.seek(max(offset, 0))
    return source.read(count)


def _directory(source: BinaryIO, end: int, record: bytes) -> Directory:
    _, disk, first_disk, here, count, size, start, _ = _END_FORMAT.unpack(record)
    stop = end
    locator = _at(source, end - _LOCATOR_FORMAT.size, _LOCATOR_FORMAT.size)
    if end >= _LOCATOR_FORMAT.size and locator[:4] == _LOCATOR64:
        wide, stop = _wide_directory(source, end, locator)
        narrow, full = (count, size, start), (_FULL16, _FULL32, _FULL32)
        values = (wide.entries, wide.size, wide.start)
        if any(old not in (new, most) for old, new, most in zip(narrow, values, full, strict=True)):
            msg = "the zip64 end record disagrees with the end record"
            raise Invalid(msg)
        count, size, start = values
    elif here != count or disk or first_disk:
        msg = "the zip is split over several files; join it first"
        raise Invalid(msg)
    if start + size != stop or count > _MAX_ENTRIES or size > _MAX_DIRECTORY:
        msg = (
            f"the end record places {count:,} entries at bytes {start:,} to {start + size:,}; they "
            f"must end at {stop:,} (are there bytes before the zip?) and be at most "
            f"{_MAX_ENTRIES:,} in {_MAX_DIRECTORY:,} bytes"
        )
        raise Invalid(msg)
    return Directory(start, size, count)


def _wide_directory(source: BinaryIO, end: int, locator: bytes) -> tuple[Directory, int]:
    offset: int = _LOCATOR_FORMAT.unpack(locator)[2]
    record = _at(source, offset, _END64_FORMAT.size) if offset < end else b""
    if len(record) < _END64_FORMAT.size or record[:4] != _END64:
        msg = f"the zip64 locator points to byte {offset:,}, where no zip64 end record begins"
        raise Invalid(msg)
    _, length, _, _, disk, first, here, count, size, start = _END64_FORMAT.unpack(record)
    if offset + 12 + length != end - _LOCATOR_FORMAT.size or disk or first or here != count:
        msg = "the zip64 end record does not end at its locator, or speaks of several files"
        raise Invalid(msg)
    return Directory(start, size, count), offset


def _entry(data: bytes, at: int) -> tuple[Entry, int]:
    if data[at : at + 4] != CENTRAL or len(data) - at < _CENTRAL_FORMAT.size:
        msg = f"the central directory is broken {at:,} bytes after its start"
        raise Invalid(msg)
    values = _CENTRAL_FORMAT.unpack_from(data, at)
    flags, method, crc, packed, unpacked, name, extra, comment = *values[3:5], *values[7:13]
    attributes, offset = values[15:17]
    begin = at + _CENTRAL_FORMAT.size
    raw_name = data[begin : begin + name]
    extras = data[begin + name : begin + name + extra]
    unpacked, packed, offset = _wide(extras, (unpacked, packed, offset))
    text = raw_name.decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    sizes = Sizes(crc, packed, unpacked)
    after = begin + name + extra + comment
    return Entry(text, raw_name, flags, method, sizes, attributes, offset), after


def _wide(extras: bytes, values: tuple[int, ...]) -> tuple[int, ...]:
    """Answer `values` with those that are full replaced from the zip64 extra field."""
    fields = [content for tag, content in _extras(extras) if tag == 1]
    if not fields or _FULL32 not in values:
        return values
    if len(fields) > 1 or len(fields[0]) < 8 * values.count(_FULL32):
        msg = "an entry of the zip has a zip64 field that is doubled or too short"
        raise Invalid(msg)
    wide = iter(struct.unpack(f"<{len(fields[0]) // 8}Q", fields[0][: len(fields[0]) // 8 * 8]))
    return tuple(next(wide) if value == _FULL32 else value for value in values)


def _extras(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        tag, size = struct.unpack_from("<2H", data, at)
        yield tag, data[at + 4 : at + 4 + size]
        at += 4 + size
