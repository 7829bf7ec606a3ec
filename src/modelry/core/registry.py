"""The registry: every verb that a caller sees, over the ports that it was wired with.

Each verb parses its refs, and hands over to the file of `verbs/` that does
it. Refs are text (`credit-risk@production`); what comes back are the nouns of
`model.py`. Refusals are the tree in `errors.py`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from modelry.core.access import EVERYWHERE, Action
from modelry.core.administration import Administration
from modelry.core.comparison import Comparison, compare
from modelry.core.draft import DatasetInput, TagsInput, checked_tags, draft
from modelry.core.errors import Invalid
from modelry.core.events import EVERYTHING, Event, LogFilter
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Deployment, Environment, Model, ModelSummary, Page, Version, micros
from modelry.core.names import Ref, check_project, parse_model, parse_ref
from modelry.core.ports import Progress
from modelry.core.verbs import (
    alias,
    deploy,
    describe,
    logs,
    look,
    project,
    promote,
    register,
    remove,
    take_in,
)
from modelry.core.verbs import audit as audits
from modelry.core.verbs import export as exports
from modelry.core.verbs.attempt import registering
from modelry.core.verbs.permit import permit
from modelry.core.verbs.world import World, lifecycle_of

PathInput = str | os.PathLike[str]


class Registry:
    """A registry over its own store and blobs. Safe to share between threads.

    Use it as a context to close it. Every verb asks first whether its actor
    may do this in the project that is named.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def admin(self) -> Administration:
        """Accounts, members, tokens and trusted publishers."""
        return Administration(self._world)

    def _model(self, name: str, action: Action) -> Ref:
        ref = parse_model(name)
        permit(self._world, action, ref.project, name)
        return ref

    def _project(self, name: str, action: Action) -> str:
        key = check_project(name)
        permit(self._world, action, key, name)
        return key

    def _part(self, name: str | None, verb: str) -> Ref | None:
        """Read which model a verb is about; None for the whole registry."""
        if name is not None:
            return self._model(name, Action.READ)
        self._whole(verb)
        return None

    def _whole(self, verb: str) -> None:
        """Ask for the right to do something with the whole registry."""
        permit(self._world, Action.OPERATE, EVERYWHERE, verb)

    def _ref(self, text: str, action: Action) -> Ref:
        ref = parse_ref(text)
        permit(self._world, action, ref.project, text)
        return ref

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
        self._world.store.close()
        self._world.blobs.close()

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
        """Seal a file or folder as a new version of a model, which comes to be if it is new.

        `version` is its label; without one the label is its number. The same
        bytes under the same label again answer the version that is there.
        A data set that is a local path is recorded with its digest. Author,
        time, git commit and Python environment are recorded by themselves.

        Raises `Conflict` where the label is taken by other bytes, `Invalid`
        for anything that breaks a rule, `NotFound` where nothing is at
        `source`; each refusal is in the log.
        """
        with registering(self._world, name, version):
            checked = draft(
                version=version,
                metrics=metrics,
                params=params,
                tags=tags,
                datasets=datasets,
                description=description,
                run_id=run_id,
            )
            ref = self._model(name, Action.REGISTER)
            base_ref = self._ref(base, Action.READ) if base else None
            return register.register(self._world, ref, Path(source), checked, base_ref, progress)

    def create_model(
        self, name: str, *, description: str = "", tags: TagsInput | None = None
    ) -> Model:
        """Make a model before its first version; answers the one that is there already."""
        checked = checked_tags(tags or {})
        ref = self._model(name, Action.REGISTER)
        return describe.create_model(self._world, ref, description, checked)

    def tag(self, ref: str, tags: TagsInput | None = None, *, remove: Iterable[str] = ()) -> None:
        """Set and remove tags of a version, or of a model where `ref` names no version."""
        named = self._ref(ref, Action.DESCRIBE)
        describe.tag(self._world, named, checked_tags(tags or {}), remove)

    def describe(self, ref: str, description: str) -> None:
        """Replace the description of a version, or of a model where `ref` names no version."""
        describe.describe(self._world, self._ref(ref, Action.DESCRIBE), description)

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

        `displace` says where the versions that were there go: `archive`,
        another stage, or `keep` (their label stays); None means what the
        project says. `expect` is the number that the stage must name now
        (`none` for no version), so that of two people who looked, one wins.

        Raises `Conflict` where the project's stages forbid it or `expect` does not hold.
        """
        named = self._ref(ref, Action.POINT)
        wish = promote.Wish(stage, displace, expect, comment)
        return promote.promote(self._world, named, wish)

    def archive(self, ref: str, *, comment: str = "") -> Version:
        """Retire a version to the archive stage; a stage that named it names nothing then."""
        return promote.archive(self._world, self._ref(ref, Action.POINT), comment)

    def rollback(self, name: str, stage: str | None = None, *, comment: str = "") -> Version:
        """Bring back the version that a stage (production) named before.

        A second call goes back one further. Raises `Conflict` where there is
        no earlier version, or it was deleted.
        """
        return promote.rollback(self._world, self._model(name, Action.POINT), stage, comment)

    def alias(self, name: str, alias_name: str, ref: str, *, comment: str = "") -> Version:
        """Point an alias of a model at a version: a label, a number or a whole ref of it."""
        model = self._model(name, Action.POINT)
        target = _of_model(model, ref)
        return alias.set_alias(self._world, model, alias_name, target, comment)

    def remove_alias(self, name: str, alias_name: str, *, comment: str = "") -> None:
        """Take an alias away from a model."""
        alias.remove_alias(self._world, self._model(name, Action.POINT), alias_name, comment)

    # Deployments

    def deploy(self, ref: str, target: str, *, comment: str = "") -> Deployment:
        """Record that a registered version was brought to `target`: when, where, by whom.

        Raises `NotFound` for a version that is not registered, or was deleted.
        """
        return deploy.deploy(self._world, self._ref(ref, Action.DEPLOY), target, comment)

    def deployments(
        self,
        name: str,
        *,
        target: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Deployment]:
        """List where versions of a model were deployed, latest first: to one target or to all.

        The first of a target is what runs there, as far as was recorded.
        """
        ref = self._model(name, Action.READ)
        return deploy.deployments(self._world, ref, target, limit, cursor)

    # Looking

    def resolve(self, ref: str) -> Version:
        """Answer the version that `ref` names now.

        A model alone means production, else its latest version. Raises `NotFound`.
        """
        return look.resolve(self._world, self._ref(ref, Action.READ))

    def use(
        self, ref: str, *, to: PathInput | None = None, progress: Progress | None = None
    ) -> Path:
        """Bring the files of a version to a local place that is ready to load, and answer it.

        Every byte is verified. What was registered as one file answers that
        file's path, a folder the folder's. Raises `Corrupt` naming the file
        that is damaged.
        """
        target = None if to is None else Path(to)
        return look.use(self._world, self._ref(ref, Action.READ), target, progress)

    def model(self, name: str) -> ModelSummary:
        """Answer a model with the number of its versions and its pointers."""
        return look.model(self._world, self._model(name, Action.READ))

    def models(
        self, project_name: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ModelSummary]:
        """List models by name, of one project or of all."""
        key = check_project(project_name) if project_name else None
        return look.models(self._world, key, limit, cursor)

    def versions(
        self,
        name: str,
        *,
        stage: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Version]:
        """List the versions of a model, newest first, of one stage or of all."""
        return look.versions(self._world, self._model(name, Action.READ), stage, limit, cursor)

    def search(
        self,
        query: str = "",
        *,
        project_name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Version]:
        """Find versions: `fraud metrics.auc >= 0.9 and stage = production order by metrics.auc desc`.

        The language is described in `modelry.core.query`. Raises `Invalid`
        with the position of a mistake.
        """
        key = check_project(project_name) if project_name else None
        return look.search(self._world, query, key, limit, cursor)

    def compare(
        self, *refs: str, lower: Collection[str] = (), higher: Collection[str] = ()
    ) -> Comparison:
        """Set versions side by side; `lower` and `higher` name metrics that the name misleads."""
        found = look.select(self._world, [self._ref(ref, Action.READ) for ref in refs])
        return compare(found, lower, higher)

    def history(
        self,
        ref: str,
        *,
        as_of: datetime | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> look.History:
        """Answer what happened to a model or a version, newest first, and its pointers.

        With `as_of` everything is as it was at that time (naive times are UTC).
        """
        at = None if as_of is None else micros(as_of)
        return look.history(self._world, self._ref(ref, Action.READ), at, limit, cursor)

    def project_history(
        self, project_name: str = "default", *, limit: int = 100, cursor: str | None = None
    ) -> look.History:
        """Answer what happened to a project itself, newest first: its making, its stages."""
        key = self._project(project_name, Action.READ)
        return look.project_history(self._world, key, limit, cursor)

    def log(
        self,
        *,
        project_name: str | None = None,
        wanted: LogFilter = EVERYTHING,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[Event]:
        """List what happened in every project that the actor may read, latest first."""
        key = check_project(project_name) if project_name else None
        return logs.log(self._world, wanted, key, limit, cursor)

    def environment(self, ref: str) -> Environment:
        """Answer the Python and the packages that a version was registered from."""
        return look.environment(self._world, self.resolve(ref))

    # Taking away and keeping in order

    def delete(self, ref: str, *, comment: str = "") -> None:
        """Leave a tombstone: number, label and history stay and are not given out again.

        `ref` names a version, or a model alone for all of it. Raises
        `Conflict` where a stage or an alias names it.
        """
        remove.delete(self._world, self._ref(ref, Action.REMOVE), comment)

    def purge(self, ref: str, *, comment: str = "") -> remove.Collected:
        """Free the bytes of a deleted version and answer how many."""
        return remove.purge(self._world, self._ref(ref, Action.REMOVE), comment)

    def gc(
        self, *, grace: float = remove.GRACE, progress: Progress | None = None
    ) -> remove.Collected:
        """Remove blobs older than `grace` seconds that no version names; safe at any time."""
        self._whole("gc")
        return remove.collect(self._world, grace, progress)

    def verify(
        self, ref: str | None = None, *, progress: Progress | None = None
    ) -> look.Verification:
        """Read every byte of a version, of a model or of everything; answer what is damaged."""
        if ref is None:
            self._whole("verify")
        named = self._ref(ref, Action.READ) if ref else None
        return look.verify(self._world, named, progress)

    def audit(
        self,
        name: str | None = None,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> audits.Audit:
        """Verify every record's chain, every seal, and that the state is what the records tell."""
        ref = self._part(name, "audit")
        return audits.audit(self._world, ref, checkpoint, progress)

    def checkpoint(self) -> audits.Checkpoint:
        """Answer the last record of every chain, to be kept elsewhere."""
        self._whole("checkpoint")
        return audits.checkpoint(self._world)

    # Projects

    def create_project(self, name: str) -> Lifecycle:
        """Make a project with the usual stages; answers the stages of one that is there."""
        permit(self._world, Action.OPERATE, EVERYWHERE, name)
        return project.create_project(self._world, name)

    def projects(self) -> Sequence[str]:
        """Name every project that the actor may read."""
        scope = self._world.actor.scope
        with self._world.store.read() as view:
            return [name for name in view.projects() if scope is None or name in scope]

    def stages(self, project_name: str = "default") -> Lifecycle:
        """Answer the stages of a project."""
        key = self._project(project_name, Action.READ)
        with self._world.store.read() as view:
            return lifecycle_of(view, key)

    def configure_stages(
        self, stages: Sequence[object], project_name: str = "default"
    ) -> Lifecycle:
        """Replace the stages of a project: names, or objects with the fields of `Stage`."""
        key = self._project(project_name, Action.CONFIGURE)
        return project.configure_stages(self._world, key, stages)

    # Carrying elsewhere

    def export(
        self, stream: BinaryIO, name: str | None = None, *, progress: Progress | None = None
    ) -> exports.Carried:
        """Write the whole registry, or one model, with history and bytes to a stream."""
        ref = self._part(name, "export")
        return exports.export(self._world, stream, ref, progress)

    def import_(self, stream: BinaryIO, *, progress: Progress | None = None) -> exports.Carried:
        """Take in the models of an export (a seekable stream), verified."""
        self._whole("import")
        return take_in.import_(self._world, stream, progress)

    def restore(
        self,
        stream: BinaryIO,
        *,
        checkpoint: audits.Checkpoint | None = None,
        progress: Progress | None = None,
    ) -> exports.Carried:
        """Fill this registry, which must be empty, from an export of a whole one.

        Raises `Conflict` where the backup is behind `checkpoint`.
        """
        self._whole("restore")
        return take_in.restore(self._world, stream, checkpoint, progress)


def _of_model(model: Ref, text: str) -> Ref:
    """Read `text` as a version of `model`: `3`, `1.2.0`, `@production` or a whole ref."""
    if text.startswith("@"):
        return parse_ref(f"{model}{text}")
    if ":" in text or "@" in text:
        ref = parse_ref(text)
        if (ref.project, ref.name.lower()) != (model.project, model.name.lower()):
            msg = f"{text} is not a version of {model}; an alias points into its own model"
            raise Invalid(msg, ref=text)
        return ref
    return parse_ref(f"{model}:{text}")
