"""What SQLite refuses, in our own errors, saying what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from modelry.core.errors import Corrupt, RegistryError, Unavailable
from modelry.stores.sql.driver import driver


class translated:  # noqa: N801 - reads as a function
    """Turn what SQLite raises into our own errors, saying what to do."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise what it means instead."""
        if error is None or isinstance(error, RegistryError):
            return
        if isinstance(error, TimeoutError):
            raise _busy(self._path) from error
        if isinstance(error, DBAPIError):
            raise _refusal(self._path, error.orig) from error
        if isinstance(error, driver().Error):
            raise _refusal(self._path, error) from error


def _busy(path: Path) -> Unavailable:
    msg = f"others kept {path} busy for too long; nothing was changed: try again"
    return Unavailable(msg, reason="busy")


def _refusal(path: Path, cause: BaseException | None) -> RegistryError:
    name = str(getattr(cause, "sqlite_errorname", ""))
    if name.startswith("SQLITE_FULL"):
        msg = f"the disk that holds {path} is full; nothing was changed: free space, try again"
        return Unavailable(msg, reason="storage_full")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        msg = f"{path} is not a whole SQLite database ({cause}); restore a backup"
        return Corrupt(msg, path=str(path))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return _busy(path)
    msg = f"{path} could not be read or written ({cause}); look at the disk, then try again"
    return Unavailable(msg, reason=name or "database")


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether others were at work."""
    return error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
