"""The verbs over an MLflow registry.

A version is a model version with its run; stages and aliases are MLflow's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import ClassVar

from mlflow.entities.model_registry import ModelVersion

from modelry.blobs.tree import LocalSources
from modelry.core.draft import DatasetInput, TagsInput, checked_tags, draft
from modelry.core.errors import Conflict, NotFound
from modelry.core.lifecycle import KEEP
from modelry.core.model import Dataset, Model, ModelSummary, Page, Version
from modelry.core.names import Ref
from modelry.core.ports import Progress
from modelry.core.query import parse
from modelry.core.sealing import digest_of
from modelry.core.verbs import look
from modelry.core.verbs.world import exact
from modelry.remotes.foreign import ForeignRegistry, PathInput
from modelry.remotes.hashing import hashed, with_digest
from modelry.remotes.landing import Wanted, land
from modelry.remotes.mlflow.finding import Finding
from modelry.remotes.mlflow.moving import Moving
from modelry.remotes.mlflow.sealed import OURS
from modelry.remotes.mlflow.searching import translate
from modelry.remotes.mlflow.store import Tracking
from modelry.remotes.mlflow.writing import Parcel, make_model, write
from modelry.remotes.standing import below, known_history, part, same_version


class MlflowRegistry(ForeignRegistry):
    """An MLflow registry behind the verbs of Modelry. Safe to share between threads."""

    kind: ClassVar[str] = "an MLflow registry"
    reasons: ClassVar[Mapping[str, str]] = {
        "rollback": "it keeps no history of its stages; promote the version that you want",
        "log": "it keeps no record of changes",
        "project_history": "it has no projects",
        "create_project": "it has no projects; put the project into the name",
        "configure_stages": "its stages are None, Staging, Production and Archived",
        "deploy": "it keeps no record of deployments",
        "deployments": "it keeps no record of deployments",
        "environment": "it does not record one; a model's own requirements.txt may tell",
        "purge": "its files are removed by mlflow gc",
        "gc": "its files are removed by mlflow gc",
        "audit": "its records have no hashes",
        "checkpoint": "its records have no hashes",
        "verify": "it knows no digests; use verifies what Modelry registered there",
        "export": "modelry copy carries models elsewhere",
        "import": "modelry copy brings models there",
        "restore": "modelry copy brings models there",
    }

    def __init__(self, where: str, home: Path, tracking: Tracking) -> None:
        super().__init__(where, home)
        self.tracking = tracking
        self._find = Finding(tracking)
        self._move = Moving(tracking)

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
        """Bring a file or folder into a run, with its metrics and parameters, and register that.

        `run_id` of a run that is there puts everything into that run; else the
        version gets a run of its own in the experiment `modelry`. The same
        bytes under the same label again answer the version that is there.
        """
        said = draft(
            version=version, metrics=metrics, params=params, tags=tags,
            datasets=[with_digest(each) for each in _datasets(datasets)],
            description=description, run_id=run_id,
        )  # fmt: skip
        ref = self.model_of(name)
        came_from = self.resolve(base).ref if base else None
        opened = LocalSources().open(Path(source))
        files = hashed(opened, progress)
        digest = digest_of(files)
        existing = self._find.labelled(ref, said.version) if said.version else None
        if existing is not None:
            return same_version(existing, digest, said)
        made = write(self.tracking, Parcel(ref.name, opened, files, digest, said, came_from))
        return self._find.made(made)

    def create_model(
        self, name: str, *, description: str = "", tags: TagsInput | None = None
    ) -> Model:
        """Make a model before its first version; answers the one that is there already."""
        ref, given = self.model_of(name), checked_tags(tags or {})
        if make_model(self.tracking, ref.name):
            if description:
                self.describe(name, description)
            if given:
                self.tag(name, given)
        return self.model(name).model

    def tag(self, ref: str, tags: TagsInput | None = None, *, remove: Iterable[str] = ()) -> None:
        """Set and remove tags of a version, or of a model where `ref` names no version."""
        parsed, given, gone = self.ref_of(ref), checked_tags(tags or {}), list(remove)
        ours = [name for name in [*given, *gone] if name.startswith(OURS)]
        if ours:
            raise self.cannot(verb="tag", why=f"{ours[0]} is Modelry's own there; leave it alone")
        version = None if parsed.selector == "none" else self._find.resolve(parsed)
        held = version.tags if version else self.model(parsed.name).model.tags
        for name in gone:
            if name not in held:
                msg = f"{version.ref if version else parsed} has no tag {name!r}"
                raise NotFound(msg, tag=name)
        self._move.tag(parsed.name, version.number if version else None, given, gone)

    def describe(self, ref: str, description: str) -> None:
        """Replace the description of a version, or of a model where `ref` names no version."""
        said = draft(
            version=None, metrics=None, params=None, tags=None, datasets=(),
            description=description, run_id=None,
        )  # fmt: skip
        parsed = self.ref_of(ref)
        number = None if parsed.selector == "none" else self._find.resolve(parsed).number
        if number is None:
            self.tracking.registered(parsed.name)
        self._move.describe(parsed.name, number, said.description)

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
        """Move a version into a stage, where it becomes what `model@stage` names.

        `displace` is `archive` (what production does by itself), `staging` or
        `keep`. MLflow keeps no comment and cannot compare before it moves:
        `comment` and `expect` are refused.
        """
        self.plain("promote", comment=comment, expect=expect)
        chosen = self._chosen(ref, "promote")
        target = self.stages().stage(stage)
        others = [int(each.version) for each in self.tracking.every_version(chosen.name)
                  if (each.current_stage or "none").lower() == target.name
                  and int(each.version) != chosen.number]  # fmt: skip
        default = "archived" if target.displaced == "archived" else KEEP
        goes = self._move.displaced(target.name, displace or default)
        if goes is None and any(number > chosen.number for number in others):
            msg = (f"the newest version of {chosen.name} in {target.name} is what MLflow names by "
                   "it, and a newer one is there; displace it")  # fmt: skip
            raise Conflict(msg, ref=str(chosen), stage=target.name)
        self._move.transition(chosen.name, chosen.number, target.name)
        for number in others if goes else ():
            self._move.transition(chosen.name, number, goes or "")
        return self._find.resolve(chosen)

    def archive(self, ref: str, *, comment: str = "") -> Version:
        """Retire a version to the archive stage; a stage that named it names nothing then."""
        self.plain("archive", comment=comment)
        chosen = self._chosen(ref, "archive")
        self._move.transition(chosen.name, chosen.number, "archived")
        return self._find.resolve(chosen)

    def alias(self, name: str, alias_name: str, ref: str, *, comment: str = "") -> Version:
        """Point an alias of a model at a version: a label, a number or a whole ref of it."""
        self.plain("alias", comment=comment)
        model = self.model_of(name)
        number = self._find.number(exact(part(model, ref), "point at"))
        self._move.alias(model.name, alias_name, number)
        return self._find.resolve(model.at(number))

    def remove_alias(self, name: str, alias_name: str, *, comment: str = "") -> None:
        """Take an alias away from a model."""
        self.plain("remove_alias", comment=comment)
        self._move.remove_alias(self.model_of(name).name, alias_name)

    def delete(self, ref: str, *, comment: str = "") -> None:
        """Delete a version or a model at MLflow, which keeps no tombstone that it shows.

        Raises `Conflict` where a stage or an alias names it.
        """
        self.plain("delete", comment=comment)
        parsed = self.ref_of(ref)
        summary = self.model(parsed.name)
        number = None if parsed.selector == "none" else self._find.resolve(parsed).number
        for pointer in summary.pointers:
            if number in {None, pointer.number}:
                msg = (f"{parsed.name}@{pointer.name} names version {pointer.number}; "
                       "move or remove it first")  # fmt: skip
                raise Conflict(msg, ref=ref, pointer=pointer.name)
        self._move.delete(parsed.name, number)

    # Looking

    def resolve(self, ref: str) -> Version:
        """Answer the version that `ref` names now."""
        return self._find.resolve(self.ref_of(ref))

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
        wanted = Wanted(version.ref, version.digest, version.kind)
        return land(wanted, lambda folder: self._fetch(version, folder), self.home, to)

    def every_model(self) -> Iterator[ModelSummary]:
        """Answer every model, whatever its name is made of."""
        return (self._find.summary(each.name) for each in self.tracking.every_model())

    def every_version(self, name: str) -> Iterator[Version]:
        """Answer every version of a model, oldest first, whatever its name is made of."""
        return reversed(self._every(name))

    def _fetch(self, version: Version, folder: Path) -> None:
        self.tracking.download(version.name, str(version.number), folder)

    def model(self, name: str) -> ModelSummary:
        """Answer a model with the number of its versions and its pointers."""
        return self._find.summary(self.model_of(name).name)

    def models(
        self, project_name: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ModelSummary]:
        """List models by name."""
        self.check_project(project_name)
        size = look.page_limit(limit)
        rest = (each for each in self.tracking.every_model() if each.name > (cursor or ""))
        found = list(islice(rest, size + 1))
        items = tuple(self._find.summary(each.name) for each in found[:size])
        return Page(items, found[size - 1].name if len(found) > size else None)

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
        found = self._some(ref, lambda each: last is None or int(each.version) < last, wanted, size)
        page = self._find.many(found[:size])
        return Page(page, str(page[-1].number) if len(found) > size else None)

    def search(
        self,
        query: str = "",
        *,
        project_name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Version]:
        """Find versions by name, number, run and tags, which is what MLflow can look for."""
        self.check_project(project_name)
        said, after, size = translate(parse(query)), below(cursor) or 0, look.page_limit(limit)
        rest = self.tracking.find(said.filter, said.order)
        found = list(islice(rest, after, after + size + 1))
        more = str(after + size) if len(found) > size else None
        return Page(self._find.many(found[:size]), more)

    def history(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> look.History:
        """Answer when each version was registered, which is all that MLflow keeps.

        These events have no hashes, as MLflow has no chain of records.
        """
        self.plain("history", as_of=as_of)
        parsed = self.ref_of(ref)
        only = None if parsed.selector == "none" else self._find.resolve(parsed).number
        versions = [each for each in self._every(parsed.name) if only in {None, each.number}]
        return known_history(self.model(parsed.name), versions, limit, cursor)

    def _every(self, name: str) -> Sequence[Version]:
        self.tracking.registered(name)
        return self._find.many(list(self.tracking.every_version(name)))

    def _some(
        self, ref: Ref, wanted: Callable[[ModelVersion], bool], stage: str | None, size: int
    ) -> list[ModelVersion]:
        self.tracking.registered(ref.name)
        rest: Iterator[ModelVersion] = (
            each for each in self.tracking.every_version(ref.name)
            if wanted(each) and stage in {None, (each.current_stage or "none").lower()}
        )  # fmt: skip
        return list(islice(rest, size + 1))

    def _chosen(self, ref: str, verb: str) -> Ref:
        named = exact(self.ref_of(ref), verb)
        return named.at(self._find.number(named))


def _datasets(given: Sequence[DatasetInput]) -> Sequence[Dataset]:
    return draft(
        version=None, metrics=None, params=None, tags=None, datasets=given,
        description=None, run_id=None,
    ).datasets  # fmt: skip
