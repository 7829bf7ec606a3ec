"""Where a local store keeps things: the only place that knows the shape of its folder.

root/sha256/ab/abcdef...   blobs, read-only, by the first two digits
root/incoming/             bytes on their way, named by their owner's lease
root/leases/               who needs which blobs (see `leases`)
root/uploads/              bytes that arrive in pieces (see `uploads`), made with the first
root/layout                says that these are there, durably
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from modelry.blobs.refusals import no_upload
from modelry.core.errors import Invalid
from modelry.durable import flush_folder, make_folder

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UPLOAD = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MARK = "modelry blobs 1\n"
_READ_AGAIN = 1024 * 1024
"""Up to this size a blob is read before it is used again."""
_STEP = 64 * 1024


def checked(sha256: str) -> str:
    """Answer `sha256` where it is 64 hexadecimal digits: nothing else may become a path."""
    if not _SHA256.fullmatch(sha256):
        msg = f"{sha256!r} is not a sha256: write 64 hexadecimal digits in lower case"
        raise Invalid(msg, sha256=sha256)
    return sha256


def checked_upload(upload: str) -> str:
    """Answer `upload` where it is 32 hexadecimal digits: a forged name never becomes a path."""
    if not _UPLOAD.fullmatch(upload):
        raise no_upload(upload)
    return upload


class Layout:
    """The paths of a store, and its folders made before anything is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.leases = root / "leases"
        self.uploads = root / "uploads"
        self._blobs = root / "sha256"
        self._mark = root / "layout"

    def blob(self, sha256: str) -> Path:
        """Answer where a blob is, or would be."""
        return self._blobs / checked(sha256)[:2] / sha256

    def holds(self, sha256: str, size: int, data: bytes | None = None) -> bool:
        """Say whether a blob is here and may be used again instead of new bytes.

        It has the right size, and up to 1 MiB it is read: it is the same as
        `data`, or without that, true to its digest. A larger one is not read:
        damage that left its size alone is found by `verify` and `use`, not here.
        """
        path = self.blob(sha256)
        try:
            state = path.lstat()
            if not stat.S_ISREG(state.st_mode) or state.st_size != size:
                return False
            if size > _READ_AGAIN:
                return True
            if data is not None:
                return _same(path, data)
            return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        except FileNotFoundError:
            return False

    def prepare(self) -> None:
        """Make the folders of a store durably. The mark comes last: it vouches for the rest."""
        if self._mark.exists():
            return
        for folder in (self.root, self._blobs, self.incoming, self.leases):
            make_folder(folder)
        self._mark.write_text(_MARK, encoding="ascii")

    def make_room(self, digests: Iterable[str]) -> frozenset[Path]:
        """Answer the folders of these blobs, all of them durably there.

        Call this inside the gate: then a folder that one process sees is not
        one that another has made but not fsynced yet.
        """
        folders = frozenset(self.blob(sha256).parent for sha256 in digests)
        new = [folder for folder in sorted(folders) if not folder.is_dir()]
        try:
            for folder in new:
                folder.mkdir()
            if new:
                flush_folder(self._blobs)
        except OSError:
            for folder in new:
                with suppress(OSError):
                    folder.rmdir()
            raise
        return folders

    def blobs(self) -> Iterator[tuple[str, os.stat_result]]:
        """Answer the digest and the state of every blob; other files are passed over."""
        for prefix in range(256):
            for entry in _entries(self._blobs / f"{prefix:02x}"):
                if _SHA256.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # removed since
                        yield entry.name, entry.stat(follow_symlinks=False)


def _same(path: Path, data: bytes) -> bool:
    """Say whether a file holds `data`. In small steps, which stay in the cache of the processor."""
    at = 0
    with path.open("rb", buffering=0) as handle:
        while part := handle.read(_STEP):
            if not data.startswith(part, at):
                return False
            at += len(part)
    return at == len(data)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Answer what is in a folder by name; nothing where it was not made yet."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
