"""Files that a command makes: whole or not at all, and never over another one by accident."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Open a new file that appears at `path`, complete and on disk, when the context ends well.

    Raises `Conflict` where something is there already, unless `force`.
    """
    _refuse_existing(path, force=force)
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.partial")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(aside, flags, 0o666)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        _refuse_existing(path, force=force)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _refuse_existing(path: Path, *, force: bool) -> None:
    from modelry.core.errors import Conflict

    if path.is_dir():
        msg = f"{path} is a folder; name the file to write"
        raise Conflict(msg, path=str(path))
    if not force and os.path.lexists(path):
        msg = f"{path} exists already; name another file, or write over it with --force"
        raise Conflict(msg, path=str(path))


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system lets a folder be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
