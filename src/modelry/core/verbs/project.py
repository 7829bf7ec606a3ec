"""Projects and their stages."""

from __future__ import annotations

from collections.abc import Sequence

from modelry.core.errors import Conflict
from modelry.core.events import EventKind
from modelry.core.lifecycle import (
    DEFAULT_LIFECYCLE,
    Lifecycle,
    lifecycle_from_json,
    lifecycle_to_json,
)
from modelry.core.names import check_project
from modelry.core.ports import Unit
from modelry.core.strict_json import Json, check
from modelry.core.verbs import once
from modelry.core.verbs.world import World, lifecycle_of, record_alone

_PAGE = 1000


def create_project(world: World, name: str, *, fresh: bool = False) -> Lifecycle:
    """Make a project with the usual stages; answer the stages of one that is there.

    With `fresh` one that is there already is a `Conflict`.
    """
    key = check_project(name)

    def change(unit: Unit) -> Lifecycle:
        existing = unit.lifecycle(key)
        if existing is not None and fresh:
            msg = f"there is a project {key} already; choose another name"
            raise Conflict(msg, project=key)
        if existing is not None:
            return existing
        now = world.clock.now()
        unit.set_lifecycle(key, DEFAULT_LIFECYCLE, now)
        body: dict[str, Json] = {"stages_are": lifecycle_to_json(DEFAULT_LIFECYCLE)}
        record_alone(world, unit, key, EventKind.PROJECT_CREATED, None, body)
        return DEFAULT_LIFECYCLE

    return once.change(world, change)


def configure_stages(world: World, project: str, stages: Sequence[object]) -> Lifecycle:
    """Replace the stages of a project. Raises `Conflict` where one that goes is in use."""
    key = check_project(project)
    lifecycle = lifecycle_from_json(check(list(stages), "the stages"))

    def change(unit: Unit) -> Lifecycle:
        before = lifecycle_of(unit, key)
        if before == lifecycle:
            return lifecycle
        _refuse_losses(unit, key, lifecycle)
        unit.set_lifecycle(key, lifecycle, world.clock.now())
        body: dict[str, Json] = {"stages_are": lifecycle_to_json(lifecycle)}
        record_alone(world, unit, key, EventKind.STAGES_CHANGED, None, body)
        return lifecycle

    return once.change(world, change)


def _refuse_losses(unit: Unit, project: str, lifecycle: Lifecycle) -> None:
    """Raise `Conflict` where a version or an alias would lose its footing."""
    lost = sorted(name for name in unit.stages_in_use(project) if name not in lifecycle)
    if lost:
        msg = f"versions are in the stage {lost[0]}; move them first, or keep it in the list"
        raise Conflict(msg, stage=lost[0])
    before = lifecycle_of(unit, project)
    for stage in lifecycle.stages:
        if stage.name in before and before.stage(stage.name).pointed != stage.pointed:
            msg = (
                f"{stage.name} cannot become {'' if stage.pointed else 'not '}pointed; add a stage"
            )
            raise Conflict(msg, stage=stage.name)
    for model, alias in _aliases(unit, project):
        if alias in lifecycle:
            msg = f"{model} has an alias {alias!r}, so no stage can be called so; remove it first"
            raise Conflict(msg, stage=alias)


def _aliases(unit: Unit, project: str) -> Sequence[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    after = ""
    while page := unit.models({project}, after, _PAGE):
        found += [
            (summary.model.full_name, pointer.name)
            for summary in page
            for pointer in summary.pointers
            if pointer.kind == "alias"
        ]
        after = f"{page[-1].model.project}/{page[-1].model.name}"
    return found
