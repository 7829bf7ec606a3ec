"""A registry in one file: out of a server, and into one."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import httpx

from modelry.blobs.copying import CHUNK
from modelry.blobs.meter import Meter
from modelry.core.archive import MAX_RECORD
from modelry.core.errors import Conflict, Unavailable
from modelry.core.names import Ref
from modelry.core.ports import Progress
from modelry.core.strict_json import load_object
from modelry.core.verbs.export import Carried
from modelry.remotes.client.decoding import carried_from
from modelry.remotes.client.sending import Sender
from modelry.remotes.client.wire import LONG, Ask, Wire

_BLOBS = "blobs/sha256/"


@dataclass(frozen=True, slots=True)
class _StreamBytes:
    """The bytes of a seekable stream from `start` on."""

    stream: BinaryIO
    start: int
    sha256: str
    size: int

    @contextmanager
    def open_at(self, offset: int) -> Iterator[BinaryIO]:
        self.stream.seek(self.start + offset)
        yield self.stream

    def changed(self) -> Conflict:
        msg = "the archive changed while it was sent; wait until nothing writes to it"
        return Conflict(msg)


def take_in(  # noqa: PLR0913 - what, where to, and who watches
    wire: Wire,
    sender: Sender,
    path: str,
    stream: BinaryIO,
    more: Mapping[str, Any],
    progress: Progress | None,
) -> Carried:
    """Send an archive to the server and have it taken in at `path`."""
    given = _look(stream, progress)
    meter = Meter("uploading", given.size, progress)
    upload = sender.send(given, meter)
    meter.finish()
    return carried_from(wire.send("POST", path, {"upload": upload, **more}, seconds=LONG))


def _look(stream: BinaryIO, progress: Progress | None) -> _StreamBytes:
    """Read a stream once to know what it holds."""
    start = stream.seek(0)
    size = stream.seek(0, io.SEEK_END) - start
    stream.seek(start)
    meter, state = Meter("hashing", size, progress), hashlib.sha256()
    while chunk := stream.read(CHUNK):
        state.update(chunk)
        meter.add(len(chunk))
    meter.finish()
    return _StreamBytes(stream, start, state.hexdigest(), size)


def export(wire: Wire, stream: BinaryIO, ref: Ref | None, progress: Progress | None) -> Carried:
    """Write what the server exports to `stream`, and count what it holds.

    Raises `Unavailable` where it ends too early: then `stream` holds no archive.
    """
    params = {"model": None if ref is None else f"{ref.project}/{ref.name}"}
    with wire.stream(Ask("GET", "/registry/export", params, seconds=LONG)) as response:
        passing = _Passing(response, stream, progress)
        try:
            carried = _count(passing)
            while passing.read(CHUNK):
                pass
        except (httpx.RequestError, tarfile.TarError) as error:
            msg = f"the export of {wire.address} broke off and is not whole; try again"
            raise Unavailable(msg, server=str(wire.address)) from error
    return carried


class _Passing(io.RawIOBase):
    """Reads a response, and writes all that is read to a stream."""

    def __init__(
        self, response: httpx.Response, stream: BinaryIO, progress: Progress | None
    ) -> None:
        super().__init__()
        self._chunks = response.iter_bytes(CHUNK)
        self._stream = stream
        self._progress = progress
        self._rest = b""
        self.done = 0

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._stream.write(chunk)
            self.done += len(chunk)
            self._rest = chunk
            if self._progress is not None:
                self._progress("exporting", self.done, self.done)
        data = self._rest[:size] if size >= 0 else self._rest
        self._rest = self._rest[len(data) :]
        return data


def _count(passing: _Passing) -> Carried:
    """Follow an archive as it passes by. Raises `tarfile.TarError` where its end is missing."""
    models: set[str] = set()
    versions = events = blobs = size = 0
    ended = False
    with tarfile.open(fileobj=cast("BinaryIO", passing), mode="r|", bufsize=CHUNK) as tar:
        for member in tar:
            if member.name == "records.jsonl":
                for line in cast("BinaryIO", tar.extractfile(member)):
                    record = load_object(line, "a record of the export", max_bytes=MAX_RECORD)
                    versions += record["record"] == "version"
                    events += record["record"] == "event"
                    chain = str(record.get("chain"))
                    models |= {chain} if "/" in chain else set()
            elif member.name.startswith(_BLOBS):
                blobs, size = blobs + 1, size + member.size
            ended = member.name == "end.json"
    if not ended:
        msg = "the end is missing"
        raise tarfile.ReadError(msg)
    return Carried(len(models), versions, events, blobs, size)
