"""Where a local store keeps things: the only place that knows the shape of its folder.

root/sha256/ab/abcdef...   blobs, read-only, by the first two digits
root/incoming/             bytes on their way, named by their owner's lease
root/leases/               who needs which blobs (see `leases`)
root/layout                says that these are there, durably
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from modelry.blobs.durable import flush_folder, make_folder
from modelry.core.errors import Invalid

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MARK = "modelry blobs 1\n"


def checked(sha256: str) -> str:
    """Answer `sha256` where it is 64 hexadecimal digits: nothing else may become a path."""
    if not _SHA256.fullmatch(sha256):
        msg = f"{sha256!r} is not a sha256: write 64 hexadecimal digits in lower case"
        raise Invalid(msg, sha256=sha256)
    return sha256


class Layout:
    """The paths of a store, and its folders made before anything is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.leases = root / "leases"
        self._blobs = root / "sha256"
        self._mark = root / "layout"

    def blob(self, sha256: str) -> Path:
        """Answer where a blob is, or would be."""
        return self._blobs / checked(sha256)[:2] / sha256

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


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Answer what is in a folder by name; nothing where it was not made yet."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
