"""Blobs on a local disk (port `Blobs`)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from modelry.blobs.copying import hash_bytes
from modelry.blobs.layout import Layout, checked
from modelry.blobs.leases import EVERYTHING, Lease, Leases, gate
from modelry.blobs.meter import Meter
from modelry.blobs.staging import Staging
from modelry.blobs.uploads import LocalUploads
from modelry.core.errors import Corrupt, Invalid, Unavailable
from modelry.core.ports import BlobInfo, Progress, SourceFile
from modelry.durable import BINARY, NOFOLLOW, flush_folder, storing


def open_local(uri: str | Path) -> LocalBlobs:
    """Open the store in a folder: a path, or `file:///path`. Makes nothing before it is needed."""
    text = os.fspath(uri)
    if not text.startswith("file:"):
        return LocalBlobs(Path(text))
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
        msg = f"{text!r} is not a folder of this machine; write file:///path/to/folder"
        raise Invalid(msg, uri=text)
    path = unquote(parts.path)
    return LocalBlobs(Path(path[1:] if os.name == "nt" and path[2:3] == ":" else path))


class LocalBlobs:
    """A folder of blobs that any number of processes of one machine share."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(Path(os.path.abspath(root)))  # noqa: PTH100 - keeps links as typed
        self._leases = Leases(self._layout.leases)
        self.uploads = LocalUploads(self._layout)

    @contextmanager
    def stage(
        self,
        files: Sequence[SourceFile],
        known_size: Callable[[int], bool],
        progress: Progress | None = None,
    ) -> Iterator[Staging]:
        """Read, hash and keep `files`; what is not published is dropped at the end."""
        meter = Meter("storing", sum(file.size for file in files), progress)
        staging = Staging(self._layout, self._lease(), meter)
        try:
            staging.take(files, known_size)
            yield staging
        finally:
            staging.close()

    @contextmanager
    def hold(self, digests: Iterable[str] | None = None) -> Iterator[None]:
        """Lease existing blobs; None leases all there are and all that come."""
        lease = self._lease()
        try:
            with storing(self._layout.root):
                lease.add([EVERYTHING] if digests is None else map(checked, digests))
            yield
        finally:
            lease.release()

    def close(self) -> None:
        """Give back what is kept open for the next staging; the store may be used again."""
        self._leases.close()

    def size(self, sha256: str) -> int | None:
        """Answer the size of a blob, None where it is absent."""
        try:
            return self._layout.blob(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def sizes(self, digests: Collection[str]) -> Mapping[str, int]:
        """Answer the sizes of those blobs that are there."""
        found = ((sha256, self.size(sha256)) for sha256 in digests)
        return {sha256: size for sha256, size in found if size is not None}

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob for reading."""
        path = self._layout.blob(sha256)
        try:
            with storing(self._layout.root):
                return os.fdopen(os.open(path, os.O_RDONLY | BINARY | NOFOLLOW), "rb")
        except Unavailable as error:
            if path.is_file() and not path.is_symlink():
                raise
            msg = f"the bytes of sha256:{sha256} are missing: restore {path} from a backup"
            raise Corrupt(msg, sha256=sha256) from error

    def verify(self, sha256: str, size: int, progress: Progress | None = None) -> None:
        """Read a blob to its end; it has `size` bytes and is true to its digest."""
        meter = Meter("verifying", size, progress)
        with self.open(sha256) as handle:
            actual = os.fstat(handle.fileno()).st_size
            found = sha256 if actual != size else hash_bytes(handle, sha256, meter)[0]
        if actual != size:
            msg = f"the blob sha256:{sha256} has {actual} bytes instead of {size}"
            raise Corrupt(msg, sha256=sha256, size=size, actual=actual)
        if found != sha256:
            msg = f"the bytes of blob sha256:{sha256} have changed: they hash to {found}"
            raise Corrupt(msg, sha256=sha256, found=found)
        meter.finish()

    def scan(self) -> Iterator[BlobInfo]:
        """Answer every blob, sorted by digest."""
        now = time.time()
        for sha256, state in self._layout.blobs():
            yield BlobInfo(sha256, state.st_size, max(0.0, now - state.st_mtime))

    def remove(self, sha256: str) -> bool:
        """Remove a blob unless a living lease or a finished upload holds it."""
        path = self._layout.blob(sha256)
        if not path.exists():
            return True
        with storing(self._layout.root):
            with gate(self._layout.leases):
                if self._leases.covers(sha256):
                    return False
                if self.uploads.holds(sha256):
                    return False
                path.unlink(missing_ok=True)
            flush_folder(path.parent)
        return True

    def link(self, sha256: str, name: str, seconds: int) -> str | None:
        """Answer None: a local disk has no address that others can fetch from."""
        del name, seconds
        checked(sha256)
        return None

    def sweep(self, grace: float) -> int:
        """Drop the leases of dead owners, and their bytes that are older than `grace` seconds."""
        if not self._layout.leases.is_dir():  # the last that a store makes
            return 0
        with storing(self._layout.root):
            found = list(self._layout.incoming.iterdir())  # before asking who lives: see below
            # A lease is older than its files, so an owner of what was found is known by now.
            living = self._leases.living()
            old = time.time() - grace
            dead = [path for path in found if path.name.partition("-")[0] not in living]
            return sum(_drop(path, old) for path in dead)

    def _lease(self) -> Lease:
        with storing(self._layout.root):
            self._layout.prepare()
            return self._leases.open()


def _drop(path: Path, old: float) -> int:
    """Remove a file last written before `old`; answer the bytes that this freed."""
    try:
        state = path.stat()
        if state.st_mtime > old:
            return 0
        path.unlink()
    except FileNotFoundError:
        return 0
    return state.st_size
