"""Reads a file and makes sure that it stayed the same file while it was read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from modelry.core.errors import Conflict, Unavailable
from modelry.core.ports import SourceFile


def changed(path: str) -> Conflict:
    """Answer the refusal of a file that did not hold still."""
    msg = f"{path!r} changed while it was read: wait until nothing writes to it, then try again"
    return Conflict(msg, path=path)


def open_source(file: SourceFile) -> BinaryIO:
    """Open `file`, turning what the system refuses into an error of ours."""
    try:
        return file.open()
    except FileNotFoundError as error:
        raise changed(file.path) from error
    except OSError as error:
        raise _unreadable(file.path, error) from error


@contextmanager
def reading(file: SourceFile) -> Iterator[BinaryIO]:
    """Open `file`; raise `Conflict` at the end where it is not what it was at the beginning.

    It is opened a second time for that: the first handle would not show that
    another file was put in its place.
    """
    with open_source(file) as handle:
        before = state_of(handle)
        yield handle
    if before is not None:
        with open_source(file) as again:
            if state_of(again) != before:
                raise changed(file.path)


def state_of(handle: BinaryIO) -> tuple[int, ...] | None:
    """Answer size, time of change and identity, None for what is no file on a disk."""
    try:
        state = os.fstat(handle.fileno())
    except (AttributeError, OSError):
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino, state.st_dev


def fill(handle: BinaryIO, buffer: memoryview, path: str) -> int:
    """Read into `buffer` and answer how many bytes came, 0 at the end."""
    try:
        into = getattr(handle, "readinto", None)
        if into is not None:
            return int(into(buffer) or 0)
        data = handle.read(len(buffer))
    except OSError as error:
        raise _unreadable(path, error) from error
    buffer[: len(data)] = data
    return len(data)


def _unreadable(path: str, error: OSError) -> Unavailable:
    msg = f"{path!r} could not be read ({error.strerror or error}); look after its disk first"
    return Unavailable(msg, path=path, reason="unreadable")
