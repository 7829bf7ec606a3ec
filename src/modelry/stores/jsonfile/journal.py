"""The history beside a `registry.json`: one line for every change, never rewritten.

A line is a checksum (CRC-32, 8 hex digits), a blank and an object of JSON.
The line of a change holds what it wrote and the sha256 of the `registry.json`
before and after it; a line `{"done":true}` follows once that file is in
place. A change without it, whose `registry.json` is not there either, was
interrupted, and never happened. A last line that is cut never was one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelry.core.errors import Corrupt
from modelry.core.strict_json import Json, dumps
from modelry.durable import BINARY, NOFOLLOW, flush, write_all

FORMAT = "modelry.history.v1"
DONE: Mapping[str, Json] = {"done": True}
_CRC = 9


@dataclass(frozen=True, slots=True)
class Line:
    """One line: where it begins and ends in the file, in bytes, and what it says."""

    start: int
    end: int
    record: Mapping[str, Any]

    @property
    def changes_the_file(self) -> bool:
        """Say whether `registry.json` is another one after this change."""
        return "after" in self.record and self.record["after"] != self.record["before"]


class Journal:
    """The file of a history; whoever calls holds the lock of its registry."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def inode(self) -> int | None:
        """Answer which file it is, None where there is none."""
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def read(self, start: int) -> list[Line]:
        """Answer the whole lines from byte `start` on. Raises `Corrupt` naming a broken one."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(start)
                data = stream.read()
        except FileNotFoundError:
            return []
        found: list[Line] = []
        at = 0
        while (end := data.find(b"\n", at) + 1) > 0:
            record = _record(data[at:end])
            if record is None:
                if data.find(b"\n", end) < 0:
                    break  # the last one: it was being written
                raise self._broken(start + at)
            found.append(Line(start + at, start + end, record))
            at = end
        if start == 0 and found and found[0].record.get("format") != FORMAT:
            msg = f"{self.path.name} is not a history that this version of Modelry reads"
            raise Corrupt(msg, file=self.path.name)
        return found

    def _broken(self, at: int) -> Corrupt:
        number = self.path.read_bytes()[:at].count(b"\n") + 1
        msg = (
            f"line {number} of {self.path.name} was edited or damaged; bring it back from a backup"
        )
        return Corrupt(msg, file=self.path.name, line=number)

    def append(self, at: int, records: Iterable[Mapping[str, Json]], *, durable: bool) -> int:
        """Write lines at byte `at`, over what was cut there; answer where they end.

        What fails is taken back.
        """
        lines = b"".join(_line(record) for record in records)
        flags = os.O_RDWR | os.O_CREAT | BINARY | NOFOLLOW
        descriptor = os.open(self.path, flags, 0o666)
        try:
            os.ftruncate(descriptor, at)
            os.lseek(descriptor, at, os.SEEK_SET)
            try:
                write_all(descriptor, lines)
                if durable:
                    flush(descriptor)
            except OSError:
                os.ftruncate(descriptor, at)
                raise
        finally:
            os.close(descriptor)
        return at + len(lines)

    def cut(self, at: int) -> None:
        """Forget what stands from byte `at` on."""
        self.append(at, (), durable=True)


def _line(record: Mapping[str, Json]) -> bytes:
    text = dumps(record).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _record(line: bytes) -> Mapping[str, Any] | None:
    """Answer what a line says, None where it is not as it was written."""
    text = line[_CRC:-1]
    if line[:_CRC] != b"%08x " % zlib.crc32(text):
        return None
    value: Mapping[str, Any] = json.loads(text)
    return value
