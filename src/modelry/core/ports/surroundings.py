"""Whatever the core may not look at by itself: the time, the caller, what files mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from modelry.core.model import Commit, Environment, Findings, Kind
from modelry.core.ports.bytes import SourceFile


class Clock(Protocol):
    """The time, injected so that the core can be replayed."""

    def now(self) -> int:
        """Answer microseconds since 1970 UTC."""
        ...


class Surroundings(Protocol):
    """What the registry records of whoever calls it, so that nobody has to type it."""

    def author(self) -> str:
        """Name the person or service account that this process runs as."""
        ...

    def commit(self, path: Path | None) -> Commit | None:
        """Answer the state of the git checkout that `path` lies in, None outside one.

        Without a path, the one that the caller told of.
        """
        ...

    def warn(self, message: str, category: type[Warning]) -> None:
        """Tell the caller something that is no error."""
        ...

    def environment(self) -> Environment:
        """Answer the running Python and the packages it can see."""
        ...


class FileFormat(Protocol):
    """Recognises and reads one kind of file, from its content alone."""

    name: str

    def sniff(self, head: bytes, size: int) -> bool:
        """Say whether a file that begins with `head` (up to 4,096 bytes) is of this kind."""
        ...

    def read(self, file: SourceFile) -> Findings | None:
        """Answer what the file says of itself, in bounded memory, executing nothing.

        None means that a closer look shows it to be something else.

        Raises `Invalid` where its header lies or is broken.
        """
        ...


class FolderFormat(Protocol):
    """Recognises a folder layout from the files that mark it."""

    name: str

    def read(
        self, files: Mapping[str, SourceFile], found: Mapping[str, Findings]
    ) -> Findings | None:
        """Answer what the folder is, None where it is not of this layout.

        `files` maps each path to its file, `found` what the file formats said.
        Raises `Invalid` where a marking file is broken.
        """
        ...


class Inspector(Protocol):
    """Tells what a version is from the content of its files."""

    def inspect(self, kind: Kind, files: Sequence[SourceFile]) -> Findings | None:
        """Answer what the version is, None where no format knows it.

        Raises `Invalid`, naming the file, where a header lies or is broken.
        """
        ...
