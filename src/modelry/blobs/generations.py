"""The folders of one version digest: the current one, and those that their users changed.

Only the holder of the digest's lock makes or removes one, so what is left half
made (`2.part`) while nobody holds it belongs to a dead process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from modelry.blobs.building import true
from modelry.blobs.records import Look, Record, fits, look_at, settle, without_litter, write_record
from modelry.core.model import File
from modelry.durable import erase, storing

_PART = ".part"
_RECORD = ".json"


class Generations:
    """Folders `1`, `2` ... with their records `1.json`, `2.json` ... in one place."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def current(self, files: tuple[File, ...]) -> Path | None:
        """Answer the last folder where it holds `files` unchanged, mostly without reading them."""
        number = max(self._numbers(), default=0)
        folder, record = self._base / str(number), Record.read(self._record(number))
        if record is None:
            return None
        try:
            seen = without_litter(look_at(folder), files)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not fits(seen, files):
            return None
        doubts = record.doubts(seen)
        if doubts and not self._confirm(number, seen, files, doubts):
            return None
        return folder

    def make(self, build: Callable[[Path], None]) -> Path:
        """Make the next folder with `build`, whole or not at all, and remember its looks."""
        self._clear()
        number = max(self._numbers(), default=0) + 1
        folder, part = self._base / str(number), self._base / f"{number}{_PART}"
        build(part)
        try:
            with storing(self._base):
                looks = look_at(part)
                settle(looks)
                write_record(self._record(number), looks)
                part.rename(folder)
        except BaseException:
            erase(part)
            self._record(number).unlink(missing_ok=True)
            raise
        return folder

    def tidy(self, *, keep_last: bool) -> int:
        """Remove what is unchanged and not the folder to keep; answer the bytes freed."""
        self._clear()
        numbers = self._numbers()
        freed = sum(
            self._drop(number) for number in numbers if not (keep_last and number == max(numbers))
        )
        with suppress(OSError):
            self._base.rmdir()  # where nothing is left
        return freed

    def _confirm(
        self, number: int, seen: dict[str, Look], files: tuple[File, ...], doubts: frozenset[str]
    ) -> bool:
        """Read what may have changed; where it has not, remember its new looks."""
        doubted = tuple(file for file in files if file.path in doubts)
        if not true(self._base / str(number), doubted):
            return False
        with suppress(OSError):  # without a record the next look reads again, that is all
            write_record(self._record(number), seen)
        return True

    def _drop(self, number: int) -> int:
        """Remove a folder in which nothing was changed or added. Litter counts as added."""
        folder, record = self._base / str(number), Record.read(self._record(number))
        if not folder.is_dir():
            self._record(number).unlink(missing_ok=True)
            return 0
        seen = look_at(folder)
        if record is None or record.doubts(seen):
            return 0
        erase(folder)
        self._record(number).unlink(missing_ok=True)
        return sum(look[0] for look in seen.values())

    def _numbers(self) -> set[int]:
        """Answer the numbers of folders and of records."""
        if not self._base.is_dir():
            return set()
        names = {path.name.removesuffix(_RECORD) for path in self._base.iterdir()}
        return {int(name) for name in names if name.isascii() and name.isdigit()}

    def _record(self, number: int) -> Path:
        return self._base / f"{number}{_RECORD}"

    def _clear(self) -> None:
        if self._base.is_dir():
            for path in self._base.iterdir():
                if path.name.endswith(_PART):
                    erase(path)
