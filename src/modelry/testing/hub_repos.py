"""Repositories as the Hugging Face Hub has them: commits, branches, tags, files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


class Refusal(Exception):
    """What the Hub refuses: the status, and the code that clients read."""

    def __init__(self, status: int, message: str, code: str = "", **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.more = more


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of a file; `lfs` where they came by Git LFS."""

    data: bytes
    lfs: bool = False

    @property
    def git(self) -> str:
        """The name that git gives to these bytes."""
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()  # noqa: S324 - git's own

    @property
    def sha256(self) -> str:
        """The sha256, 64 hex digits."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Commit:
    """One state of every file."""

    sha: str
    parent: str | None
    title: str
    author: str
    at: datetime
    files: Mapping[str, Blob]


@dataclass(slots=True)
class Repo:
    """One repository of a model."""

    id: str
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, revision: str) -> Commit:
        """Answer the commit that a branch, a tag or a sha names."""
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        if sha not in self.commits:
            raise Refusal(404, f"no revision {revision} in {self.id}", "RevisionNotFound")
        return self.commits[sha]

    def log(self, revision: str) -> list[Commit]:
        """Answer the commits behind a revision, newest first."""
        found = [self.find(revision)]
        while found[-1].parent is not None:
            found.append(self.commits[found[-1].parent])
        return found

    def commit(
        self, branch: str, title: str, files: Mapping[str, Blob], *, author: str = "ann"
    ) -> Commit:
        """Put a new state on a branch."""
        parent = self.branches.get(branch)
        named = "".join(f"{path}{blob.sha256}" for path, blob in sorted(files.items()))
        sha = hashlib.sha1(f"{parent}{title}{named}".encode()).hexdigest()  # noqa: S324 - a name
        at = _BEGINNING + timedelta(minutes=len(self.commits))
        self.commits[sha] = Commit(sha, parent, title, author, at, dict(files))
        self.branches[branch] = sha
        return self.commits[sha]

    def point(self, refs: dict[str, str], name: str, revision: str) -> None:
        """Make a branch or a tag. Raises where the name is taken."""
        if name in self.branches or name in self.tags:
            raise Refusal(409, f"{name} exists already in {self.id}")
        refs[name] = self.find(revision).sha

    def unpoint(self, refs: dict[str, str], name: str) -> None:
        """Take a branch or a tag away."""
        if refs.pop(name, None) is None:
            raise Refusal(404, f"there is no {name} in {self.id}", "RevisionNotFound")
