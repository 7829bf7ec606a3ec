"""The file that carries a registry elsewhere: a plain tar, read as if an enemy wrote it.

Its members, in this order: `modelry.json` (what it is), `records.jsonl` (one
JSON record a line), `blobs/sha256/<digest>` for every blob, and `end.json`
(how many, and the sha256 of the records), so that a cut file is noticed.
Links, devices, sparse members, other names and other orders are refused, and
nothing is ever extracted by name.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from modelry.core.errors import Corrupt, Invalid
from modelry.core.strict_json import Json, dumps, load_object

FORMAT = "modelry.archive.v1"
MAX_RECORD = 64 * 1024 * 1024
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_BLOCK = 512


class ArchiveWriter:
    """Writes an archive to a stream, in bounded memory."""

    def __init__(self, stream: BinaryIO, about: dict[str, Json]) -> None:
        self._out = _Outlet(stream)
        outlet = cast("BinaryIO", self._out)
        self._tar = tarfile.open(fileobj=outlet, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by finish
        self._hash = hashlib.sha256()
        self._records = self._blobs = 0
        self._small("modelry.json", dumps({"format": FORMAT, **about}).encode())

    def records(self, spool: BinaryIO, records: Iterable[dict[str, Json]]) -> None:
        """Write all records, by way of `spool`, an empty temporary file."""
        for record in records:
            line = dumps(record).encode() + b"\n"
            spool.write(line)
            self._hash.update(line)
            self._records += 1
        size = spool.tell()
        spool.seek(0)
        self._tar.addfile(_member("records.jsonl", size), spool)

    def blob(self, sha256: str, size: int, stream: BinaryIO, read: Callable[[int], None]) -> None:
        """Write one blob, calling `read(count)` on the way.

        Raises `Corrupt` where the bytes are not its digest.
        """
        state = hashlib.sha256()
        member = _member(f"blobs/sha256/{sha256}", size)
        self._tar.addfile(member, _Hashing(stream, state, read))
        if state.hexdigest() != sha256:
            msg = f"the blob {sha256} is damaged in this registry; run modelry verify"
            raise Corrupt(msg, sha256=sha256)
        self._blobs += 1

    def finish(self) -> None:
        """Write the end, without which the file counts as cut."""
        end: dict[str, Json] = {
            "records": self._records,
            "blobs": self._blobs,
            "sha256": self._hash.hexdigest(),
        }
        self._small("end.json", dumps(end).encode())
        self._tar.close()

    def abandon(self) -> None:
        """Write nothing more, whatever happens: what was written stays cut."""
        self._out.open = False

    def _small(self, name: str, data: bytes) -> None:
        self._tar.addfile(_member(name, len(data)), io.BytesIO(data))


class _Outlet:
    """Passes writes on until it is shut; a tar file writes once more when it is forgotten."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.open = True

    def write(self, data: bytes) -> int:
        return self._stream.write(data) if self.open else len(data)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


class _Hashing(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, stream: BinaryIO, state: hashlib._Hash, read: Callable[[int], None]) -> None:
        super().__init__()
        self._stream = stream
        self._state = state
        self._told = read

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._state.update(data)
        self._told(len(data))
        return data


@dataclass(frozen=True, slots=True)
class BlobMember:
    """A blob inside an archive; it can be read once, before the next one is asked for."""

    sha256: str
    size: int
    open: Callable[[], BinaryIO]


