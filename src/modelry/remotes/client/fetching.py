"""The blobs of a version, brought from a server when they are opened, into the local cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import quote, urljoin

import httpx

from modelry.blobs.meter import Meter, Stopped
from modelry.blobs.parallel import each
from modelry.core.errors import Corrupt, RegistryError
from modelry.core.model import File, Version
from modelry.core.ports import Progress
from modelry.remotes.client.cache import Arrival, Cache, write_at
from modelry.remotes.client.problems import stranger
from modelry.remotes.client.wire import PASSING, Ask, Wire, wish_of

SPAN = 16 * 1024 * 1024
"""Bytes of one range: what a killed process fetches again is less than this for each thread."""

_AT_ONCE = 4 if hasattr(os, "pwrite") else 1
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_Range = tuple[int, int]


class Fetched:
    """The blobs of one version at a server, as something that a shelf is filled from.

    A blob that was fetched before is not fetched again. Every byte is verified
    before `open` answers it.
    """

    def __init__(
        self, wire: Wire, cache: Cache, version: Version, progress: Progress | None
    ) -> None:
        self._wire = wire
        self._cache = cache
        self._version = version
        self._files = {file.sha256: file for file in version.files}
        self._direct = True
        self._meter = Meter("fetching", sum(f.size for f in self._files.values()), progress)

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob of the version, fetching it where it is not here. Raises `Corrupt`."""
        file = self._files[sha256]
        found = self._cache.open(sha256, file.size)
        if found is not None:
            self._meter.add(file.size)
            return found
        with self._cache.arriving(sha256, file.size, SPAN) as arrival:
            found = self._cache.open(sha256, file.size)  # another process may have been faster
            if found is not None:
                self._meter.add(file.size)
                return found
            self._fetch(file, arrival)
            found = self._cache.open(sha256, file.size)  # before anybody may evict it
        if found is None:
            raise _broken(file)
        return found

    def _fetch(self, file: File, arrival: Arrival) -> None:
        """Fetch what is missing; bytes that are wrong are fetched once more, then refused."""
        silent = Meter("verifying", file.size, None)
        for _ in range(2):
            missing = arrival.missing()
            if here := file.size - sum(end - start for start, end in missing):
                self._meter.add(here)
            with arrival.writing() as part:

                def take(span: _Range, part: int = part) -> None:
                    self._take(file, span, part)
                    arrival.note(span[0])

                each(take, missing, self._meter, threads=_AT_ONCE)
            if arrival.missing():  # another file failed, which stops this one too
                raise Stopped
            if arrival.keep(file.sha256, silent):
                return
        raise _broken(file)

    def _take(self, file: File, span: _Range, part: int) -> None:
        """Fetch one range, going on where a connection broke."""
        at, end = span
        left = self._wire.begin_waiting()
        while at < end:
            before = at
            failure: RegistryError
            wish = None
            try:
                with self._answer(file, at, end) as response:
                    for chunk in _wanted(response, at, end):
                        write_at(part, at, chunk)
                        at += len(chunk)
                        self._meter.add(len(chunk))
                failure = self._wire.unreachable(EOFError("the answer is too short"))
            except httpx.RequestError as error:
                failure = self._wire.unreachable(error)
            except _Later as later:
                failure, wish = later.refusal, later.wish
            if at > before:
                left.renew()
            elif not left.wait(wish):
                raise failure

    @contextmanager
    def _answer(self, file: File, at: int, end: int) -> Iterator[httpx.Response]:
        """Open the bytes from `at` to before `end`: here, or where the server sends us."""
        params = {"redirect": 1} if self._direct else {}
        headers = {"Range": f"bytes={at}-{end - 1}", "If-Range": f'"{file.sha256}"',
                   "Accept-Encoding": "identity"}  # fmt: skip
        request = self._wire.request(Ask("GET", self._path(file), params, headers=headers))
        response = self._wire.http.send(request, stream=True)
        try:
            if response.status_code in _REDIRECTS:
                response.close()
                response = self._elsewhere(response, at, end)
            self._refuse(response)
            yield response
        finally:
            response.close()

    def _elsewhere(self, response: httpx.Response, at: int, end: int) -> httpx.Response:
        """Ask where the server sends us: for these bytes alone, without our token.

        Where that place does not answer well the server sends the bytes itself
        from then on.
        """
        target = urljoin(str(response.request.url), response.headers.get("location", ""))
        answer = None
        if not target.startswith("http:") or self._wire.address.plain:
            headers = {"Range": f"bytes={at}-{end - 1}", "Accept-Encoding": "identity"}
            timeout = {"timeout": self._wire.http.timeout.as_dict()}
            with suppress(httpx.RequestError, httpx.InvalidURL):
                request = httpx.Request("GET", target, headers=headers, extensions=timeout)
                answer = self._wire.http.send(request, stream=True, auth=None)
        if answer is not None and answer.is_success:
            return answer
        if answer is not None:
            answer.close()
        self._direct = False
        raise _Later(stranger(response, str(self._wire.address)))

    def _refuse(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        response.read()
        refusal = self._wire.refusal(response)
        if response.status_code in PASSING:
            raise _Later(refusal, wish_of(response))
        raise refusal

    def _path(self, file: File) -> str:
        return f"/registry/models/versions/{self._version.uid}/files/{quote(file.path)}"


class _Later(Exception):
    """The bytes did not come for now; `refusal` is for when there is no more time."""

    def __init__(self, refusal: RegistryError, wish: float | None = None) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.wish = wish


def _wanted(response: httpx.Response, at: int, end: int) -> Iterator[bytes]:
    """Answer the bytes of a range, also from an answer that holds the whole blob."""
    skip = 0 if response.status_code == HTTPStatus.PARTIAL_CONTENT else at
    left = end - at
    for chunk in response.iter_raw():
        data = chunk[skip:]
        skip = max(0, skip - len(chunk))
        data = data[:left]
        left -= len(data)
        if data:
            yield data
        if not left:
            return


def _broken(file: File) -> Corrupt:
    msg = f"the server sent other bytes for {file.path!r} than it says; verify it (modelry verify)"
    return Corrupt(msg, path=file.path, sha256=file.sha256)
