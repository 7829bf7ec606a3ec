"""What a run logs: measurements, parameters, tags, what it read and what it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelry.core.access import Action
from modelry.core.errors import Invalid, NotFound
from modelry.core.ports import TrackingLedger, Unit
from modelry.core.tracking.checks import (
    check_batch,
    check_datasets,
    check_name,
    check_params,
    check_points,
    check_tags,
    wrong,
)
from modelry.core.tracking.model import RUN_NAME, Link, Point, Run, UsedDataset
from modelry.core.verbs import once
from modelry.core.verbs.tracked import bare_run_of, models_of_project, refuse_deleted_run
from modelry.core.verbs.world import World, tracking_in, tracking_of

MAX_STEP = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is logged at once, all of it or nothing; `few` says that it is one thing alone."""

    points: Sequence[Point] = ()
    params: Sequence[tuple[str, str]] = ()
    tags: Mapping[str, str]
    few: bool = False


def log(world: World, run_id: str, batch: Batch) -> None:
    """Keep measurements, parameters and tags of a run.

    Raises `Invalid` where a parameter has another value already: it stays what it was.
    """
    check_points(batch.points)
    params = check_params(batch.params, few=batch.few)
    check_tags(batch.tags, few=batch.few)
    check_batch(len(batch.points), len(batch.params), len(batch.tags))
    bare_run_of(world, run_id, Action.LOG)
    models = frozenset(each.model for each in batch.points if each.model)

    def change(unit: Unit) -> None:
        tracking = tracking_in(unit)
        found = tracking.run(run_id) if params else tracking.bare_run(run_id)
        run = refuse_deleted_run(found, run_id)
        models_of_project(tracking, run.project, models)
        tracking.add_params(run_id, _new(run, params, few=batch.few))
        tracking.add_points(run_id, batch.points)
        _tag(tracking, run, batch.tags)

    once.change(world, change)


def _new(run: Run, params: Mapping[str, str], *, few: bool) -> dict[str, str]:
    """Answer the parameters that a run does not have. Raises where one would change."""
    other = [
        {"key": key, "old_value": run.params[key], "new_value": value}
        for key, value in params.items()
        if run.params.get(key, value) != value
    ]
    if other and few:
        only = other[0]
        msg = (
            f"Changing param values is not allowed. Param with key='{only['key']}' was already "
            f"logged with value='{only['old_value']}' for run ID='{run.id}'. Attempted logging "
            f"new value '{only['new_value']}'."
        )
        raise Invalid(msg, param=only["key"])
    if other:
        msg = (
            "Changing param values is not allowed. Params were already "
            f"logged='{other}' for run ID='{run.id}'."
        )
        raise Invalid(msg, param=other[0]["key"])
    return {key: params[key] for key in params if key not in run.params}


def _tag(tracking: TrackingLedger, run: Run, tags: Mapping[str, str]) -> None:
    if tags:
        tracking.set_tags(run.id, tags)
    if tags.get(RUN_NAME):
        tracking.update_run(replace(run, name=tags[RUN_NAME]))


def delete_tag(world: World, run_id: str, key: str) -> None:
    """Take a tag of a run away. Raises `NotFound` where it has none."""
    check_name(key, "key")
    bare_run_of(world, run_id, Action.LOG)

    def change(unit: Unit) -> None:
        run = refuse_deleted_run(tracking_in(unit).run(run_id), run_id)
        if key not in run.tags:
            msg = f"No tag with name: {key} in run with id {run_id}"
            raise NotFound(msg, tag=key)
        tracking_in(unit).drop_tag(run_id, key)

    once.change(world, change)


def relate(
    world: World, run_id: str, datasets: Sequence[UsedDataset], links: Sequence[Link]
) -> None:
    """Keep which data sets a run read, and which logged models it read or made."""
    check_datasets(datasets)
    for link in links:
        if abs(link.step) > MAX_STEP:
            path, why = "step", "Step must be a valid long (64-bit integer)."
            raise wrong(path, link.step, why)
    bare_run_of(world, run_id, Action.LOG)

    def change(unit: Unit) -> None:
        tracking = tracking_in(unit)
        run = refuse_deleted_run(tracking.bare_run(run_id), run_id)
        models_of_project(tracking, run.project, frozenset(each.model for each in links))
        tracking.add_datasets(run_id, datasets)
        tracking.add_links(run_id, links)

    once.change(world, change)


def history(world: World, run_id: str, key: str, limit: int, skip: int = 0) -> Sequence[Point]:
    """Answer what a run measured of one metric, in the order of time."""
    bare_run_of(world, run_id, Action.READ)
    with world.store.read() as view:
        return tracking_of(view).history(run_id, key, limit, skip)
