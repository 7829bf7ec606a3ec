"""A bucket of an object store: the few requests that are needed, and obstore behind them.

obstore retries what can be retried, within the bounds of the address. What
fails after that is `Unavailable`. Its messages are not passed on, nor chained:
they quote addresses and answers, and with some stores those carry signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import AzureStore, GCSStore, S3Store

from modelry.blobs.objects.address import Address
from modelry.core.errors import Corrupt, Unavailable
from modelry.durable import fresh_name

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_MOST_PARTS = 9000
"""S3 takes 10,000 parts at most."""
_AT_ONCE = 4
_PAGE = 1000
_LONGEST_LINK = 7 * 24 * 3600
_MARK = "writer"
_STATUS = re.compile(r"status code: (\d{3})")


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its key, size, when the store says it was written (Unix time), and its ETag."""

    key: str
    size: int
    written: float
    tag: str | None


class Bucket:
    """The objects under one prefix. Every object is whole or absent."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._prefix = f"{address.prefix}/" if address.prefix else ""
        with self._asking():
            self._store = _open(address)

    def head(self, key: str) -> Found | None:
        """Answer what an object is, None where there is none."""
        try:
            with self._asking():
                return self._found(obstore.head(self._store, self._prefix + key))
        except FileNotFoundError:
            return None

    def list(self, folder: str) -> Iterator[Found]:
        """Answer every object in a folder and below."""
        with self._keeping():
            pages = obstore.list(self._store, self._prefix + folder, chunk_size=_PAGE)
        while True:
            with self._keeping():
                page = next(pages, None)
            if page is None:
                return
            for meta in page:
                yield self._found(meta)

    def put(self, key: str, data: bytes) -> None:
        """Write an object; a signature or checksum of its bytes goes with it."""
        with self._keeping():
            obstore.put(self._store, self._prefix + key, data, use_multipart=False)

    def put_new(self, key: str, data: bytes) -> bool:
        """Write an object where there is none; say whether it is ours.

        A mark tells our own object from another's where the answer was lost.
        """
        mark = fresh_name()
        try:
            with self._keeping():
                obstore.put(
                    self._store,
                    self._prefix + key,
                    data,
                    mode="create",
                    use_multipart=False,
                    attributes={_MARK: mark},
                )
        except FileExistsError:
            return self._mark(key) == mark
        except Unavailable:
            if self._mark(key) != mark:
                raise
        return True

    def _mark(self, key: str) -> str | None:
        options: obstore.GetOptions = {"head": True}
        try:
            with self._asking():
                got = obstore.get(self._store, self._prefix + key, options=options)
        except FileNotFoundError:
            return None
        return got.attributes.get(_MARK)

    def send(self, key: str, pieces: Iterable[bytes], size: int) -> None:
        """Write an object of `size` bytes, in parts where it is large, a few in memory at once.

        An exception of `pieces` passes through, also at its end, and there is no object then.
        """
        if size <= self.address.part:
            self.put(key, b"".join(pieces))
            return
        part = max(self.address.part, -(-size // _MOST_PARTS))
        with self._keeping():
            obstore.put(
                self._store,
                self._prefix + key,
                pieces,
                use_multipart=True,
                chunk_size=part,
                max_concurrency=_AT_ONCE,
            )

    def read(self, key: str) -> bytes | None:
        """Answer a small object, None where there is none."""
        try:
            with self._asking():
                result = obstore.get(self._store, self._prefix + key)
                data = bytes(result.bytes())
        except FileNotFoundError:
            return None
        if len(data) != result.meta["size"]:
            raise self.broken_off(key)
        return data

    def range(self, found: Found, begin: int, end: int) -> memoryview:
        """Answer a part of an object, which is the one that was found and no other.

        Raises `FileNotFoundError` where it is gone, `Corrupt` where it was replaced.
        """
        options: obstore.GetOptions = {"range": (begin, end)}
        if found.tag is not None:
            options["if_match"] = found.tag
        try:
            with self._asking():
                result = obstore.get(self._store, self._prefix + found.key, options=options)
                data = memoryview(result.bytes())
        except FileExistsError:
            raise self._replaced(found.key) from None
        if result.meta["size"] != found.size or _quoted(result.meta["e_tag"]) != found.tag:
            raise self._replaced(found.key)
        if len(data) != end - begin:
            raise self.broken_off(found.key)
        return data

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; one that is gone already is fine."""
        for key in keys if len(keys) == 1 or self.address.scheme != "s3" else ():
            with suppress(FileNotFoundError), self._asking():
                obstore.delete(self._store, self._prefix + key)
        if len(keys) > 1 and self.address.scheme == "s3":
            with self._keeping():
                obstore.delete(self._store, [self._prefix + key for key in keys])

    def sign(self, key: str, seconds: int) -> str:
        """Answer an address from which anybody can fetch an object, for a week at most."""
        lasting = timedelta(seconds=min(seconds, _LONGEST_LINK))
        with self._asking():
            return obstore.sign(self._store, "GET", self._prefix + key, lasting)

    def _found(self, meta: obstore.ObjectMeta) -> Found:
        key = meta["path"].removeprefix(self._prefix)
        return Found(key, meta["size"], meta["last_modified"].timestamp(), _quoted(meta["e_tag"]))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn what the store refuses into errors of Python's and ours."""
        try:
            yield
        except (AlreadyExistsError, PreconditionError, NotModifiedError):
            raise FileExistsError from None
        except BaseError as error:
            raise self._refusal(error) from None

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """The same where an object need not be there: what is missing is the bucket."""
        try:
            with self._asking():
                yield
        except FileNotFoundError:
            raise self._missing() from None

    def _refusal(self, error: BaseError) -> Unavailable:
        text = str(error)
        status = _STATUS.search(text)
        code = status[1] if status else ""
        where = str(self.address)
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            msg = f"{where} refused the credentials of this process; look after its environment"
            return Unavailable(msg, reason="storage_denied", where=where)
        if code == "404":
            return self._missing()
        if code == "507":
            msg = f"{where} is full: nothing was changed; free some space and try again"
            return Unavailable(msg, reason="storage_full", where=where)
        why = f"it answered {code}" if code else _why(text)
        msg = f"{where} is not to be had now ({why}): nothing was changed; try again later"
        return Unavailable(msg, reason="storage_away", where=where)

    def _missing(self) -> Unavailable:
        msg = f"there is no bucket for {self.address}; make it, or name another one"
        return Unavailable(msg, reason="storage_missing", where=str(self.address))

    def _replaced(self, key: str) -> Corrupt:
        return Corrupt(f"{key} in {self.address} was replaced while it was read", key=key)

    def broken_off(self, key: str) -> Unavailable:
        """Answer the refusal of a part that was passed off as the whole."""
        msg = f"{self.address} sent only a part of {key}; try again"
        return Unavailable(msg, reason="storage_away", where=str(self.address))


