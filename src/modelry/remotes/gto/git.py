"""What git is asked, read only: tags, trees, blobs. Nothing of the repository is executed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelry.core.errors import Invalid, NotFound, Unavailable
from modelry.core.names import check_path

_SECONDS = 600
_FORMAT = (
    "%(refname:strip=2)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)"
    "%00%(taggername)%00%(authorname)%00%(contents:subject)"
)
_FILES = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: what it names, when it was made (seconds since 1970 UTC), by whom, its message."""

    name: str
    commit: str
    at: int
    author: str
    message: str


class Git:
    """One repository on this machine, with a work tree or bare."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trees: dict[str, Mapping[str, str]] = {}

    def tags(self) -> list[Tag]:
        """Answer every tag, oldest first. Raises `NotFound` where this is no repository."""
        text = self._ask("for-each-ref", "refs/tags", "--sort=creatordate",
                         f"--format={_FORMAT}").decode("utf-8", "replace")  # fmt: skip
        found = []
        for line in text.splitlines():
            name, own, peeled, at, tagger, author, message = line.split("\0")
            found.append(Tag(name, peeled or own, int(at or 0), tagger or author, message))
        return found

    def tree(self, commit: str) -> Mapping[str, str]:
        """Answer every file of a commit: its path to its blob; links and submodules are none."""
        if commit not in self._trees:
            rows = self._ask("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
            tree: dict[str, str] = {}
            for row in filter(None, rows):
                about, _, path = row.partition(b"\t")
                mode, _, blob = about.decode().split(" ")
                if mode in _FILES:
                    tree[path.decode("utf-8", "surrogateescape")] = blob
            self._trees[commit] = tree
        return self._trees[commit]

    def read(self, commit: str, path: str) -> bytes | None:
        """Answer a small file of a commit, None where it is not there."""
        blob = self.tree(commit).get(path)
        return None if blob is None else self._ask("cat-file", "blob", blob)

    def write(self, commit: str, path: str, target: Path) -> None:
        """Write a file of a commit to this disk."""
        blob = self.tree(commit)[check_path(path)]
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            self._run(["cat-file", "blob", blob], out.fileno())

    def _ask(self, *words: str) -> bytes:
        return self._run(list(words), subprocess.PIPE)

    def _run(self, words: list[str], out: int) -> bytes:
        command = ["git", "-c", "core.fsmonitor=false", "-C", str(self.folder), *words]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            done = subprocess.run(  # noqa: S603 - fixed words and object names, no shell
                command, stdout=out, stderr=subprocess.PIPE, timeout=_SECONDS, check=False,
                env={**clean, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"},
            )  # fmt: skip
        except FileNotFoundError as error:
            msg = "git is missing on this machine; install it and try again"
            raise Unavailable(msg) from error
        except subprocess.TimeoutExpired as error:
            msg = f"git took longer than {_SECONDS} seconds in {str(self.folder)!r}"
            raise Unavailable(msg) from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            if "not a git repository" in said or "dubious ownership" in said:
                msg = f"{str(self.folder)!r} is no Git repository of this user: {said}"
                raise NotFound(msg, path=str(self.folder))
            msg = f"git cannot read {str(self.folder)!r}: {said}"
            raise Invalid(msg, path=str(self.folder))
        return done.stdout or b""
