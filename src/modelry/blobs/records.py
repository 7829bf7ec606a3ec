"""Remembers what a placed folder looked like, so that a look at it says whether it still does.

A file counts as unchanged where size, times and inode are those of the record.
Like git, a file whose times are not before the record's own is not believed:
it could have been written again within one tick of the disk's clock.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from modelry.blobs.tree import LEFT_OUT
from modelry.core.model import File
from modelry.durable import fresh_name

Look: TypeAlias = "tuple[int, int, int, int]"
"""Size, mtime_ns, ctime_ns and inode of a file."""
_TICK = 12_000_000
_ODD: Look = (-1, -1, -1, -1)


def look_at(folder: Path) -> dict[str, Look]:
    """Answer everything under `folder`; what is no plain file has a look like no file's."""
    return dict(_walk(os.fspath(folder), ""))


def without_litter(seen: Mapping[str, Look], files: Iterable[File]) -> dict[str, Look]:
    """Answer `seen` without what tools leave behind (`__pycache__` ...) and `files` lacks."""
    wanted = {file.path for file in files}
    return {
        path: look
        for path, look in seen.items()
        if path in wanted or not LEFT_OUT.intersection(path.split("/"))
    }


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, Look]]:
    empty = True
    with os.scandir(folder) as entries:
        for entry in entries:
            empty = False
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{path}/")
            else:
                yield path, look_of(entry.stat(follow_symlinks=False))
    if empty and prefix:
        yield prefix.rstrip("/"), _ODD


def look_of(state: os.stat_result) -> Look:
    """Answer what of a file's state would change with its bytes."""
    if not stat.S_ISREG(state.st_mode):
        return _ODD
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


class Record:
    """The looks of a folder's files, and when (by the clock of its disk) they were taken."""

    def __init__(self, looks: Mapping[str, Look], at: int) -> None:
        self._looks = looks
        self._at = at

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """Answer the record at `path`, None where there is none that can be read."""
        try:
            with path.open(encoding="utf-8") as handle:
                at = os.fstat(handle.fileno()).st_mtime_ns
                looks = json.load(handle)
            return cls({name: _look(value) for name, value in looks.items()}, at)
        except (OSError, ValueError, AttributeError, TypeError):
            return None

    def doubts(self, seen: Mapping[str, Look]) -> frozenset[str]:
        """Answer the paths whose bytes may not be those that were recorded."""
        return frozenset(
            path
            for path, look in seen.items()
            if look != self._looks.get(path) or max(look[1], look[2]) >= self._at
        )


def _look(value: list[int]) -> Look:
    size, mtime, ctime, inode = (int(number) for number in value)
    return size, mtime, ctime, inode


def settle(looks: Mapping[str, Look]) -> None:
    """Wait until a record of files that were written just now is believed: 12 ms at most."""
    newest = max((max(look[1], look[2]) for look in looks.values()), default=0)
    rest = newest + _TICK - time.time_ns()
    time.sleep(min(max(0, rest), _TICK) / 1e9)


def write_record(path: Path, looks: Mapping[str, Look]) -> None:
    """Keep a record whole or not at all. A power cut may lose it, which costs a copy."""
    aside = path.with_name(f".{path.name}.{fresh_name()}")
    try:
        aside.write_text(json.dumps(looks), encoding="utf-8")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def fits(seen: Mapping[str, Look], files: Iterable[File]) -> bool:
    """Say whether exactly these paths are there, with their sizes."""
    return {path: look[0] for path, look in seen.items()} == {
        file.path: file.size for file in files
    }