def _quoted(tag: str | None) -> str | None:
    """Answer an ETag as RFC 9110 writes it; the lists of Azure leave the quotes out."""
    return tag if tag is None or tag.endswith('"') else f'"{tag}"'


def _why(text: str) -> str:
    """Answer in words of ours what obstore's message says; its own may hold signatures."""
    lower = text.lower()
    for sign, meaning in (
        ("timedout", "it took too long"),
        ("timed out", "it took too long"),
        ("timeout,", "it took too long"),
        ("credential", "this process has no credentials; set them in its environment"),
        ("kind: connect", "it cannot be reached"),
        ("body", "the connection broke off"),
    ):
        if sign in lower:
            return meaning
    return "the connection failed"


def _open(address: Address) -> S3Store | GCSStore | AzureStore:
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=address.connect_timeout),
        "timeout": timedelta(seconds=address.timeout),
        "allow_http": (address.endpoint or "").startswith("http://"),
    }
    retry: RetryConfig = {
        "max_retries": address.retries,
        "retry_timeout": timedelta(seconds=address.retry_timeout),
        "backoff": {
            "init_backoff": timedelta(seconds=min(0.1, address.retry_timeout / 40)),
            "max_backoff": timedelta(seconds=max(0.1, address.retry_timeout / 4)),
        },
    }
    if address.scheme == "gs":
        if address.endpoint:
            return GCSStore(
                address.bucket,
                base_url=address.endpoint,
                client_options=client,
                retry_config=retry,
            )
        return GCSStore(address.bucket, client_options=client, retry_config=retry)
    if address.scheme == "az":
        if address.endpoint:
            return AzureStore(
                address.bucket,
                endpoint=address.endpoint,
                client_options=client,
                retry_config=retry,
            )
        return AzureStore(address.bucket, client_options=client, retry_config=retry)
    named = {"endpoint": address.endpoint, "region": address.region}
    config = {name: value for name, value in named.items() if value}
    return S3Store(address.bucket, config=config, client_options=client, retry_config=retry)  # type: ignore[arg-type] # a plain dict
