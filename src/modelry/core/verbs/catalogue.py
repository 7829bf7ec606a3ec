"""Looking as other registries' protocols do: a model with its latest versions, selections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelry.core.access import Action
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Model, Pointer, Version
from modelry.core.names import Ref
from modelry.core.ports import View
from modelry.core.selection import FoundVersion, Selection
from modelry.core.verbs.permit import permit
from modelry.core.verbs.world import World, lifecycle_of, living_model, living_version


@dataclass(frozen=True, slots=True)
class Entry:
    """A model, its aliases, the latest version of each stage, and when each last changed itself."""

    model: Model
    lifecycle: Lifecycle
    aliases: tuple[Pointer, ...]
    latest: tuple[Version, ...]
    changed: Mapping[int, int]


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
        return entry_of(view, living_model(view, ref))


def entry_of(view: View, model: Model) -> Entry:
    """Answer what a list of models tells of one."""
    lifecycle = lifecycle_of(view, model.project)
    found = [
        each for stage in lifecycle.stages for each in view.versions(model, stage.name, None, 1)
    ]
    aliases = tuple(each for each in view.pointers(model) if each.kind == "alias")
    changed = view.changed(model, [each.number for each in found])
    return Entry(model, lifecycle, aliases, tuple(found), changed)


def sheet(world: World, ref: Ref) -> Sheet:
    """Answer a version with its model. Raises `NotFound`."""
    permit(world, Action.READ, ref.project, str(ref))
    with world.store.read() as view:
        version = living_version(view, ref)
        model = living_model(view, ref)
        changed = view.changed(model, [version.number])
        return Sheet(model, lifecycle_of(view, ref.project), version, changed[version.number])


def select_models(world: World, project: str, selection: Selection) -> Sequence[Entry]:
    """Answer a page of models of a project, each with its latest versions."""
    permit(world, Action.READ, project)
    with world.store.read() as view:
        lifecycle_of(view, project)
        return [entry_of(view, each.model) for each in view.select_models(project, selection)]


def select_versions(
    world: World, project: str, selection: Selection
) -> tuple[Lifecycle, Sequence[FoundVersion]]:
    """Answer a page of versions of a project."""
    permit(world, Action.READ, project)
    with world.store.read() as view:
        return lifecycle_of(view, project), view.select_versions(project, selection)
