"""The verbs over a namespace of the Hub.

A model is a repository, a version its tag `v<number>`, a stage or an alias a
branch that names the version's commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from modelry.blobs.tree import LocalSources
from modelry.core.draft import DatasetInput, TagsInput, checked_tags, draft
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.lifecycle import KEEP
from modelry.core.model import Model, ModelSummary, Page, Version
from modelry.core.names import Ref, label_key
from modelry.core.ports import Progress
from modelry.core.sealing import digest_of
from modelry.core.verbs import look
from modelry.core.verbs.world import exact
from modelry.remotes.foreign import ForeignRegistry, PathInput
from modelry.remotes.hashing import hashed, with_digest
from modelry.remotes.huggingface.finding import Finding, Repo
from modelry.remotes.huggingface.hub import Change, HubApi
from modelry.remotes.huggingface.record import Record
from modelry.remotes.huggingface.registering import Parcel, made_repo, register
from modelry.remotes.landing import Wanted, land
from modelry.remotes.standing import Known, alias_key, below, known_history, part


class HubRegistry(ForeignRegistry):
    """A namespace of the Hub behind the verbs of Modelry. Safe to share between threads."""

    kind: ClassVar[str] = "a registry at the Hub"
    reasons: ClassVar[Mapping[str, str]] = {
        "rollback": "it keeps no list of what a branch named; promote the version that you want",
        "search": "the Hub has no search of versions; import it, and search here",
        "log": "the commits of each repository are its log",
        "project_history": "it has no projects",
        "create_project": "it has no projects; a namespace is an organization of the Hub",
        "configure_stages": "its stages are the four usual ones",
        "deploy": "it keeps no record of deployments",
        "deployments": "it keeps no record of deployments",
        "environment": "it does not record one",
        "purge": "the bytes stay in the history of the repository; delete the model",
        "gc": "the Hub keeps its own bytes in order",
        "audit": "git keeps the hashes there",
        "checkpoint": "git keeps the hashes there",
        "verify": "use verifies what Modelry registered there",
        "export": "modelry copy carries models elsewhere",
        "import": "modelry copy brings models there",
        "restore": "modelry copy brings models there",
    }

    def __init__(self, where: str, home: Path, api: HubApi) -> None:
        super().__init__(where, home)
        self._api = api
        self._find = Finding(api)

    # Registering and describing

    def register(  # noqa: PLR0913 - a version has this many facts
        self,
        name: str,
        source: PathInput,
        *,
        version: str | int | None = None,
        metrics: Mapping[str, object] | None = None,
        params: Mapping[str, object] | None = None,
        tags: TagsInput | None = None,
        datasets: Sequence[DatasetInput] = (),
        description: str | None = None,
        run_id: str | None = None,
        base: str | None = None,
        progress: Progress | None = None,
    ) -> Version:
        """Commit a file or folder with its metadata in `modelry.json`, and tag it `v<number>`.

        The same bytes under the same label again answer the version that is there.
        """
        said = draft(
            version=version, metrics=metrics, params=params, tags=tags, datasets=datasets,
            description=description, run_id=run_id,
        )  # fmt: skip
        said = replace(said, datasets=tuple(with_digest(each) for each in said.datasets))
        ref = self.model_of(name)
        came_from = self.resolve(base).ref if base else None
        opened = LocalSources().open(Path(source))
        files = hashed(opened, progress)
        parcel = Parcel(
            ref.name, opened, files, digest_of(files), said, came_from,
            str(Path(source).absolute()),
        )  # fmt: skip
        return register(self._api, self._find, parcel)

    def create_model(
        self, name: str, *, description: str = "", tags: TagsInput | None = None
    ) -> Model:
        """Make a repository before its first version; answers the one that is there already."""
        ref, given = self.model_of(name), checked_tags(tags or {})
        repo = made_repo(self._api, self._find, ref.name)
        if repo.record is None:
            record = Record(description=_text(description), tags=given)
            self._change(repo, record, "create the model")
        return self.model(name).model

    def tag(self, ref: str, tags: TagsInput | None = None, *, remove: Iterable[str] = ()) -> None:
        """Set and remove tags of a version, or of a model where `ref` names no version."""
        parsed, given, gone = self.ref_of(ref), checked_tags(tags or {}), list(remove)
        repo, record = self._ours(parsed.name)
        version = None if parsed.selector == "none" else self._choose(repo, parsed)
        held = dict(version.tags if version else record.tags)
        for key in gone:
            if held.pop(key, None) is None:
                msg = f"{version.ref if version else parsed} has no tag {key!r}"
                raise NotFound(msg, tag=key)
        held = checked_tags({**held, **given})
        changed = record.change(version.number, tags=held) if version else replace(
            record, tags=held)  # fmt: skip
        self._change(repo, changed, f"tag {version.ref if version else parsed}")

    def describe(self, ref: str, description: str) -> None:
        """Replace the description of a version, or of a model where `ref` names no version."""
        parsed, text = self.ref_of(ref), _text(description)
        repo, record = self._ours(parsed.name)
        version = None if parsed.selector == "none" else self._choose(repo, parsed)
        changed = record.change(version.number, description=text) if version else replace(
            record, description=text)  # fmt: skip
        self._change(repo, changed, f"describe {version.ref if version else parsed}")

    # Stages and aliases

    def promote(
        self,
        ref: str,
        stage: str,
        *,
        comment: str = "",
        displace: str | None = None,
        expect: str | None = None,
    ) -> Version:
        """Move a version into a stage, whose branch then names its commit.

        The record changes in one commit; the branch follows, which the Hub
        does in two steps. A call that was cut off in between is run again.
        """
        parsed, target = exact(self.ref_of(ref), "promote"), self.stages().stage(stage)
        repo, record = self._ours(parsed.name)
        version = self._choose(repo, parsed)
        pointers = {each.name: each.number for each in self._find.summary(repo).pointers}
        self._expect(expect, f"{target.name} of {repo.name}", pointers.get(target.name))
        goes = (displace or target.displaced).lower()
        goes = "archived" if goes == "archive" else goes
        if goes != KEEP and (goes == target.name or goes not in self.stages()):
            msg = f"displaced versions cannot go to {goes}; choose archive, staging or keep"
            raise Invalid(msg, displace=displace)
        changed = record.change(version.number, stage=target.name)
        for number in repo.numbers if goes != KEEP else ():
            if number != version.number and record.about(number).get("stage") == target.name:
                changed = changed.change(number, stage=goes)
        if changed != record:
            title = f"promote v{version.number} to {target.name}"
            self._change(repo, changed, f"{title}: {comment}" if comment else title)
        for name, number in pointers.items():
            if number == version.number and name in self.stages() and name != target.name:
                self._api.unpoint(repo.name, name, repo.refs)
        if target.pointed:
            self._api.point(repo.name, target.name, repo.numbers[version.number], repo.refs)
        return self.resolve(version.ref)

    def _expect(self, expect: str | None, stage: str, number: int | None) -> None:
        """Raise `Conflict` where a stage does not name what the caller saw."""
        now = str(number or "none")
        if expect is not None and label_key(expect) != now:
            said = f"version {now}" if number else "nothing"
            msg = f"{stage} names {said} now, not {label_key(expect)}; look again and decide"
            raise Conflict(msg, stage=stage)

    def archive(self, ref: str, *, comment: str = "") -> Version:
        """Retire a version to the archive stage; a stage that named it names nothing then."""
        exact(self.ref_of(ref), "archive")
        return self.promote(ref, "archived", comment=comment)

    def alias(self, name: str, alias_name: str, ref: str, *, comment: str = "") -> Version:
        """Point an alias, a branch, at a version: a label, a number or a whole ref of it."""
        self.plain("alias", comment=comment)
        model, key = self.model_of(name), alias_key(alias_name)
        if key == "main":
            msg = "'main' is the branch that versions are committed to; choose another alias"
            raise Conflict(msg, alias=key)
        repo, _ = self._ours(model.name)
        version = self._choose(repo, exact(part(model, ref), "point at"))
        self._api.point(repo.name, key, repo.numbers[version.number], repo.refs)
        return self.resolve(version.ref)

    def remove_alias(self, name: str, alias_name: str, *, comment: str = "") -> None:
        """Take an alias away from a model."""
        self.plain("remove_alias", comment=comment)
        key = alias_key(alias_name)
        repo, _ = self._ours(self.model_of(name).name)
        there = [each.name for each in self._find.summary(repo).pointers if each.kind == "alias"]
        if key not in there:
            msg = f"{repo.name} has no alias {key!r}; it has: {', '.join(there) or 'none'}"
            raise NotFound(msg, alias=key)
        self._api.unpoint(repo.name, key, repo.refs)

    def delete(self, ref: str, *, comment: str = "") -> None:
        """Take the tag of a version away, or delete a model with its repository.

        The commit stays in the history of the repository, and the number is
        not given out again. Raises `Conflict` where a stage or an alias names it.
        """
        parsed = self.ref_of(ref)
        repo, record = self._ours(parsed.name)
        version = None if parsed.selector == "none" else self._choose(repo, parsed)
        for pointer in self._find.summary(repo).pointers:
            if version is None or pointer.number == version.number:
                msg = (f"{repo.name}@{pointer.name} names version {pointer.number}; "
                       "move or remove it first")  # fmt: skip
                raise Conflict(msg, ref=ref, pointer=pointer.name)
        if version is None:
            self.plain("delete", comment=comment)
            self._api.delete(repo.name)
            return
        gone = record.change(version.number, deleted=label_key(version.version))
        title = f"delete v{version.number}"
        self._change(repo, gone, f"{title}: {comment}" if comment else title)
        self._api.untag(repo.name, f"v{version.number}")

    # Looking

    def resolve(self, ref: str) -> Version:
        """Answer the version that `ref` names now."""
        parsed = self.ref_of(ref)
        return self._choose(self._find.repo(parsed.name), parsed)

    def use(
        self, ref: str, *, to: PathInput | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of a version to a local place; verified where Modelry registered it."""
        version = self.resolve(ref)
        if progress is not None:
            progress("fetching", 0, version.size)
        found = self.bring(version, None if to is None else Path(to))
        if progress is not None:
            progress("fetching", version.size, version.size)
        return found

    def bring(self, version: Version, to: Path | None) -> Path:
        """Bring the files of a version that was answered before."""
        commit = self._find.commit(self._find.repo(version.name), version)
        names = [file.path for file in version.files] or [".gitattributes"]
        return land(
            Wanted(version.ref, version.digest, version.kind),
            lambda folder: self._api.download(version.name, commit, folder, names),
            self.home, to,
        )  # fmt: skip

    def every_model(self) -> Iterator[ModelSummary]:
        """Answer every model of the namespace."""
        return (self._find.summary(self._find.repo(name)) for name in self._api.names())

    def every_version(self, name: str) -> Iterator[Version]:
        """Answer every version of a model, oldest first."""
        return iter(list(self._find.versions(self._find.repo(name)))[::-1])

    def model(self, name: str) -> ModelSummary:
        """Answer a model with the number of its versions and its pointers."""
        return self._find.summary(self._find.repo(self.model_of(name).name))

    def models(
        self, project_name: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ModelSummary]:
        """List models by name."""
        self.check_project(project_name)
        size = look.page_limit(limit)
        names = [name for name in self._api.names() if name > (cursor or "")][: size + 1]
        items = tuple(self._find.summary(self._find.repo(name)) for name in names[:size])
        return Page(items, names[size - 1] if len(names) > size else None)

    def versions(
        self,
        name: str,
        *,
        stage: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Version]:
        """List the versions of a model, newest first, of one stage or of all."""
        ref, last, size = self.model_of(name), below(cursor), look.page_limit(limit)
        wanted = self.stages().stage(stage).name if stage else None
        rest = (each for each in self._find.versions(self._find.repo(ref.name))
                if (last is None or each.number < last) and wanted in {None, each.stage})  # fmt: skip
        found = list(islice(rest, size + 1))
        return Page(tuple(found[:size]), str(found[size - 1].number) if len(found) > size else None)

    def history(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> look.History:
        """Answer who registered each version when; what happened beside is in git's log."""
        self.plain("history", as_of=as_of)
        parsed = self.ref_of(ref)
        repo = self._find.repo(parsed.name)
        only = None if parsed.selector == "none" else self._choose(repo, parsed).number
        found = [each for each in self._find.versions(repo) if only in {None, each.number}]
        return known_history(self._find.summary(repo), found, limit, cursor)

    def _choose(self, repo: Repo, ref: Ref) -> Version:
        if (
            ref.selector == "number"
            and repo.record
            and (ref.number in repo.numbers or repo.record.about(ref.number))
        ):
            return self._find.version(repo, ref.number)
        return Known(self._find.summary(repo), self._find.versions(repo)).choose(ref)

    def _ours(self, name: str) -> tuple[Repo, Record]:
        """Look at a repository that Modelry made. Raises `Unsupported` for any other."""
        repo = self._find.repo(name)
        if repo.record is None:
            why = f"{self._api.id(name)} was not made by Modelry; it is read, not written"
            raise self.cannot(verb="change", why=why)
        return repo, repo.record

    def _change(self, repo: Repo, record: Record, title: str) -> None:
        """Commit a changed record. Raises `Conflict` where somebody else was faster."""
        self._api.commit(repo.name, Change({}, (), record, title, repo.refs.head))


def _text(description: str) -> str:
    given: dict[str, Any] = dict.fromkeys(("version", "metrics", "params", "tags", "run_id"))
    return draft(**given, datasets=(), description=description).description
