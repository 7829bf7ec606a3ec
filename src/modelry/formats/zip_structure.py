"""Whether a zip says one thing to every reader, before anything in it is looked at.

A zip holds each name and size twice, and readers differ in which they believe.
Refused is whatever lets two of them see different contents: doubled names,
overlapping or hidden bytes, bytes before or after, headers that disagree
(CVE-2024-0450, CVE-2025-8291, CVE-2025-54368), and names that leave a folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from modelry.core.errors import Invalid
from modelry.formats import zip_records
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelry.formats.zip_records import Entry, Local

STORED, DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_STREAMED = 0x8
_FOLLOWING = (0, 12, 16, 20, 24)
_LINK = 0o120000
_KIND = 0o170000
_BOMB_LEAST = 1024**3
_BOMB_RATIO = 200


def checked_entries(source: BinaryIO, size: int) -> list[Entry]:
    """Answer the entries in the order of their bytes. Raises `Invalid` with what is wrong."""
    where = zip_records.directory(source, size)
    found = list(zip_records.entries(source, where))
    _refuse_doubles(found)
    _refuse_bomb(found, size)
    for entry in found:
        _refuse_entry(entry)
    found.sort(key=lambda entry: entry.offset)
    _refuse_hidden(source, found, where.start)
    return found


def _refuse_doubles(entries: Sequence[Entry]) -> None:
    seen: set[bytes] = set()
    for entry in entries:
        if entry.raw_name in seen:
            msg = f"the zip holds {plain(entry.name)!r} twice; readers differ in which they take"
            raise Invalid(msg, entry=plain(entry.name))
        seen.add(entry.raw_name)


def _refuse_bomb(entries: Sequence[Entry], size: int) -> None:
    total = sum(entry.sizes.unpacked for entry in entries)
    most = max(_BOMB_LEAST, _BOMB_RATIO * size)
    if total > most:
        msg = f"the zip would unpack to {total:,} bytes from {size:,}; at most {most:,} are allowed"
        raise Invalid(msg, claimed=total)


def _refuse_entry(entry: Entry) -> None:
    wrong = _wrong_name(entry) or _wrong_kind(entry)
    if wrong:
        msg = f"the entry {plain(entry.name)!r} of the zip {wrong}"
        raise Invalid(msg, entry=plain(entry.name))


def _wrong_name(entry: Entry) -> str | None:
    name = entry.name
    if not name or "\0" in name or "\\" in name:
        return "has no name, or one with a backslash or a NUL in it"
    if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
        return "has a name that leaves the folder it would be unpacked to"
    return None


def _wrong_kind(entry: Entry) -> str | None:
    if entry.flags & _ENCRYPTED:
        return "is encrypted, so nobody can tell what it is"
    if (entry.attributes >> 16) & _KIND == _LINK:
        return "is a symbolic link"
    if entry.method == STORED and entry.sizes.packed != entry.sizes.unpacked:
        return "is stored as it is, but declares two different sizes"
    return None


def _refuse_hidden(source: BinaryIO, entries: Sequence[Entry], end: int) -> None:
    """Refuse bytes that belong to no entry, to two, or to one that its own header denies."""
    at = 0
    slack: tuple[int, ...] = (0,)
    for entry in entries:
        _refuse_gap(entry.offset - at, slack, f"before the entry {plain(entry.name)!r}")
        header = zip_records.local(source, entry.offset)
        _refuse_disagreement(entry, header)
        at = header.data + entry.sizes.packed
        slack = _FOLLOWING if entry.flags & _STREAMED else (0,)
    _refuse_gap(end - at, slack, "before the central directory")


def _refuse_gap(gap: int, slack: tuple[int, ...], where: str) -> None:
    if gap < 0:
        msg = f"two entries of the zip overlap by {-gap:,} bytes {where}"
        raise Invalid(msg)
    if gap not in slack:
        msg = f"{gap:,} bytes {where} belong to no entry of the zip"
        raise Invalid(msg)


def _refuse_disagreement(entry: Entry, header: Local) -> None:
    differs = [
        what
        for what, one, other in (
            ("name", entry.raw_name, header.raw_name),
            ("flags", entry.flags, header.flags),
            ("method", entry.method, header.method),
        )
        if one != other
    ]
    sizes_follow = bool(entry.flags & _STREAMED)
    whats = ("checksum", "size", "size")
    for what, one, other in zip(whats, entry.sizes, header.sizes, strict=True):
        if one != other and not (sizes_follow and other in (0, 0xFFFFFFFF)):
            differs.append(what)
    if differs:
        msg = (
            f"the entry {plain(entry.name)!r} has another {differs[0]} in its own header than in "
            "the central directory; readers differ in which they believe"
        )
        raise Invalid(msg, entry=plain(entry.name))
