"""Reads the small files that mark a folder, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.formats.quoting import plain

if TYPE_CHECKING:
    from modelry.core.ports import SourceFile


def text_of(file: SourceFile, most: int) -> bytes:
    """Answer the whole content of `file`, which may have at most `most` bytes."""
    if file.size > most:
        msg = f"{plain(file.path)} has {file.size:,} bytes; at most {most:,} are read"
        raise Invalid(msg, path=file.path)
    with file.open() as source:
        return source.read(most)


def start_of(file: SourceFile, most: int) -> bytes:
    """Answer the first `most` bytes of `file`."""
    with file.open() as source:
        return source.read(most)
