"""The headers of a tar file, as POSIX.1-2001 (pax), ustar and GNU write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelry.core.errors import Invalid
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelry.formats.forward import Forward

BLOCK = 512
FILES = (b"\0", b"0", b"7")
FOLDER, HARD_LINK, SYMBOLIC_LINK = b"5", b"1", b"2"
_LONG_NAME, _LONG_LINK, _EXTENDED, _GLOBAL = b"L", b"K", b"x", b"g"
_EXTENSIONS = (_LONG_NAME, _LONG_LINK, _EXTENDED, _GLOBAL)
_MOST = 1024 * 1024
_CHECKSUM = slice(148, 156)


class Member(NamedTuple):
    """A header with its long forms resolved."""

    name: str
    kind: bytes
    link: str
    size: int


def checksum_fits(header: bytes) -> bool:
    """Say whether the bytes of a header add up to the checksum in it."""
    if len(header) < BLOCK:
        return False
    blanked = header[:148] + b" " * 8 + header[156:BLOCK]
    try:
        return _octal(header[_CHECKSUM], "checksum") == sum(blanked)
    except Invalid:
        return False


def members(stream: Forward) -> Iterator[Member]:
    """Answer every member; the stream is behind its content when the next one is asked for."""
    extra: dict[str, str] = {}
    while True:
        header = stream.take(BLOCK, "a header")
        if not any(header):
            return
        if not checksum_fits(header):
            msg = f"the tar header at byte {stream.at - BLOCK:,} has a wrong checksum"
            raise Invalid(msg, at=stream.at - BLOCK)
        member = _member(header, extra)
        padded = -(-member.size // BLOCK) * BLOCK
        if member.kind in _EXTENSIONS:
            data = stream.take(padded, "an extended header", _MOST)[: member.size]
            extra |= _extension(member.kind, data)
            continue
        extra = {}
        yield member
        has_content = member.kind in FILES
        stream.skip(padded if has_content else 0, f"the member {plain(member.name)!r}")


def _member(header: bytes, extra: dict[str, str]) -> Member:
    """Read a header; what an extended header said before it counts more."""
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    name = extra.get("path", f"{prefix}/{name}" if prefix else name)
    size = extra.get("size")
    if size is not None and not (size.isascii() and size.isdigit() and len(size) < 20):  # noqa: PLR2004
        msg = f"an extended header of the tar gives the size {plain(size)!r}"
        raise Invalid(msg)
    number = _octal(header[124:136], "size") if size is None else int(size)
    kind = header[156:157]
    if kind == b"\0" and name.endswith("/"):
        kind = FOLDER
    return Member(name, kind, extra.get("linkpath", _text(header[157:257])), number)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _octal(field: bytes, what: str) -> int:
    if field[0] & 0x80:  # GNU's base-256 for large numbers
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        msg = f"a tar header has a {what} that is not an octal number"
        raise Invalid(msg)
    return int(digits or b"0", 8)


def _extension(kind: bytes, data: bytes) -> dict[str, str]:
    if kind in (_LONG_NAME, _LONG_LINK):
        return {"path" if kind == _LONG_NAME else "linkpath": _text(data)}
    records = dict(_records(data))
    if any(key.startswith("GNU.sparse") for key in records):
        msg = "the tar holds a sparse file, which says it is larger than it is; write it plainly"
        raise Invalid(msg)
    return records if kind == _EXTENDED else {}


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """Read pax records, `length key=value` and a newline each."""
    at = 0
    while at < len(data):
        digits = data[at : at + 8].split(b" ", 1)[0]
        length = int(digits) if digits.isdigit() else 0
        record = data[at : at + length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or len(record) != length or record[-1:] != b"\n":
            msg = "an extended header of the tar is broken"
            raise Invalid(msg)
        yield key.decode("utf-8", "replace"), value.decode("utf-8", "replace")
        at += length
