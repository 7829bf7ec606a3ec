"""A registry that is not ours, behind our verbs: what it cannot do says so.

Every adapter of such a registry answers the verbs that its protocol can say,
and inherits the refusal of the others. Nothing is faked: a verb that would
have to be made up, or whose facts would be lost, raises `Unsupported`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, ClassVar, Self

from modelry.core.comparison import Comparison, compare
from modelry.core.draft import DatasetInput, TagsInput
from modelry.core.errors import NotFound, Unsupported
from modelry.core.events import EVERYTHING, Event, LogFilter
from modelry.core.lifecycle import DEFAULT_LIFECYCLE, Lifecycle
from modelry.core.model import Deployment, Environment, Model, ModelSummary, Page, Version
from modelry.core.names import DEFAULT_PROJECT, Ref, check_project, parse_model, parse_ref
from modelry.core.ports import Progress
from modelry.core.repository import AdministrationRepository
from modelry.core.verbs import audit as audits
from modelry.core.verbs import export as exports
from modelry.core.verbs import look, remove

PathInput = str | os.PathLike[str]


class ForeignRegistry:
    """The verbs of a registry elsewhere; a subclass answers those that it can.

    `where` is the address without a user or a password, `kind` what it is, and
    `reasons` says of a verb why it cannot be, and what to do instead.
    """

    kind: ClassVar[str] = "this registry"
    reasons: ClassVar[Mapping[str, str]] = {}

    def __init__(self, where: str, home: Path) -> None:
        self.where = without_secret(where)
        self.home = home

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.where}>"

    def cannot(self, *, verb: str, why: str = "") -> Unsupported:
        """Answer the refusal of a verb, or of a part of it."""
        reason = why or self.reasons.get(verb, "")
        msg = f"{self.kind} cannot do this ({verb})" + (f": {reason}" if reason else "")
        return Unsupported(msg, verb=verb, registry=self.where)

    def plain(self, verb: str, **given: object) -> None:
        """Refuse parts of a verb that would be lost: whatever is given and not empty."""
        for name, value in given.items():
            if value:
                raise self.cannot(verb=verb, why=f"{name} would be lost there; leave it out")

    def ref_of(self, text: str) -> Ref:
        """Read a ref; such a registry has no project but `default`."""
        return _in_default(parse_ref(text))

    def model_of(self, name: str) -> Ref:
        """Read the name of a model."""
        return _in_default(parse_model(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and files."""

    @property
    def admin(self) -> AdministrationRepository:
        """Refuse: people and programs are the other registry's own affair."""
        raise self.cannot(verb="admin", why="give people their rights in its own tools")

    def compare(
        self, *refs: str, lower: Collection[str] = (), higher: Collection[str] = ()
    ) -> Comparison:
        """Set versions side by side; `lower` and `higher` name metrics that the name misleads."""
        return compare([self.resolve(ref) for ref in refs], lower, higher)

    def projects(self) -> Sequence[str]:
        """Name the one project that such a registry has."""
        return (DEFAULT_PROJECT,)

    def stages(self, project_name: str = "default") -> Lifecycle:
        """Answer the four usual stages."""
        self.check_project(project_name)
        return DEFAULT_LIFECYCLE

    def check_project(self, name: str | None) -> None:
        """Raise `NotFound` for a project other than `default`; None is all there are."""
        if name is not None:
            _in_default(Ref(check_project(name), ""))

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
        """Seal a file or folder as a new version of a model, which comes to be if it is new."""
        raise self.cannot(verb="register")

    def create_model(
        self, name: str, *, description: str = "", tags: TagsInput | None = None
    ) -> Model:
        """Make a model before its first version; answers the one that is there already."""
        raise self.cannot(verb="create_model")

    def tag(self, ref: str, tags: TagsInput | None = None, *, remove: Iterable[str] = ()) -> None:
        """Set and remove tags of a version, or of a model where `ref` names no version."""
        raise self.cannot(verb="tag")

    def describe(self, ref: str, description: str) -> None:
        """Replace the description of a version, or of a model where `ref` names no version."""
        raise self.cannot(verb="describe")

    def promote(
        self,
        ref: str,
        stage: str,
        *,
        comment: str = "",
        displace: str | None = None,
        expect: str | None = None,
    ) -> Version:
        """Move a version into a stage, where it becomes what `model@stage` names."""
        raise self.cannot(verb="promote")

    def archive(self, ref: str, *, comment: str = "") -> Version:
        """Retire a version to the archive stage; a stage that named it names nothing then."""
        raise self.cannot(verb="archive")

    def rollback(self, name: str, stage: str | None = None, *, comment: str = "") -> Version:
        """Bring back the version that a stage (production) named before."""
        raise self.cannot(verb="rollback")

    def alias(self, name: str, alias_name: str, ref: str, *, comment: str = "") -> Version:
        """Point an alias of a model at a version: a label, a number or a whole ref of it."""
        raise self.cannot(verb="alias")

    def remove_alias(self, name: str, alias_name: str, *, comment: str = "") -> None:
        """Take an alias away from a model."""
        raise self.cannot(verb="remove_alias")

    def deploy(self, ref: str, target: str, *, comment: str = "") -> Deployment:
        """Record that a registered version was brought to `target`: when, where, by whom."""
        raise self.cannot(verb="deploy")

    def deployments(
        self,
        name: str,
        *,
        target: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Deployment]:
        """List where versions of a model were deployed, latest first: to one target or to all."""
        raise self.cannot(verb="deployments")

    def resolve(self, ref: str) -> Version:
        """Answer the version that `ref` names now."""
        raise self.cannot(verb="resolve")

    def use(
        self, ref: str, *, to: PathInput | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of a version to a local place that is ready to load, and answer it."""
        raise self.cannot(verb="use")

    def model(self, name: str) -> ModelSummary:
        """Answer a model with the number of its versions and its pointers."""
        raise self.cannot(verb="model")

    def models(
        self, project_name: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ModelSummary]:
        """List models by name, of one project or of all."""
        raise self.cannot(verb="models")

    def versions(
        self,
        name: str,
        *,
        stage: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Version]:
        """List the versions of a model, newest first, of one stage or of all."""
        raise self.cannot(verb="versions")

    def search(
        self,
        query: str = "",
        *,
        project_name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Version]:
        """Find versions: `fraud metrics.auc >= 0.9 and stage = production order by metrics.auc desc`."""
        raise self.cannot(verb="search")

    def history(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> look.History:
        """Answer what happened to a model or a version, newest first, and its pointers."""
        raise self.cannot(verb="history")

    def project_history(
        self, project_name: str = "default", *, limit: int = 100, cursor: str | None = None
    ) -> look.History:
        """Answer what happened to a project itself, newest first: its making, its stages."""
        raise self.cannot(verb="project_history")

    def log(
        self,
        *,
        project_name: str | None = None,
        wanted: LogFilter = EVERYTHING,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Event]:
        """List what happened in every project that the actor may read, latest first."""
        raise self.cannot(verb="log")

    def environment(self, ref: str) -> Environment:
        """Answer the Python and the packages that a version was registered from."""
        raise self.cannot(verb="environment")

    def delete(self, ref: str, *, comment: str = "") -> None:
        """Leave a tombstone: number, label and history stay and are not given out again."""
        raise self.cannot(verb="delete")

    def purge(self, ref: str, *, comment: str = "") -> remove.Collected:
        """Free the bytes of a deleted version and answer how many."""
        raise self.cannot(verb="purge")

    def gc(
        self, *, grace: float = remove.GRACE, progress: Progress | None = None
    ) -> remove.Collected:
        """Remove blobs older than `grace` seconds that no version names; safe at any time."""
        raise self.cannot(verb="gc")

    def verify(
        self, ref: str | None = None, *, progress: Progress | None = None
    ) -> look.Verification:
        """Read every byte of a version, of a model or of everything; answer what is damaged."""
        raise self.cannot(verb="verify")

    def audit(
        self,
        name: str | None = None,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> audits.Audit:
        """Verify every record's chain, every seal, and that the state is what the records tell."""
        raise self.cannot(verb="audit")

    def checkpoint(self) -> audits.Checkpoint:
        """Answer the last record of every chain, to be kept elsewhere."""
        raise self.cannot(verb="checkpoint")

    def create_project(self, name: str) -> Lifecycle:
        """Make a project with the usual stages; answers the stages of one that is there."""
        raise self.cannot(verb="create_project")

    def configure_stages(
        self, stages: Sequence[object], project_name: str = "default"
    ) -> Lifecycle:
        """Replace the stages of a project: names, or objects with the fields of `Stage`."""
        raise self.cannot(verb="configure_stages")

    def export(
        self, stream: BinaryIO, name: str | None = None, *, progress: Progress | None = None
    ) -> exports.Carried:
        """Write the whole registry, or one model, with history and bytes to a stream."""
        raise self.cannot(verb="export")

    def import_(self, stream: BinaryIO, *, progress: Progress | None = None) -> exports.Carried:
        """Take in the models of an export (a seekable stream), verified."""
        raise self.cannot(verb="import")

    def restore(
        self,
        stream: BinaryIO,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> exports.Carried:
        """Fill this registry, which must be empty, from an export of a whole one."""
        raise self.cannot(verb="restore")


def _in_default(ref: Ref) -> Ref:
    if ref.project != DEFAULT_PROJECT:
        msg = f"there is no project {ref.project!r} there; only {DEFAULT_PROJECT} exists"
        raise NotFound(msg, project=ref.project)
    return ref


def without_secret(uri: str) -> str:
    """Answer an address as it may be shown and recorded: no user, no password, no query."""
    before, mark, rest = uri.partition("://")
    place, slash, path = rest.partition("?")[0].partition("/")
    return f"{before}{mark}{place.rpartition('@')[2]}{slash}{path}"
