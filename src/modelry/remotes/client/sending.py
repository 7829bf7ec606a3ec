"""Bytes on their way to a server: in pieces, going on where the last piece ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, Protocol

import httpx

from modelry.blobs.copying import CHUNK
from modelry.blobs.meter import Meter
from modelry.blobs.reading import changed, reading
from modelry.core.errors import Conflict, NotFound, RegistryError
from modelry.core.ports import SourceFile
from modelry.remotes.client.sessions import Session, Sessions
from modelry.remotes.client.wire import PASSING, Ask, Wire, wish_of

PIECE = 64 * 1024 * 1024
"""Bytes that one request carries: what a broken connection may cost is less."""

_FINISHING = 600.0
"""Seconds that the server may take to hash and keep what arrived."""


class Outgoing(Protocol):
    """Bytes that a server should have, and what they are."""

    @property
    def sha256(self) -> str:
        """The digest of all of them."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def open_at(self, offset: int) -> AbstractContextManager[BinaryIO]:
        """Open for reading from `offset`. Raises `Conflict` where they changed since."""
        ...

    def changed(self) -> Conflict:
        """Say that they are not any more what they were."""
        ...


@dataclass(frozen=True, slots=True)
class FileBytes:
    """The bytes of a local file, which must not change until they are sent."""

    file: SourceFile
    sha256: str

    @property
    def size(self) -> int:
        """The size that the file had when it was looked at."""
        return self.file.size

    @contextmanager
    def open_at(self, offset: int) -> Iterator[BinaryIO]:
        """Open the file, and look again at the end whether it is still the same."""
        with reading(self.file) as stream:
            stream.seek(offset)
            yield stream

    def changed(self) -> Conflict:
        """Name the file."""
        return changed(self.file.path)


class Sender:
    """Sends bytes to one server and answers the ids of their uploads."""

    def __init__(self, wire: Wire, sessions: Sessions) -> None:
        self._wire = wire
        self._sessions = sessions

    def send(self, given: Outgoing, meter: Meter) -> str:
        """Bring all of `given` to the server and answer the id of the finished upload.

        An upload that an earlier run began is gone on with; one that expired,
        or whose bytes the server refused, is begun once more. Raises
        `Conflict` where the bytes change while they are read.
        """
        with self._sessions.of(given.sha256, given.size) as session:
            try:
                return self._once(given, session, meter)
            except _Gone:
                session.forget()
                _refuse_changed(given)
            try:
                return self._once(given, session, meter)
            except _Gone as gone:
                session.forget()
                raise gone.refusal from gone

    def _once(self, given: Outgoing, session: Session, meter: Meter) -> str:
        upload, fresh = session.upload, False
        if upload is None:
            body = {"size": given.size, "sha256": given.sha256}
            upload, fresh = str(self._wire.send("POST", "/registry/uploads", body)["id"]), True
            session.remember(upload)
        _Transfer(self._wire, given, upload, meter).run(fresh=fresh)
        return upload


def _refuse_changed(given: Outgoing) -> None:
    """Open the bytes, which finds a file that is not what it was when it was hashed."""
    with given.open_at(0):
        pass


class _Gone(Exception):
    """The server does not have this upload any more; `refusal` is how it said so."""

    def __init__(self, refusal: RegistryError) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class _Later(Exception):
    """A piece did not arrive for now; `refusal` is for when there is no more time."""

    def __init__(self, refusal: RegistryError, wish: float | None = None) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.wish = wish


_FOR_NOW = PASSING | {HTTPStatus.CONFLICT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
"""Also: an earlier request still writes, and a piece that does not begin where the last ended."""

_FOR_GOOD = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})


class _Transfer:
    """One upload from where it is to its end.

    A piece carries its offset, so that it counts once however often it is
    sent; no idempotency key is needed for that.
    """

    def __init__(self, wire: Wire, given: Outgoing, upload: str, meter: Meter) -> None:
        self._wire = wire
        self._given = given
        self._path = f"/registry/uploads/{upload}"
        self._meter = meter
        self._told = 0

    def run(self, *, fresh: bool) -> None:
        """Send what is missing; where a piece fails, ask the server where to go on."""
        left = self._wire.begin_waiting()
        offset, complete = (0, False) if fresh and self._given.size else self._look()
        while not complete:
            self._tell(offset)
            try:
                offset = self._send(offset)
                complete = offset == self._given.size
                left.renew()
            except _Later as later:
                if not left.wait(later.wish):
                    raise later.refusal from later
                before = offset
                offset, complete = self._look()
                if offset > before:
                    left.renew()
        self._tell(self._given.size)

    def _look(self) -> tuple[int, bool]:
        """Ask how many bytes arrived, and whether the upload is finished."""
        try:
            found = self._wire.get(self._path)
        except NotFound as error:
            raise _Gone(error) from error
        return found["offset"], found["complete"]

    def _send(self, offset: int) -> int:
        """Send the piece at `offset` from the disk, and answer how far the server is."""
        count = min(PIECE, self._given.size - offset)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(count),
            "Upload-Offset": str(offset),
        }
        ask = Ask("PATCH", self._path, headers=headers, seconds=_FINISHING)
        with self._given.open_at(offset) as stream:
            body = self._body(stream, offset, offset + count)
            try:
                response = self._wire.http.send(self._wire.request(ask, content=body))
            except httpx.RequestError as error:
                raise _Later(self._wire.unreachable(error)) from error
        return self._reached(response)

    def _reached(self, response: httpx.Response) -> int:
        if response.is_success:
            return int(response.headers["upload-offset"])
        refusal = self._wire.refusal(response)
        if response.status_code in _FOR_NOW:
            raise _Later(refusal, wish_of(response))
        if response.status_code in _FOR_GOOD:
            raise _Gone(refusal)
        raise refusal

    def _body(self, stream: BinaryIO, at: int, end: int) -> Iterator[bytes]:
        while at < end:
            chunk = stream.read(min(CHUNK, end - at))
            if not chunk:
                raise self._given.changed()
            yield chunk
            at += len(chunk)
            self._tell(at)

    def _tell(self, reached: int) -> None:
        """Count what is sent once, also where it is sent again."""
        if reached > self._told:
            self._meter.add(reached - self._told)
            self._told = reached
