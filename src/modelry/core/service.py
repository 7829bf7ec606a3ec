"""The verbs that a server needs beyond those of a caller who sits beside the bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from modelry.core.access import Action, Actor
from modelry.core.draft import Draft, TagsInput, checked_tags
from modelry.core.errors import RegistryError
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import File, Model, ModelSummary, Stamp, Version
from modelry.core.names import check_project, parse_model, parse_ref
from modelry.core.ports import Source, View
from modelry.core.registry import PathInput, Registry
from modelry.core.selection import FoundVersion, Selection
from modelry.core.tracking.model import LoggedModel, Run
from modelry.core.tracking.tracking import Tracking
from modelry.core.verbs import (
    attempt,
    catalogue,
    describe,
    enlist,
    listing,
    project,
    promote,
    register,
    remove,
    rename,
)
from modelry.core.verbs.catalogue import Entry, Sheet
from modelry.core.verbs.describe import Wording
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.listing import Leaf, Summary
from modelry.core.verbs.promote import Choice

T = TypeVar("T")


class Service(Registry):
    """A registry that acts for whoever sent a request."""

    @property
    def account(self) -> str:
        """The account that this registry acts for."""
        return self._world.actor.name

    @property
    def actor(self) -> Actor:
        """Whoever this registry acts for."""
        return self._world.actor

    def enlist(  # noqa: PLR0913 - as the verb
        self,
        name: str,
        parts: Parts,
        draft: Draft,
        base: str | None = None,
        *,
        again: bool = False,
        known: bool = False,
    ) -> Version:
        """Seal stored blobs, or metadata alone, as a new version of a model.

        With `again` the same bytes under the same label answer the version
        that is there, else they are a `Conflict`. With `known` the model has
        to be there already.
        """
        with self.registering(name, draft.version):
            ref = self._model(name, Action.REGISTER)
            base_ref = self._ref(base, Action.READ) if base else None
            return enlist.enlist(self._world, ref, parts, draft, base_ref, again=again, known=known)

    def take(
        self, name: str, path: PathInput, draft: Draft, *, origin: str | None = None
    ) -> Version:
        """Seal a file or folder beside this registry as a new version of a model.

        Its source is called `origin`, else by the whole path. A label that is
        taken is a `Conflict`, by the same bytes too.
        """
        with self.registering(name, draft.version):
            ref = self._model(name, Action.REGISTER)
            return register.register(
                self._world, ref, Path(path), draft, None, None, again=False, origin=origin
            )

    def take_from(self, name: str, source: Source, draft: Draft, *, origin: str) -> Version:
        """Copy what lies elsewhere, and seal it as a new version of a model that is there.

        Raises `NotFound` where the model is not.
        """
        with self.registering(name, draft.version):
            ref = self._model(name, Action.REGISTER)
            return register.register(
                self._world, ref, source, draft, None, None, known=True, origin=origin
            )

    def registering(
        self, name: str, label: object = None, *also: type[Exception]
    ) -> AbstractContextManager[None]:
        """Record what is refused in this context as a version that was not registered, once.

        `also` are kinds of refusal that a dialect has of its own.
        """
        return attempt.registering(self._world, name, label, *also)

    def refused(self, name: str, refusal: RegistryError) -> None:
        """Record that a version was not registered because what was sent cannot be read."""
        attempt.refused(self._world, name, refusal)

    def reword(self, ref: str, wording: Wording) -> None:
        """Change the description and the tags of a version or a model in one change."""
        named = self._ref(ref, Action.DESCRIBE)
        describe.reword(self._world, named, wording)

    def new_model(self, name: str, description: str, tags: TagsInput) -> Model:
        """Make a model. Raises `Conflict` where it is there already."""
        ref = self._model(name, Action.REGISTER)
        checked = checked_tags(tags)
        return describe.create_model(self._world, ref, description, checked, fresh=True)

    def new_project(self, name: str) -> Lifecycle:
        """Make a project. Raises `Conflict` where it is there already."""
        self._whole(name)
        return project.create_project(self._world, name, fresh=True)

    def tracking(self, project_name: str = "default") -> Tracking:
        """Answer the experiments and runs as a caller of a project sees them."""
        return Tracking(self._world, check_project(project_name))

    def run(self, run_id: str) -> Run:
        """Answer a run with all that it logged. Raises `NotFound`, also where it is not for one."""
        return self.tracking().run(run_id)

    def logged_model(self, model_id: str) -> LoggedModel:
        """Answer a logged model. Raises `NotFound`, also where it is not for one."""
        return self.tracking().logged_model(model_id)

    def stored_files(self, place: str) -> tuple[File, ...]:
        """Answer every artefact below a place, by its path from there.

        `place` is a path among artefacts (`Run.artifact_root`) or an address
        `mlflow-artifacts:/...`; of a file itself the answer is that file alone.
        """
        return self.tracking().stored_files(place)

    def with_run(self, draft: Draft, run_id: str) -> Draft:
        """Answer a draft with the parameters, finite metrics and data sets of a run."""
        return self.tracking().with_run(draft, run_id)

    def look(self, read: Callable[[View], T]) -> T:
        """Read with a view of one moment."""
        with self._world.store.read() as view:
            return read(view)

    def among(self, digests: Collection[str]) -> frozenset[str]:
        """Answer which blobs need no upload: the caller may read a version that has them."""
        return enlist.among(self._world, digests)

    def find_models(
        self, project_name: str | None = None, contains: str = "", *, skip: int = 0, limit: int = 50
    ) -> Leaf[ModelSummary]:
        """List models that have `contains` in their name, with the number of all that do."""
        key = check_project(project_name) if project_name else None
        return listing.find_models(self._world, key, contains, skip, limit)

    def find_versions(
        self, name: str, *, stage: str | None = None, skip: int = 0, limit: int = 50
    ) -> Leaf[Version]:
        """List versions of a model, newest first, with the number of all."""
        ref = self._model(name, Action.READ)
        return listing.find_versions(self._world, ref, stage, skip, limit)

    def summary(self, project_name: str | None = None) -> Summary:
        """Count models and versions, in a project or in all that the caller may read."""
        key = check_project(project_name) if project_name else None
        return listing.summary(self._world, key)

    def identify_model(self, uid: str) -> str:
        """Answer the name of the model whose opaque id is `uid`. Raises `NotFound`."""
        return str(listing.identify_model(self._world, uid))

    def identify_version(self, uid: str) -> str:
        """Answer the ref of the version whose opaque id is `uid`. Raises `NotFound`."""
        return str(listing.identify_version(self._world, uid))

    def known(self, name: str) -> Model:
        """Answer a model alone. Raises `NotFound`."""
        return catalogue.known(self._world, parse_model(name))

    def entry(self, name: str) -> Entry:
        """Answer a model with the latest version of each of its stages."""
        return catalogue.entry(self._world, parse_model(name))

    def sheet(self, ref: str) -> Sheet:
        """Answer a version beside its model. Raises `NotFound`."""
        return catalogue.sheet(self._world, parse_ref(ref))

    def transition(self, ref: str, choice: Choice) -> Sheet:
        """Move a version to the stage that `choice` names, once it is shown the project's stages.

        Raises what `Registry.promote` does. Answers the version beside its model.
        """
        return promote.transition(self._world, self._ref(ref, Action.POINT), choice)

    def select_models(self, project_name: str, selection: Selection) -> Sequence[Entry]:
        """Answer the models of a project that `selection` names, in its order."""
        return catalogue.select_models(self._world, check_project(project_name), selection)

    def select_versions(
        self, project_name: str, selection: Selection
    ) -> tuple[Lifecycle, Sequence[FoundVersion]]:
        """Answer the versions of a project that `selection` names, and the project's stages."""
        return catalogue.select_versions(self._world, check_project(project_name), selection)

    def rename(self, name: str, new: str, *, title: str | None = None, comment: str = "") -> Model:
        """Give a model another name, and perhaps a title; the old one is never given out again."""
        ref, to = self._model(name, Action.REMOVE), self._model(new, Action.REGISTER)
        return rename.rename(self._world, ref, to, title or to.name, comment)

    def retire(self, ref: str, *, comment: str = "") -> None:
        """Delete a version or a model with its aliases; a live one is a `Conflict`."""
        named = self._ref(ref, Action.REMOVE)
        remove.delete(self._world, named, comment, unname=True)

    def stamps(self, versions: Collection[Version]) -> Mapping[str, Stamp]:
        """Answer by ref when versions last changed, and who approved them."""
        with self._world.store.read() as view:
            return listing.stamps(view, versions)
