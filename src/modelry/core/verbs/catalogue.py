"""Looking as other registries' protocols do: a model with its latest versions, selections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from modelry.core.access import Action
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, Version
from modelry.core.names import Ref
from modelry.core.selection import FoundVersion, Front, Outline, Selection
from modelry.core.verbs.permit import permit
from modelry.core.verbs.world import World, lifecycle_of, living_model, living_version, no_project


class Entry(NamedTuple):
    """A model, the stages of its project, what a list tells of it, and its latest versions.

    `latest` is the highest version of each stage, in the order of the stages,
    each with when it changed.
    """

    model: Model
    lifecycle: Lifecycle
    front: Front
    latest: Sequence[tuple[Outline, int]]


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
        return _entries([model], lifecycle_of(view, ref.project), view.fronts([model]))[0]


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
        return _entries(found, lifecycle, view.fronts(found) if found else ())


def _entries(
    found: Sequence[Model], lifecycle: Lifecycle, fronts: Sequence[Front]
) -> Sequence[Entry]:
    ranks = {stage.name: at for at, stage in enumerate(lifecycle.stages)}

    def rank(each: tuple[Outline, int]) -> int:
        return ranks.get(each[0].stage, len(ranks))

    return [
        Entry(model, lifecycle, front, sorted(front.latest, key=rank))
        for model, front in zip(found, fronts, strict=True)
    ]


def select_versions(
    world: World, project: str, selection: Selection
) -> tuple[Lifecycle, Sequence[FoundVersion]]:
    """Answer a page of versions of a project."""
    permit(world, Action.READ, project)
    lifecycle, found = world.store.select_versions(project, selection)
    if lifecycle is None:
        raise no_project(project)
    return lifecycle, found
