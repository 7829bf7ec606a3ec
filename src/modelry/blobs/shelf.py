"""Local folders of versions, ready to be loaded (port `Shelf`).

    root/ab/abcdef.../1/        the files, for whoever uses them
    root/ab/abcdef.../1.json    what they looked like when they were placed
    root/locks/                 one maker at a time

The folder belongs to its user from the moment it is answered: where anything
in it was changed it stays as it is, and the next `place` makes a 2.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelry.blobs.building import build, holds
from modelry.blobs.generations import Generations
from modelry.blobs.layout import checked
from modelry.blobs.locks import Lock
from modelry.core.errors import Conflict
from modelry.core.model import Version
from modelry.core.ports import Blobs, Progress
from modelry.durable import erase, fresh_name, storing

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class LocalShelf:
    """A folder of folders, one per version digest, made from `blobs` and verified."""

    def __init__(self, root: Path, blobs: Blobs) -> None:
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 - keeps links as typed
        self._blobs = blobs

    def place(
        self, version: Version, to: Path | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of `version` to a local folder and answer its path, or its one file's."""
        folder = self._keep(version, progress) if to is None else to
        if to is not None:
            self._deliver(version, to, progress)
        return folder / version.files[0].path if version.kind == "file" else folder

    def tidy(self, keep: Callable[[str], bool]) -> int:
        """Remove folders that nobody needs any more; answer the bytes that this freed.

        `keep(digest)` says whether some living version has that digest
        (`sha256:...`); of such a version the folder that `place` would answer
        stays. A folder in which anything was changed always stays.
        """
        freed = 0
        for base in self._bases():
            lock = Lock.attempt(self._lock_of(base.name), create=True)
            if lock is None:
                continue  # it is being made right now
            try:
                freed += Generations(base).tidy(keep_last=keep(f"sha256:{base.name}"))
            finally:
                lock.release()
        return freed

    def _keep(self, version: Version, progress: Progress | None) -> Path:
        digest = checked(version.digest.removeprefix("sha256:"))
        generations = Generations(self._root / digest[:2] / digest)
        found = generations.current(version.files)
        if found is not None:
            return found
        with self._alone(digest):
            return generations.current(version.files) or generations.make(
                lambda folder: build(version, folder, self._blobs, progress)
            )

    def _deliver(self, version: Version, to: Path, progress: Progress | None) -> None:
        real = Path(os.path.realpath(to))
        if _is_taken(to, real):
            if not holds(real, version):
                raise _taken(to)
            return
        aside = real.with_name(f".{real.name}.{fresh_name()}.part")
        build(version, aside, self._blobs, progress)
        try:
            _put(aside, real)
        except OSError as error:  # somebody else put something there
            erase(aside)
            if not holds(real, version):
                raise _taken(to) from error

    @contextmanager
    def _alone(self, digest: str) -> Iterator[None]:
        with storing(self._root):
            path = self._lock_of(digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = Lock.take(path)
        try:
            yield
        finally:
            lock.release()

    def _lock_of(self, digest: str) -> Path:
        """Answer the lock of a digest. Few share one, and no file is left per version."""
        return self._root / "locks" / digest[:4]

    def _bases(self) -> list[Path]:
        found = self._root.glob("[0-9a-f][0-9a-f]/*")
        return sorted(path for path in found if _SHA256.fullmatch(path.name))


def _is_taken(to: Path, real: Path) -> bool:
    """Say whether something is at `to` that is more than an empty folder."""
    if real.is_dir():
        return any(real.iterdir())
    return os.path.lexists(to)


def _put(aside: Path, real: Path) -> None:
    if os.name != "posix" and real.is_dir():
        real.rmdir()  # Windows renames onto nothing, not even an empty folder
    aside.rename(real)


def _taken(to: Path) -> Conflict:
    msg = f"{str(to)!r} holds something else; name a folder that is empty or does not exist"
    return Conflict(msg, to=str(to))
