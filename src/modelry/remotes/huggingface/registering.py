"""Registering at the Hub: one commit with every file, then the tag that makes it a version."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelry.blobs.tree import LocalSource
from modelry.core.draft import Draft
from modelry.core.errors import Conflict, NotFound, Unsupported
from modelry.core.model import File, Version
from modelry.core.names import label_key, label_number
from modelry.remotes.huggingface.finding import Finding, Repo
from modelry.remotes.huggingface.hub import KEPT, Change, HubApi
from modelry.remotes.huggingface.record import NAME, Record, sealed
from modelry.remotes.standing import same_version
from modelry.surroundings import LocalSurroundings, SystemClock

ATTEMPTS = 5
"""How often a commit is tried when others commit in between."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A version before the Hub has it."""

    name: str
    source: LocalSource
    files: tuple[File, ...]
    digest: str
    draft: Draft
    base: str | None
    where: str


def register(api: HubApi, find: Finding, parcel: Parcel) -> Version:
    """Commit and tag. A process that is killed in between leaves a commit, and no version."""
    if NAME in {file.path for file in parcel.files}:
        msg = f"the Hub cannot hold the file {NAME}: Modelry keeps its own there; rename it"
        raise Unsupported(msg, path=NAME)
    for attempt in range(ATTEMPTS):
        repo = made_repo(api, find, parcel.name)
        existing = _labelled(find, repo, parcel.draft.version)
        if existing is not None:
            return same_version(existing, parcel.digest, parcel.draft)
        record = repo.record or Record()
        number = _number(parcel, record.last)
        try:
            commit = api.commit(parcel.name, _change(api, repo, parcel, record, number))
            api.tag(parcel.name, f"v{number}", commit)
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        return find.version(find.repo(parcel.name), number)
    raise AssertionError  # the last attempt answers or raises


def made_repo(api: HubApi, find: Finding, name: str) -> Repo:
    """Answer a repository that Modelry may write, made where it is new."""
    try:
        repo = find.repo(name)
    except NotFound:
        api.create(name)
        return find.repo(name)
    if repo.record is None and (repo.refs.tags or _files(api, repo) - {".gitattributes"}):
        msg = f"{api.id(name)} was not made by Modelry; it is read, not written: take another name"
        raise Unsupported(msg, model=name)
    return repo


def _files(api: HubApi, repo: Repo) -> set[str]:
    return {each.rfilename for each in api.info(repo.name, repo.refs.head).siblings or ()}


def _labelled(find: Finding, repo: Repo, label: str | None) -> Version | None:
    """Answer the version that has a label. Raises `Conflict` for one that was deleted."""
    if label is None or repo.record is None:
        return None
    number = label_number(label)
    for each, about in repo.record.changed.items():
        if about.get("deleted") in {str(number), label_key(label)} or (
            about.get("deleted") and int(each) == number
        ):
            why = "was deleted and never comes back; use a new label"
            msg = f"{repo.name} {label} is taken: that version {why}"
            raise Conflict(msg, version=label)
    if number is not None:
        return find.version(repo, number) if number in repo.numbers else None
    return next((each for each in find.versions(repo)
                 if label_key(each.version) == label_key(label)), None)  # fmt: skip


def _number(parcel: Parcel, last: int) -> int:
    wanted = label_number(parcel.draft.version) if parcel.draft.version else None
    if wanted is not None and wanted <= last:
        msg = f"numbers of {parcel.name} only rise: the next is {last + 1}, not {wanted}"
        raise Conflict(msg, model=parcel.name, next=last + 1)
    return wanted or last + 1


def _change(api: HubApi, repo: Repo, parcel: Parcel, record: Record, number: int) -> Change:
    files = {file.path: file.where for file in parcel.source.files}
    told = sealed(
        parcel.draft, number, parcel.digest, parcel.source.kind, parcel.files,
        author=LocalSurroundings().author(), created=SystemClock().now(), base=parcel.base,
        source=parcel.where,
    )  # fmt: skip
    return Change(
        files=files,
        gone=sorted(_files(api, repo) - set(files) - KEPT),
        record=replace(record, last=number, version=told),
        title=f"register v{number}",
        parent=repo.refs.head,
    )
