"""Versions of a namespace of the Hub: those that Modelry registered, and what others tagged.

A repository with `modelry.json` on `main` has the versions of its tags
`v<number>`. In any other repository each tag is a version, oldest commit
first, and the head of `main` where no tag names it; such repositories are
read and not written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelry.core.errors import NotFound
from modelry.core.lifecycle import DEFAULT_LIFECYCLE
from modelry.core.model import Model, ModelSummary, Pointer, Version, micros
from modelry.core.names import label_number
from modelry.remotes.huggingface.foreign_repos import foreign_versions
from modelry.remotes.huggingface.hub import HubApi, Refs
from modelry.remotes.huggingface.record import Record, version_of


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository as it stands: its refs, and its record where Modelry keeps one."""

    name: str
    refs: Refs
    record: Record | None
    numbers: dict[int, str]
    """The commit of every version that Modelry registered."""


class Finding:
    """Answers models and versions of one namespace."""

    def __init__(self, api: HubApi) -> None:
        self._api = api

    def repo(self, name: str) -> Repo:
        """Look at a repository. Raises `NotFound`."""
        refs = self._api.refs(name)
        record = self._api.record(name, refs.head)
        tags = {int(tag[1:]): sha for tag, sha in refs.tags.items()
                if tag.startswith("v") and label_number_or_none(tag)}  # fmt: skip
        return Repo(name, refs, record, tags if record else {})

    def versions(self, repo: Repo) -> Iterator[Version]:
        """Answer the versions, newest first."""
        if repo.record is None:
            yield from foreign_versions(self._api, repo.name, repo.refs)
            return
        for number in sorted(repo.numbers, reverse=True):
            yield self.version(repo, number)

    def version(self, repo: Repo, number: int) -> Version:
        """Answer one version. Raises `NotFound`."""
        if repo.record is None:
            for each in foreign_versions(self._api, repo.name, repo.refs):
                if each.number == number:
                    return each
        commit = repo.numbers.get(number)
        sealed = self._api.record(repo.name, commit) if commit else None
        if repo.record and repo.record.about(number).get("deleted"):
            msg = f"{repo.name}:{number} was deleted; its commit stays in the history there"
            raise NotFound(msg, ref=f"{repo.name}:{number}")
        if commit is None or sealed is None or repo.record is None:
            msg = f"{repo.name} has no version {number} (modelry versions {repo.name} lists them)"
            raise NotFound(msg, ref=f"{repo.name}:{number}")
        aliases = tuple(sorted(name for name, sha in repo.refs.branches.items()
                               if sha == commit and is_alias(name)))  # fmt: skip
        return version_of(repo.name, sealed, repo.record.about(number), aliases)

    def commit(self, repo: Repo, version: Version) -> str:
        """Answer the commit that holds a version."""
        return repo.numbers.get(version.number) or version.source.rpartition("@")[2]

    def summary(self, repo: Repo) -> ModelSummary:
        """Answer a model with its pointers: the branches that name a version."""
        known = {sha: number for number, sha in repo.numbers.items()}
        if repo.record is None:
            found = list(foreign_versions(self._api, repo.name, repo.refs))
            known = {each.source.rpartition("@")[2]: each.number for each in found[::-1]}
        pointers = tuple(
            Pointer(name, "stage" if name in DEFAULT_LIFECYCLE else "alias", known[sha], 0, 0)
            for name, sha in sorted(repo.refs.branches.items())
            if sha in known and name != "main"
        )
        return ModelSummary(self._model(repo, max(known.values(), default=0)), len(known), pointers)

    def _model(self, repo: Repo, last: int) -> Model:
        log = self._api.log(repo.name)
        record = repo.record or Record()
        return Model(
            id=0, project="default", name=repo.name, description=record.description,
            tags=dict(record.tags), last_number=max(last, record.last),
            author=next(iter(log[-1].authors), "") if log else "",
            created=micros(log[-1].created_at) if log else 0,
            updated=micros(log[0].created_at) if log else 0,
        )  # fmt: skip


def is_alias(branch: str) -> bool:
    """Say whether a branch is an alias: neither `main` nor a stage."""
    return branch != "main" and branch not in DEFAULT_LIFECYCLE


def label_number_or_none(tag: str) -> int | None:
    """Answer the number of a tag `v<number>`, None for any other."""
    digits = tag[1:]
    if not digits.isascii() or not digits.isdigit() or digits.startswith("0"):
        return None
    return label_number(tag)