class ArchiveReader:
    """Reads an archive from a seekable stream; every surprise is `Invalid`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._members = self._walk()
        member, reader = self._expect("modelry.json")
        self.about = load_object(reader.read(member.size), "modelry.json of the archive")
        if self.about.get("format") != FORMAT:
            msg = "this is not an archive of Modelry (modelry export and backup write them)"
            raise Invalid(msg, format=self.about.get("format"))
        self._hash = hashlib.sha256()
        self._records = self._blobs = 0

    def records(self) -> Iterator[dict[str, Json]]:
        """Answer every record, in the order they were written."""
        member, reader = self._expect("records.jsonl")
        left = member.size
        while left:
            line = reader.readline(min(left, MAX_RECORD))
            left -= len(line)
            if not line.endswith(b"\n"):
                msg = f"record {self._records + 1} of the archive is cut or too long"
                raise Invalid(msg)
            self._hash.update(line)
            self._records += 1
            yield load_object(line, f"record {self._records} of the archive", max_bytes=MAX_RECORD)

    def blobs(self) -> Iterator[BlobMember]:
        """Answer every blob, then check that the archive is whole."""
        seen: set[str] = set()
        for member, reader in self._members:
            match = _BLOB.fullmatch(member.name)
            if match is None:
                self._end(member, reader)
                return
            if match[1] in seen:
                msg = f"the blob {match[1]} stands in the archive twice"
                raise Invalid(msg)
            seen.add(match[1])
            self._blobs += 1
            yield BlobMember(match[1], member.size, _opener(reader))
        msg = "the archive is cut: its end is missing; export it again"
        raise Invalid(msg)

    def _end(self, member: tarfile.TarInfo, reader: BinaryIO) -> None:
        if member.name != "end.json":
            msg = f"the archive holds {member.name!r}, which does not belong there"
            raise Invalid(msg)
        end = load_object(reader.read(member.size), "end.json of the archive")
        seen: dict[str, Json] = {
            "records": self._records,
            "blobs": self._blobs,
            "sha256": self._hash.hexdigest(),
        }
        if end != seen or next(self._members, None) is not None:
            msg = "the archive does not hold what its end says; it was changed or damaged"
            raise Invalid(msg)

    def _expect(self, name: str) -> tuple[tarfile.TarInfo, BinaryIO]:
        found = next(self._members, None)
        if found is None or found[0].name != name:
            msg = f"this is not an archive of Modelry: {name} is missing where it belongs"
            raise Invalid(msg)
        return found

    def _walk(self) -> Iterator[tuple[tarfile.TarInfo, BinaryIO]]:
        """Answer the members one by one from their headers alone, trusting none."""
        end = self._stream.seek(0, io.SEEK_END)
        at = 0
        while at + _BLOCK <= end:
            self._stream.seek(at)
            block = self._stream.read(_BLOCK)
            if not block.strip(b"\0"):
                return
            member = _plain_member(block)
            if at + _BLOCK + member.size > end:
                msg = f"the archive is cut inside {member.name!r}; copy or export it again"
                raise Invalid(msg)
            yield member, cast("BinaryIO", _Window(self._stream, at + _BLOCK, member.size))
            at += _BLOCK + -(-member.size // _BLOCK) * _BLOCK


def _plain_member(block: bytes) -> tarfile.TarInfo:
    try:
        member = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        msg = f"the archive has a broken header ({error}); copy or export it again"
        raise Invalid(msg) from error
    if member.type != tarfile.REGTYPE or member.size < 0:
        msg = f"the archive holds {member.name!r}, which is no plain file; it is not of Modelry"
        raise Invalid(msg)
    return member


def _opener(reader: BinaryIO) -> Callable[[], BinaryIO]:
    """Answer what opens a member, as often as it is asked to."""
    window = cast("_Window", reader)
    return lambda: cast("BinaryIO", window.again())


class _Window(io.RawIOBase):
    """One member's bytes, and not one more."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._start, self._size, self._at = start, size, 0

    def again(self) -> _Window:
        """Answer another window on the same bytes, from their start."""
        return _Window(self._stream, self._start, self._size)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what callers give
        self._stream.seek(self._start + self._at)
        data = self._stream.read(min(len(buffer), self._size - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readline(self, size: int | None = -1) -> bytes:
        limit = self._size - self._at if size is None or size < 0 else size
        self._stream.seek(self._start + self._at)
        data = self._stream.readline(min(limit, self._size - self._at))
        self._at += len(data)
        return data
