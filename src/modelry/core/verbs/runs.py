"""Runs: begun, found, ended, deleted, restored."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from modelry.core.access import Action
from modelry.core.errors import Invalid
from modelry.core.events import EventKind
from modelry.core.names import MAX_TEXT
from modelry.core.ports import Unit
from modelry.core.tracking.checks import check_length, check_tags
from modelry.core.tracking.model import RUN_NAME, Run, Status
from modelry.core.tracking.search import Search
from modelry.core.verbs import once
from modelry.core.verbs.experiments import keys_among
from modelry.core.verbs.tracked import (
    bare_run_of,
    experiment_of,
    refuse_deleted_experiment,
    refuse_deleted_run,
)
from modelry.core.verbs.world import World, record_alone, tracking_in, tracking_of

STATUSES: Collection[Status] = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
_MANNERS = ["able", "bold", "brisk", "calm", "clever", "deft", "eager", "fair", "gentle", "keen", "kind", "lively", "merry", "mild", "neat", "proud", "quick", "quiet", "sharp", "sleek", "steady", "swift", "wise", "zesty"]  # fmt: skip
_ANIMALS = ["ant", "bear", "bee", "crane", "crow", "deer", "dove", "eel", "elk", "finch", "fox", "goat", "hare", "hawk", "ibis", "jay", "kite", "lark", "lynx", "mole", "moth", "newt", "otter", "owl", "pike", "quail", "ram", "seal", "shrew", "stork", "swan", "toad", "trout", "vole", "wasp", "wren", "yak"]  # fmt: skip


def some_name() -> str:
    """Make up a name, for what nobody named."""
    number = secrets.randbelow(1000)
    return f"{secrets.choice(_MANNERS)}-{secrets.choice(_ANIMALS)}-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a caller says of a new run; `user` is whatever the client calls its user."""

    experiment_id: str
    name: str = ""
    user: str = ""
    start: int | None = None
    tags: Mapping[str, str]


def create(world: World, project: str, begun: Beginning) -> Run:
    """Begin a run in an experiment that lives; its name is also a tag of it."""
    check_tags(begun.tags, few=True)
    check_length("run_name", MAX_TEXT, begun.name)
    check_length("user_id", MAX_TEXT, begun.user)
    name = _name(begun)
    experiment = experiment_of(world, project, begun.experiment_id, Action.LOG)
    run = Run(
        id=secrets.token_hex(16),
        project=experiment.project,
        experiment=experiment.key,
        name=name,
        status="RUNNING",
        user=begun.user,
        start=begun.start,
        end=None,
        author=world.surroundings.author(),
        created=world.clock.now(),
        tags={**begun.tags, RUN_NAME: name},
    )

    def change(unit: Unit) -> Run:
        tracking = tracking_in(unit)
        refuse_deleted_experiment(tracking.experiment(experiment.key), begun.experiment_id)
        tracking.add_run(run)
        return run

    return once.change(world, change)


def _name(begun: Beginning) -> str:
    tag = begun.tags.get(RUN_NAME, "")
    if begun.name and tag and begun.name != tag:
        msg = (
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{begun.name}', mlflow.runName='{tag}')."
        )
        raise Invalid(msg)
    return begun.name or tag or some_name()


def update(world: World, run_id: str, *, status: Status | None, end: int | None, name: str) -> Run:
    """Change how a run stands, when it ended, what it is called; None and "" leave it."""
    check_length("run_name", MAX_TEXT, name)
    bare_run_of(world, run_id, Action.LOG)

    def change(unit: Unit) -> Run:
        tracking = tracking_in(unit)
        run = refuse_deleted_run(tracking.bare_run(run_id), run_id)
        changed = replace(
            run, status=status or run.status, end=run.end if end is None else end,
            name=name or run.name,
        )  # fmt: skip
        tracking.update_run(changed)
        if name:
            tracking.set_tags(run_id, {RUN_NAME: name})
        return changed

    return once.change(world, change)


def delete(world: World, run_id: str) -> None:
    """Mark a run as deleted; nothing of it is lost."""
    _turn(world, run_id, deleted=True)


def restore(world: World, run_id: str) -> None:
    """Bring a deleted run back."""
    _turn(world, run_id, deleted=False)


def _turn(world: World, run_id: str, *, deleted: bool) -> None:
    project = bare_run_of(world, run_id, Action.REMOVE).project
    now = world.clock.now()

    def change(unit: Unit) -> None:
        run = tracking_in(unit).bare_run(run_id)
        if run is None or (run.deleted is not None) == deleted:
            return
        tracking_in(unit).update_run(replace(run, deleted=now if deleted else None))
        kind = EventKind.RUN_DELETED if deleted else EventKind.RUN_RESTORED
        body = {"run": run.id, "name": run.name, "experiment": run.experiment_id}
        record_alone(world, unit, project, kind, None, body, now)

    once.change(world, change)


def search(world: World, project: str, ids: Collection[str], wanted: Search) -> Sequence[Run]:
    """Answer the runs of some experiments that a search finds; `within` is set here."""
    keys = keys_among(world, project, ids)
    if not keys:
        return ()
    with world.store.read() as view:
        return tracking_of(view).find_runs(replace(wanted, within=keys))
