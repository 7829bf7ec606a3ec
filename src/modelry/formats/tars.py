"""Plain tar files: only whether unpacking one could do harm. Nothing is unpacked here.

Refused are links and names that leave the folder, devices, pipes, sparse files
(CVE-2025-4517, CVE-2026-27905) and anything behind the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.core.model import Findings
from modelry.formats.forward import Forward, reading
from modelry.formats.quoting import plain
from modelry.formats.tar_headers import (
    BLOCK,
    FILES,
    FOLDER,
    HARD_LINK,
    SYMBOLIC_LINK,
    Member,
    checksum_fits,
    members,
)

if TYPE_CHECKING:
    from modelry.core.ports import SourceFile

_MAGIC = b"ustar"
_MAX_MEMBERS = 200_000
_FORBIDDEN = {b"3": "a device", b"4": "a device", b"6": "a pipe", b"S": "a sparse file"}


class Tar:
    """Walks the headers, passing over the contents."""

    name = "tar"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise the magic of ustar and GNU, or a first header whose checksum fits."""
        return size >= BLOCK and (head[257:262] == _MAGIC or _is_old(head[:BLOCK]))

    def read(self, file: SourceFile) -> Findings:
        """Answer how many files it holds. Raises `Invalid` for what should not be unpacked."""
        contents = _Contents()
        with reading(file, "the tar") as stream:
            for member in members(stream):
                contents.add(member)
            _refuse_rest(stream)
        return Findings(
            format=self.name,
            details={"files": contents.files, "bytes": contents.size},
        )


def _is_old(header: bytes) -> bool:
    return header[:1] != b"\0" and checksum_fits(header)


class _Contents:
    """What the members add up to, and which of them are links."""

    def __init__(self) -> None:
        self.files = 0
        self.size = 0
        self._names: set[str] = set()
        self._links: set[str] = set()

    def add(self, member: Member) -> None:
        """Count a member, or refuse it with the reason."""
        wrong = self._wrong(member)
        if wrong:
            msg = f"the member {plain(member.name)!r} of the tar {wrong}"
            raise Invalid(msg, member=plain(member.name))
        name = member.name.rstrip("/")
        self._names.add(name)
        if member.kind == SYMBOLIC_LINK:
            self._links.add(name)
        if member.kind in FILES:
            self.files += 1
            self.size += member.size

    def _wrong(self, member: Member) -> str | None:
        if len(self._names) >= _MAX_MEMBERS:
            return f"is one of more than {_MAX_MEMBERS:,}"
        if _leaves(member.name):
            return "has a name that leaves the folder it would be unpacked to"
        if member.kind in (SYMBOLIC_LINK, HARD_LINK):
            return self._wrong_link(member)
        if member.kind not in (*FILES, FOLDER):
            return f"is {_FORBIDDEN.get(member.kind, 'of an unknown kind')}"
        return self._wrong_place(member.name)

    def _wrong_link(self, member: Member) -> str | None:
        target = member.link
        if member.kind == SYMBOLIC_LINK:
            depth = len([part for part in member.name.split("/")[:-1] if part not in ("", ".")])
            parts = target.split("/")
            climbs = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
            if target.startswith("/") or climbs > depth or ".." in parts[climbs:]:
                return f"is a link that leaves the folder: {plain(target)!r}"
        elif _leaves(target) or self._wrong_place(target):
            return f"is a link that leaves the folder: {plain(target)!r}"
        return self._wrong_place(member.name)

    def _wrong_place(self, name: str) -> str | None:
        """Refuse to go through a link, or to replace one."""
        parts = name.rstrip("/").split("/")
        paths = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        if self._links and any(path in self._links for path in paths):
            return "lies behind a link, which could lead anywhere"
        return None


def _leaves(name: str) -> bool:
    odd = not name or "\\" in name or "\0" in name or name[1:2] == ":"
    return odd or name.startswith("/") or ".." in name.split("/")


def _refuse_rest(stream: Forward) -> None:
    """Refuse anything but zeros behind the end; a zip may hide there."""
    while stream.left:
        if any(stream.take(min(stream.left, BLOCK), "the end")):
            msg = f"bytes follow the end of the tar at byte {stream.at:,}; they belong to nothing"
            raise Invalid(msg, at=stream.at)
