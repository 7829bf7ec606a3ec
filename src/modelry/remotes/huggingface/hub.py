"""The Hub's client, asked for what we need of one namespace; every refusal as ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    GitCommitInfo,
    HfApi,
    ModelInfo,
)

from modelry.core.errors import Conflict, NotFound
from modelry.durable import erase
from modelry.remotes.huggingface.record import NAME, Record, read_record
from modelry.remotes.huggingface.refusals import translated

T = TypeVar("T")

KEPT = frozenset({".gitattributes", NAME})
"""Files of a repository that are not of a version, unless it brought them itself."""


@dataclass(frozen=True, slots=True)
class Refs:
    """Where branches and tags of a repository stand: names to commits."""

    branches: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def head(self) -> str:
        """The commit of `main`."""
        return self.branches["main"]


@dataclass(frozen=True, slots=True)
class Change:
    """A new state of `main`: files from this machine by their paths, and the record."""

    files: Mapping[str, str]
    gone: Sequence[str]
    record: Record
    title: str
    parent: str


class HubApi:
    """One namespace of a hub. Safe to share between threads."""

    def __init__(self, endpoint: str | None, namespace: str, cache: Path) -> None:
        self.namespace = namespace
        self._api = HfApi(endpoint=endpoint)
        self._cache = cache

    def ask(self, call: Callable[[HfApi], T]) -> T:
        """Answer what the client answers."""
        with translated(f"hf://{self.namespace}"):
            return call(self._api)

    def id(self, name: str) -> str:
        """Answer the whole name of a repository."""
        return f"{self.namespace}/{name}"

    def names(self) -> list[str]:
        """Answer the names of all models, sorted."""
        found = self.ask(lambda api: [each.id for each in api.list_models(author=self.namespace)])
        return sorted(each.partition("/")[2] for each in found)

    def refs(self, name: str) -> Refs:
        """Answer branches and tags. Raises `NotFound` where there is no such model."""
        try:
            found = self.ask(lambda api: api.list_repo_refs(self.id(name)))
        except NotFound as error:
            msg = f"there is no model {name}; register a first version (in hf://{self.namespace})"
            raise NotFound(msg, model=name) from error
        return Refs(
            {each.name: each.target_commit for each in found.branches},
            {each.name: each.target_commit for each in found.tags},
        )

    def info(self, name: str, revision: str) -> ModelInfo:
        """Answer what the Hub says of a revision: its files, its card."""
        return self.ask(lambda api: api.model_info(self.id(name), revision=revision))

    def log(self, name: str) -> list[GitCommitInfo]:
        """Answer the commits of `main`, newest first."""
        return self.ask(lambda api: api.list_repo_commits(self.id(name)))

    def record(self, name: str, commit: str) -> Record | None:
        """Answer the record of a commit, None where there is none; commits are kept on this disk."""
        try:
            path = self.ask(
                lambda api: api.hf_hub_download(
                    self.id(name), NAME, revision=commit, cache_dir=self._cache
                )
            )
        except NotFound:
            return None
        return read_record(Path(path).read_bytes(), self.id(name))

    def download(self, name: str, commit: str, folder: Path, files: Sequence[str]) -> None:
        """Bring the files of a commit into an empty folder; those of `files`, or all but ours."""
        self.ask(
            lambda api: api.snapshot_download(self.id(name), revision=commit, local_dir=folder)
        )
        erase(folder / ".cache" / "huggingface")
        cache = folder / ".cache"
        if cache.is_dir() and not any(cache.iterdir()):
            cache.rmdir()
        for extra in KEPT - set(files):
            (folder / extra).unlink(missing_ok=True)

    def create(self, name: str) -> None:
        """Make a repository where there is none."""
        self.ask(lambda api: api.create_repo(self.id(name), exist_ok=True))

    def commit(self, name: str, change: Change) -> str:
        """Put a new state on `main`; answer the commit. Raises `Conflict` for another parent."""
        operations: Iterator[CommitOperationAdd | CommitOperationDelete] = iter([
            *(CommitOperationAdd(path, where) for path, where in change.files.items()),
            *(CommitOperationDelete(path) for path in change.gone),
            CommitOperationAdd(NAME, change.record.write()),
        ])  # fmt: skip
        made = self.ask(
            lambda api: api.create_commit(
                self.id(name), operations, commit_message=change.title,
                parent_commit=change.parent,
            )
        )  # fmt: skip
        return str(made.oid)

    def tag(self, name: str, tag: str, commit: str) -> None:
        """Make a tag. Raises `Conflict` where it is there."""
        self.ask(lambda api: api.create_tag(self.id(name), tag=tag, revision=commit))

    def point(self, name: str, branch: str, commit: str, refs: Refs) -> None:
        """Make a branch name a commit; the Hub has no way to do it in one step."""
        if refs.branches.get(branch) == commit:
            return
        self.unpoint(name, branch, refs)
        try:
            self.ask(lambda api: api.create_branch(self.id(name), branch=branch, revision=commit))
        except Conflict as error:
            msg = f"{branch} of {name} was moved by somebody else just now; look and decide again"
            raise Conflict(msg, model=name, pointer=branch) from error

    def unpoint(self, name: str, branch: str, refs: Refs) -> None:
        """Take a branch away where it is."""
        if branch in refs.branches:
            self.ask(lambda api: api.delete_branch(self.id(name), branch=branch))

    def untag(self, name: str, tag: str) -> None:
        """Take a tag away."""
        self.ask(lambda api: api.delete_tag(self.id(name), tag=tag))

    def delete(self, name: str) -> None:
        """Delete a repository."""
        self.ask(lambda api: api.delete_repo(self.id(name)))
