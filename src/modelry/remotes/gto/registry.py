"""The verbs over a Git repository with GTO's tags; it is read, and git writes it.

A model is an artifact, a version its tag. `prod` and `stage` are our
production and staging; any other stage becomes an alias. A deprecated model
has its versions in the archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from modelry.core.errors import NotFound
from modelry.core.lifecycle import DEFAULT_LIFECYCLE
from modelry.core.model import Commit, Model, ModelSummary, Page, Pointer, Version
from modelry.core.ports import Progress
from modelry.core.verbs import look
from modelry.remotes.foreign import ForeignRegistry, PathInput
from modelry.remotes.gto.artifacts import Artifact, artifact_of
from modelry.remotes.gto.dvc import Cache, Out, outs
from modelry.remotes.gto.git import Git, Tag
from modelry.remotes.gto.tags import Standing, fold
from modelry.remotes.landing import Wanted, land
from modelry.remotes.standing import Known, below, known_history

_MICRO = 1_000_000
_STAGES = {"prod": "production", "stage": "staging"}


class GtoRegistry(ForeignRegistry):
    """One repository, as its tags stand when it is asked."""

    kind: ClassVar[str] = "a Git repository"
    reasons: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("register", "create_model", "tag", "describe", "promote", "archive", "alias",
         "remove_alias", "delete", "rollback"),
        "it is read here; gto and git write it",
    )  # fmt: skip

    def __init__(self, where: str, home: Path, git: Git) -> None:
        super().__init__(where, home)
        self._git = git

    def every_model(self) -> Iterator[ModelSummary]:
        """Answer every artifact that has a version."""
        return iter([_summary(each) for _, each in sorted(self._standing().items())])

    def every_version(self, name: str) -> Iterator[Version]:
        """Answer every version of an artifact, by the time of its tag."""
        model = self._one(name)
        return iter([self._version(model, number, label)
                     for number, label in enumerate(model.versions, 1)])  # fmt: skip

    def bring(self, version: Version, to: Path | None) -> Path:
        """Bring the files of a version, from git or from where DVC keeps them, verified."""
        model = self._one(version.name)
        tag = model.versions[version.version]
        about = artifact_of(self._git, tag.commit, model)
        if about.path is None:
            msg = f"{version.ref} has no path in artifacts.yaml or dvc.yaml of its commit"
            raise NotFound(msg, ref=version.ref)
        path = about.path
        wanted = Wanted(version.ref, "", version.kind)
        return land(wanted, lambda folder: self._bring(tag.commit, path, folder), self.home, to)

    def _bring(self, commit: str, path: str, folder: Path) -> None:
        tree, name = self._git.tree(commit), path.rpartition("/")[2]
        if path in tree:
            self._git.write(commit, path, folder / name)
            return
        tracked = outs(self._git, commit)
        inside = [each for each in tree if each.startswith(f"{path}/") and not _is_note(each)]
        for each in inside:
            self._git.write(commit, each, folder / each.removeprefix(f"{path}/"))
        under = [each for each in tracked.values() if each.path.startswith(f"{path}/")]
        for out in under:
            Cache(self._git.folder).bring(out, folder / out.path.removeprefix(f"{path}/"))
        if path in tracked:
            whole = tracked[path].md5.endswith(".dir")
            Cache(self._git.folder).bring(tracked[path], folder if whole else folder / name)
        elif not inside and not under:
            msg = f"there is no {path} in the commit {commit[:12]}, in git or by DVC"
            raise NotFound(msg, path=path, commit=commit)

    def use(
        self, ref: str, *, to: PathInput | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of a version to a local place."""
        version = self.resolve(ref)
        if progress is not None:
            progress("fetching", 0, 1)
        return self.bring(version, None if to is None else Path(to))

    def resolve(self, ref: str) -> Version:
        """Answer the version that `ref` names now."""
        parsed = self.ref_of(ref)
        return Known(self.model(parsed.name), self._newest_first(parsed.name)).choose(parsed)

    def model(self, name: str) -> ModelSummary:
        """Answer an artifact with its versions and stages."""
        return _summary(self._one(self.model_of(name).name))

    def models(
        self, project_name: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ModelSummary]:
        """List artifacts by name."""
        self.check_project(project_name)
        size = look.page_limit(limit)
        found = [each for each in self.every_model() if each.model.name > (cursor or "")]
        more = found[size - 1].model.name if len(found) > size else None
        return Page(tuple(found[:size]), more)

    def versions(
        self,
        name: str,
        *,
        stage: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Version]:
        """List the versions of an artifact, newest first, of one stage or of all."""
        ref, last, size = self.model_of(name), below(cursor), look.page_limit(limit)
        wanted = self.stages().stage(stage).name if stage else None
        found = [each for each in self._newest_first(ref.name)
                 if (last is None or each.number < last) and wanted in {None, each.stage}]  # fmt: skip
        return Page(tuple(found[:size]), str(found[size - 1].number) if len(found) > size else None)

    def history(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> look.History:
        """Answer who tagged each version when."""
        self.plain("history", as_of=as_of)
        parsed = self.ref_of(ref)
        only = None if parsed.selector == "none" else self.resolve(ref).number
        found = [each for each in self._newest_first(parsed.name) if only in {None, each.number}]
        return known_history(self.model(parsed.name), found, limit, cursor)

    def _newest_first(self, name: str) -> list[Version]:
        return list(self.every_version(name))[::-1]

    def _standing(self) -> dict[str, Standing]:
        found = fold(self._git.tags())
        return {_name(each): each for each in found.values() if each.versions}

    def _one(self, name: str) -> Standing:
        found = {key.lower(): each for key, each in self._standing().items()}
        if name.lower() not in found:
            msg = f"there is no model {name}; GTO registers one by the tag {name}@v1.0.0"
            raise NotFound(msg, model=name)
        return found[name.lower()]

    def _version(self, model: Standing, number: int, label: str) -> Version:
        tag = model.versions[label]
        about = artifact_of(self._git, tag.commit, model)
        out: Out | None = outs(self._git, tag.commit).get(about.path or "")
        single = about.path in self._git.tree(tag.commit) or (
            out is not None and not out.md5.endswith(".dir")
        )
        version = _version(model, label, number, tag, about)
        return replace(
            version,
            kind="file" if single else "folder",
            datasets=out.made_from if out else (),
        )


def _is_note(path: str) -> bool:
    """Say whether a file is one that DVC keeps beside what it tracks."""
    last = path.rpartition("/")[2]
    return last.endswith(".dvc") or last == ".gitignore"


def _name(model: Standing) -> str:
    """Answer a name as we have it: folders are joined by dashes."""
    return model.name.replace("=", "-").replace("/", "-")


def _stage(model: Standing, label: str) -> str:
    if model.deprecated:
        return "archived"
    held = {_STAGES.get(stage, stage) for stage, of in model.stages.items() if of == label}
    return next((each for each in ("production", "staging") if each in held), "none")


def _aliases(model: Standing, label: str) -> tuple[str, ...]:
    return tuple(sorted(
        stage.replace("/", "-") for stage, of in model.stages.items()
        if of == label and _STAGES.get(stage, stage) not in DEFAULT_LIFECYCLE
    ))  # fmt: skip


def _version(model: Standing, label: str, number: int, tag: Tag, about: Artifact) -> Version:
    return Version(
        id=0, project="default", name=_name(model), number=number, version=label,
        stage=_stage(model, label), aliases=_aliases(model, label), digest="", kind="folder",
        files=(), size=0, metrics={}, params=dict(about.params), tags=dict(about.tags),
        datasets=(), description=about.description or tag.message,
        findings=None, source=f"{tag.name} ({tag.commit})", run_id=None, base=None,
        commit=Commit(tag.commit), environment="", author=tag.author, created=tag.at * _MICRO,
    )  # fmt: skip


def _summary(model: Standing) -> ModelSummary:
    tags = list(model.versions.values())
    numbers = {label: number for number, label in enumerate(model.versions, 1)}
    pointers = [
        Pointer(name, "stage", number, 0, 0)
        for label, number in numbers.items()
        if (name := _stage(model, label)) in {"production", "staging"}
    ] + [
        Pointer(name, "alias", number, 0, 0)
        for label, number in numbers.items() for name in _aliases(model, label)
    ]  # fmt: skip
    made = Model(
        id=0, project="default", name=_name(model), description="",
        tags={"deprecated": ""} if model.deprecated else {}, last_number=len(numbers),
        author=tags[0].author, created=tags[0].at * _MICRO, updated=tags[-1].at * _MICRO,
    )  # fmt: skip
    return ModelSummary(made, len(numbers), tuple(sorted(pointers, key=lambda each: each.name)))
