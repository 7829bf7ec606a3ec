"""Experiments: made, found, renamed, deleted with their runs, restored."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from modelry.core.access import Action
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import EventKind
from modelry.core.ports import TrackingLedger, Unit
from modelry.core.strict_json import Json
from modelry.core.tracking.checks import (
    MAX_EXPERIMENT_TAG,
    check_experiment_name,
    check_name,
    check_tags,
)
from modelry.core.tracking.model import DatasetSummary, Experiment, Run, key_of
from modelry.core.tracking.places import KEY
from modelry.core.tracking.search import Search, Standing
from modelry.core.verbs import once
from modelry.core.verbs.permit import permit
from modelry.core.verbs.tracked import (
    experiment_of,
    make_default,
    no_experiment,
    refuse_deleted_experiment,
)
from modelry.core.verbs.world import World, record_alone, tracking_in, tracking_of

_DIGITS = 18
MAX_FOUND = 50_000
"""How many of anything a search answers at most."""

MAX_SUMMARIES = 1000
MAX_IDS = 1000
_ALL = 2**31


def create(world: World, project: str, name: str, tags: Mapping[str, str]) -> Experiment:
    """Make an experiment. Raises `Conflict` where the name is taken, by a deleted one too."""
    check_experiment_name(name)
    check_tags(tags, MAX_EXPERIMENT_TAG, few=True)
    permit(world, Action.LOG, project, f"experiment {name}")
    make_default(world, project)
    key = str(secrets.randbelow(9 * 10 ** (_DIGITS - 1)) + 10 ** (_DIGITS - 1))
    now = world.clock.now()
    made = Experiment(key=key, project=project, name=name, tags=tags,
                      author=world.surroundings.author(), created=now, updated=now)  # fmt: skip

    def change(unit: Unit) -> Experiment:
        if tracking_in(unit).experiment_named(project, name) is not None:
            raise _taken(name)
        tracking_in(unit).add_experiment(made)
        body = {"experiment": made.id, "name": name}
        record_alone(world, unit, project, EventKind.EXPERIMENT_CREATED, None, body, now)
        return made

    return once.change(world, change)


def _taken(name: str) -> Conflict:
    return Conflict(f"Experiment(name={name}) already exists.", experiment=name)


def named(world: World, project: str, name: str) -> Experiment:
    """Answer the experiment of a project that has this name, a deleted one too."""
    permit(world, Action.READ, project, f"experiment {name}")
    make_default(world, project)
    with world.store.read() as view:
        found = tracking_of(view).experiment_named(project, name)
    if found is None:
        msg = f"Could not find experiment with name '{name}'"
        raise NotFound(msg, experiment=name)
    return found


def search(world: World, project: str, wanted: Search) -> Sequence[Experiment]:
    """Answer the experiments of a project that a search finds; `within` is set here."""
    permit(world, Action.READ, project, "experiments")
    make_default(world, project)
    with world.store.read() as view:
        return tracking_of(view).find_experiments(replace(wanted, within=(project,)))


def keys_among(world: World, project: str, ids: Collection[str]) -> tuple[str, ...]:
    """Answer the keys of those experiments that the actor may look into; others find nothing.

    Raises `Invalid` for more than a thousand at once.
    """
    if len(ids) > MAX_IDS:
        msg = f"{len(ids)} experiment_ids are too many for one search; at most {MAX_IDS} are taken"
        raise Invalid(msg, field="experiment_ids")
    keys = {key for each in ids if "/" not in each and KEY.fullmatch(key := key_of(project, each))}
    with world.store.read() as view:
        found = [tracking_of(view).experiment(key) for key in sorted(keys)]
    return tuple(
        each.key for each in found if each and world.actor.may(Action.READ, each.project)
    )  # fmt: skip


def rename(world: World, project: str, experiment_id: str, name: str) -> None:
    """Give an experiment another name. Raises `Conflict` where it is taken."""
    check_experiment_name(name)
    experiment = experiment_of(world, project, experiment_id, Action.LOG)

    def change(unit: Unit) -> None:
        tracking = tracking_in(unit)
        found = tracking.experiment(experiment.key)
        if found is None or found.deleted is not None:
            msg = "Cannot rename a non-active experiment."
            raise Invalid(msg, experiment=experiment_id)
        other = tracking.experiment_named(found.project, name)
        if other is not None and other.key != found.key:
            raise _taken(name)
        tracking.update_experiment(replace(found, name=name, updated=world.clock.now()))
        body = {"experiment": found.id, "name": name, "before": found.name}
        record_alone(world, unit, found.project, EventKind.EXPERIMENT_RENAMED, None, body)

    once.change(world, change)


def delete(world: World, project: str, experiment_id: str) -> None:
    """Mark an experiment and its living runs as deleted; nothing of them is lost."""
    _turn(world, project, experiment_id, deleted=True)


def restore(world: World, project: str, experiment_id: str) -> None:
    """Bring a deleted experiment back, with the runs that went with it."""
    _turn(world, project, experiment_id, deleted=False)


def _turn(world: World, project: str, experiment_id: str, *, deleted: bool) -> None:
    experiment = experiment_of(world, project, experiment_id, Action.REMOVE)
    now = world.clock.now()

    def change(unit: Unit) -> None:
        tracking = tracking_in(unit)
        found = tracking.experiment(experiment.key)
        if found is None or (found.deleted is not None) == deleted:
            raise no_experiment(experiment_id)
        then = found.deleted
        tracking.update_experiment(
            replace(found, deleted=now if deleted else None, updated=now)
        )  # fmt: skip
        count = 0
        for run in _runs(tracking, found, deleted=not deleted):
            if deleted or run.deleted == then:
                tracking.update_run(replace(run, deleted=now if deleted else None))
                count += 1
        kind = EventKind.EXPERIMENT_DELETED if deleted else EventKind.EXPERIMENT_RESTORED
        body: dict[str, Json] = {"experiment": found.id, "name": found.name, "runs": count}
        record_alone(world, unit, found.project, kind, None, body, now)

    once.change(world, change)


def _runs(tracking: TrackingLedger, experiment: Experiment, *, deleted: bool) -> Sequence[Run]:
    """Answer the runs of an experiment that live, or that do not."""
    standing: Standing = "deleted" if deleted else "active"
    return tracking.find_runs(Search(within=(experiment.key,), standing=standing, limit=_ALL))


def set_tags(world: World, project: str, experiment_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of an experiment."""
    check_tags(tags, MAX_EXPERIMENT_TAG, few=True)
    experiment = experiment_of(world, project, experiment_id, Action.LOG)

    def change(unit: Unit) -> None:
        tracking = tracking_in(unit)
        found = refuse_deleted_experiment(tracking.experiment(experiment.key), experiment_id)
        tracking.set_tags(found.key, tags)

    once.change(world, change)


def delete_tag(world: World, project: str, experiment_id: str, key: str) -> None:
    """Take a tag of an experiment away. Raises `NotFound` where it has none."""
    check_name(key, "key")
    experiment = experiment_of(world, project, experiment_id, Action.LOG)

    def change(unit: Unit) -> None:
        tracking = tracking_in(unit)
        found = refuse_deleted_experiment(tracking.experiment(experiment.key), experiment_id)
        if key not in found.tags:
            msg = f"No tag with name: {key} in experiment with id {experiment_id}"
            raise NotFound(msg, tag=key)
        tracking.drop_tag(found.key, key)

    once.change(world, change)


def datasets(world: World, project: str, ids: Collection[str]) -> Sequence[DatasetSummary]:
    """Answer the data sets that runs of some experiments read."""
    keys = keys_among(world, project, ids)
    with world.store.read() as view:
        return tracking_of(view).datasets(keys, MAX_SUMMARIES) if keys else ()
