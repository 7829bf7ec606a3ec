"""Where checkpoints are kept: a folder or an object store. A file there is never replaced."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from modelry.core.errors import Invalid, Unavailable
from modelry.durable import make_folder, storing
from modelry.server.checkpoints.keys import put_new

_NAME = re.compile(r"(\d{12})\.json")


class Place(Protocol):
    """Holds files named by their sequence number."""

    def newest(self) -> tuple[int, bytes] | None:
        """Answer the number and the content of the last file, None where there is none."""
        ...

    def put_new(self, sequence: int, data: bytes) -> bool:
        """Write a file unless there is one of this number; say whether there was none."""
        ...


def open_place(uri: str) -> Place:
    """Open `file:///folder`, `s3://bucket/prefix`, `gs://...` or `az://...`. Asks nothing yet."""
    scheme = uri.partition(":")[0]
    if scheme == "file":
        return Folder(Path(unquote(urlsplit(uri).path)))
    if scheme in ("s3", "gs", "az"):
        return Objects(uri)
    msg = f"{uri!r} is no place for checkpoints; write file:///folder or s3://bucket/prefix"
    raise Invalid(msg, field="MODELRY_CHECKPOINTS")


def _file(sequence: int) -> str:
    return f"{sequence:012}.json"


class Folder:
    """A folder, best on another machine's disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(self) -> tuple[int, bytes] | None:
        """See `Place.newest`."""
        with storing(self._path):
            if not self._path.is_dir():
                return None
            names = [each.name for each in self._path.iterdir() if _NAME.fullmatch(each.name)]
            last = max(names, default=None)
            return None if last is None else (int(last[:12]), (self._path / last).read_bytes())

    def put_new(self, sequence: int, data: bytes) -> bool:
        """See `Place.put_new`."""
        with storing(self._path):
            make_folder(self._path)
            return put_new(self._path / _file(sequence), data, 0o444)


class Objects:
    """A prefix in an object store, written with its own condition that nothing is there yet."""

    def __init__(self, uri: str) -> None:
        from modelry.blobs.objects.address import read_address
        from modelry.blobs.objects.bucket import Bucket

        self._bucket = Bucket(read_address(uri))

    def newest(self) -> tuple[int, bytes] | None:
        """See `Place.newest`."""
        keys = [each.key for each in self._bucket.list("") if _NAME.fullmatch(each.key)]
        last = max(keys, default=None)
        if last is None:
            return None
        data = self._bucket.read(last)
        if data is None:
            msg = f"the checkpoint {last} went away while it was read; try again"
            raise Unavailable(msg)
        return int(last[:12]), data

    def put_new(self, sequence: int, data: bytes) -> bool:
        """See `Place.put_new`."""
        return self._bucket.put_new(_file(sequence), data)
