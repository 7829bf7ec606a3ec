"""Makes a folder out of the blobs of a version, or finds that a folder holds just that.

Bytes are shared with the registry only where the file system copies them on
the first write (a clone). A hard link would let a writer change the registry's
own bytes, so there are none.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from modelry.blobs.copying import copy_bytes, hash_bytes
from modelry.blobs.meter import Meter
from modelry.blobs.parallel import each
from modelry.blobs.records import fits, look_at, without_litter
from modelry.core.errors import Corrupt, NotFound
from modelry.core.model import File, Version
from modelry.core.names import check_path
from modelry.core.ports import Blobs, Progress
from modelry.durable import create, erase, flush, storing

_FICLONE = 0x40049409
"""The request of `ioctl_ficlone(2)`."""


def build(version: Version, folder: Path, blobs: Blobs, progress: Progress | None) -> None:
    """Make `folder` with every file of `version`, verified and fsynced; or leave nothing.

    Raises `Corrupt` naming the file whose blob is missing or changed.
    """
    meter = Meter("placing", version.size, progress)
    try:
        with storing(folder.parent):
            folder.mkdir(parents=True)
            for parent in sorted(
                {(folder / check_path(file.path)).parent for file in version.files}
            ):
                parent.mkdir(parents=True, exist_ok=True)
        order = sorted(version.files, key=lambda file: -file.size)
        each(lambda file: _bring(version, file, folder, blobs, meter), order, meter)
    except BaseException:
        erase(folder)
        raise
    meter.finish()


def _bring(version: Version, file: File, folder: Path, blobs: Blobs, meter: Meter) -> None:
    with _blob(version, file, blobs) as blob, storing(folder):
        target = folder / file.path
        out = create(target, 0o666)
        try:
            if _clone(blob, out):
                found = hash_file(target, meter)
            else:
                found = copy_bytes(blob, out, file.path, file.size, meter)
            flush(out)
        finally:
            os.close(out)
    if found != (file.sha256, file.size):
        raise _broken(version, file, "have changed in the store; restore a backup")


def _blob(version: Version, file: File, blobs: Blobs) -> BinaryIO:
    try:
        return blobs.open(file.sha256)
    except (Corrupt, NotFound) as error:
        what = "are missing from the store; register the same file again, or restore a backup"
        raise _broken(version, file, what) from error


def _broken(version: Version, file: File, what: str) -> Corrupt:
    msg = f"{file.path!r} of {version.ref} cannot be used: its bytes (sha256:{file.sha256}) {what}"
    return Corrupt(msg, path=file.path, ref=version.ref, sha256=file.sha256)


def _clone(blob: BinaryIO, out: int) -> bool:
    """Share the bytes of `blob` until one of both is written; say whether that was possible."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(out, _FICLONE, blob.fileno())
    except (AttributeError, OSError):  # another disk, or one that cannot; or no file at all
        return False
    return True


def hash_file(path: Path, meter: Meter) -> tuple[str, int]:
    """Answer the sha256 and the size of a file."""
    with path.open("rb") as handle:
        return hash_bytes(handle, str(path), meter)


def holds(folder: Path, version: Version) -> bool:
    """Read a folder and say whether it holds exactly the files of `version`."""
    if not folder.is_dir():
        return False
    seen = without_litter(look_at(folder), version.files)
    return fits(seen, version.files) and true(folder, version.files)


def true(folder: Path, files: tuple[File, ...]) -> bool:
    """Read files in a folder and say whether all are true to their digests."""
    meter = Meter("verifying", 0, None)
    try:
        return all(
            hash_file(folder / file.path, meter) == (file.sha256, file.size) for file in files
        )
    except FileNotFoundError:
        return False
