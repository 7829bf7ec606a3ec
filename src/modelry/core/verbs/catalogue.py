"""Looking as other registries' protocols do: a model with its latest versions, selections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

from modelry.core.access import Action
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, Version
from modelry.core.names import Ref
from modelry.core.selection import FoundVersion, Front, Outline, Selection
from modelry.core.verbs.permit import permit
from modelry.core.verbs.world import World, lifecycle_of, living_model, living_version


@dataclass(frozen=True, slots=True)
class Entry:
    """A model, its latest versions and its aliases, and the stages of its project in their order."""

    model: Model
    lifecycle: Lifecycle
    front: Front

    @property
    def latest(self) -> Sequence[tuple[Outline, int]]:
        """The highest version of each stage, in the order of the stages, and when it changed."""
        if len(self.front.latest) < 2:  # noqa: PLR2004 - one has no order
            return self.front.latest
        order = {stage.name: at for at, stage in enumerate(self.lifecycle.stages)}
        return sorted(self.front.latest, key=lambda each: order.get(each[0].stage, len(order)))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A version beside its model, and when it last changed itself (microseconds)."""

    model: Model
    lifecycle: Lifecycle
    version: Version
    changed: int


def known(world: World, ref: Ref) -> Model:
    """Answer a living model that the actor may read. Raises `NotFound`."""
    permit(world, Action.READ, ref.project, str(ref))
    with world.store.read() as view:
        return living_model(view, ref)


def entry(world: World, ref: Ref) -> Entry:
    """Answer a model with the highest number of each of its stages."""
    permit(world, Action.READ, ref.project, str(ref))
    with world.store.read() as view:
        model = living_model(view, ref)
        return Entry(model, lifecycle_of(view, ref.project), view.fronts([model])[0])


def sheet(world: World, ref: Ref) -> Sheet:
    """Answer a version with its model. Raises `NotFound`."""
    permit(world, Action.READ, ref.project, str(ref))
    with world.store.read() as view:
        version = living_version(view, ref)
        model = living_model(view, ref)
        changed = view.changed(model, version.number)
        return Sheet(model, lifecycle_of(view, ref.project), version, changed)


def select_models(world: World, project: str, selection: Selection) -> Sequence[Entry]:
    """Answer a page of models of a project, each with its latest versions."""
    permit(world, Action.READ, project)
    with world.store.read() as view:
        found = view.select_models(project, selection)
        lifecycle = lifecycle_of(view, project)
        fronts = view.fronts(found) if found else ()
        return [Entry(*each) for each in zip(found, repeat(lifecycle), fronts, strict=False)]


def select_versions(
    world: World, project: str, selection: Selection
) -> tuple[Lifecycle, Sequence[FoundVersion]]:
    """Answer a page of versions of a project."""
    permit(world, Action.READ, project)
    with world.store.read() as view:
        found = view.select_versions(project, selection)
        return lifecycle_of(view, project), found
