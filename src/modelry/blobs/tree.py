"""Looks at a local file or folder that somebody wants to register (port `Sources`).

A folder keeps its relative paths and its hidden files. Not kept are empty
folders, and what tools leave behind in a folder: see `LEFT_OUT`. A symbolic
link inside a folder stands for what it points at, as long as that lies inside
the folder too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from modelry.blobs.reading import changed
from modelry.core.errors import Invalid, NotFound
from modelry.core.model import Kind
from modelry.core.names import check_path, refuse_twins

LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db"}
)
"""Names of files and folders that are never part of a version."""
MAX_FILES = 100_000
_FLAGS: int = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)
_Seen = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A plain file as it was when it was looked at (port `SourceFile`)."""

    path: str
    size: int
    _folder: str = field(repr=False)
    _target: str | None = field(repr=False)
    _seen: _Seen = field(repr=False)

    @property
    def where(self) -> str:
        """The path on this machine, put together anew: of many files it would fill the memory."""
        return self._target or os.path.join(self._folder, self.path)  # noqa: PTH118 - text paths

    def open(self) -> BinaryIO:
        """Open the file. Raises `Conflict` where it is not the one that was looked at.

        Opening neither follows a link nor waits for the writer of a pipe that
        was put in its place.
        """
        try:
            descriptor = os.open(self.where, os.O_RDONLY | _FLAGS)
        except PermissionError as error:
            raise _unreadable(self.path) from error
        except OSError as error:
            raise changed(self.path) from error
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or _seen(state) != self._seen:
            os.close(descriptor)
            raise changed(self.path)
        return os.fdopen(descriptor, "rb")


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A file or folder with everything in it that counts (port `Source`)."""

    name: str
    kind: Kind
    files: tuple[LocalFile, ...]


class LocalSources:
    """Opens local paths (port `Sources`)."""

    def open(self, path: Path) -> LocalSource:
        """Look at `path`, which may itself be a link, without reading any file."""
        name = os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119 - "." and ".." too
        try:
            real = os.path.realpath(path, strict=True)
            state = os.stat(real)  # noqa: PTH116 - text paths: a Path per file is slow
        except (OSError, ValueError) as error:
            msg = f"there is no file or folder at {str(path)!r}; check the path"
            raise NotFound(msg, path=str(path)) from error
        if stat.S_ISDIR(state.st_mode):
            try:
                return LocalSource(name or "root", "folder", _folder(real, str(path)))
            except FileNotFoundError as error:
                raise changed(str(path)) from error
        return LocalSource(name, "file", (_file(check_path(name), real, state),))


def _folder(real: str, shown: str) -> tuple[LocalFile, ...]:
    files = []
    for file in _Walk(real).folder(real, "", ()):
        files.append(file)
        if len(files) > MAX_FILES:
            msg = f"{shown!r} holds more than {MAX_FILES} files; pack them into archives"
            raise Invalid(msg, path=shown)
    if not files:
        msg = f"{shown!r} holds no file; a version needs at least one"
        raise Invalid(msg, path=shown)
    refuse_twins(file.path for file in files)
    return tuple(sorted(files, key=lambda file: file.path.encode()))


class _Walk:
    """Goes through a folder and the links in it, without ever leaving it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._inside = root.rstrip(os.sep) + os.sep

    def folder(self, real: str, prefix: str, above: tuple[str, ...]) -> Iterator[LocalFile]:
        """Answer the files under the folder `real`; `above` are the folders around it."""
        if real in above:
            msg = f"the link {prefix.rstrip('/')!r} leads back into itself; remove it"
            raise Invalid(msg, path=prefix.rstrip("/"))
        try:
            with os.scandir(real) as entries:
                found = [entry for entry in entries if entry.name not in LEFT_OUT]
        except PermissionError as error:
            raise _unreadable(prefix or real) from error
        for entry in found:
            path = check_path(prefix + entry.name)
            if entry.is_symlink():
                yield from self._link(entry.path, path, (*above, real))
            elif entry.is_dir(follow_symlinks=False):
                yield from self.folder(entry.path, f"{path}/", (*above, real))
            else:
                yield _file(path, entry.path, entry.stat(follow_symlinks=False), self._root)

    def _link(self, where: str, path: str, above: tuple[str, ...]) -> Iterator[LocalFile]:
        real = self._target(where, path)
        state = os.stat(real)  # noqa: PTH116 - text paths: a Path per file is slow
        if stat.S_ISDIR(state.st_mode):
            yield from self.folder(real, f"{path}/", above)
        else:
            yield _file(path, real, state)

    def _target(self, where: str, path: str) -> str:
        """Answer what a link points at, refusing what is not inside the folder."""
        try:
            real = os.path.realpath(where, strict=True)
        except OSError as error:
            msg = f"the link {path!r} points at nothing; remove it or make its target"
            raise Invalid(msg, path=path) from error
        if real != self._root and not real.startswith(self._inside):
            msg = f"the link {path!r} leaves the folder; put a copy of its target in its place"
            raise Invalid(msg, path=path)
        return real


def _file(path: str, where: str, state: os.stat_result, folder: str | None = None) -> LocalFile:
    """Answer the file at `where`, which is `path` in `folder` unless a link led there."""
    if not stat.S_ISREG(state.st_mode):
        what = next((name for is_one, name in _KINDS if is_one(state.st_mode)), "no plain file")
        msg = f"{path!r} is {what}, which holds no bytes to keep; remove it"
        raise Invalid(msg, path=path)
    if not os.access(where, os.R_OK):
        raise _unreadable(path)
    target = where if folder is None else None
    return LocalFile(path, state.st_size, folder or "", target, _seen(state))


def _seen(state: os.stat_result) -> _Seen:
    return state.st_size, state.st_mtime_ns, state.st_ino, state.st_dev


def _unreadable(path: str) -> Invalid:
    msg = f"{path!r} may not be read by this user; change its permissions (chmod u+r)"
    return Invalid(msg, path=path)
