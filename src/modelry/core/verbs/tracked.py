"""Finding what is tracked, for whoever asks: what is not his is not there."""

from __future__ import annotations

from modelry.core.access import EVERYWHERE, Action
from modelry.core.errors import Invalid, NotFound
from modelry.core.events import REGISTRY
from modelry.core.ports import TrackingView, Unit
from modelry.core.tracking.model import (
    DEFAULT,
    DEFAULT_NAME,
    Experiment,
    LoggedModel,
    Owner,
    Run,
    key_of,
)
from modelry.core.tracking.places import KEY, MODEL_ID, RUN_ID
from modelry.core.verbs.permit import deny, permit, told
from modelry.core.verbs.world import World, lifecycle_of, tracking_in, tracking_of

Tracked = Experiment | Run | LoggedModel


def admit(world: World, action: Action, found: Tracked | None, absent: NotFound) -> None:
    """Ask for the right to do `action` with what was found.

    Raises `absent` where nothing was, or where it is of a project in which the
    actor has no role; that is recorded.
    """
    if found is not None and world.actor.role_in(found.project) is not None:
        permit(world, action, found.project, _name(found))
        return
    if world.actor.role_in(EVERYWHERE) is None:
        deny(world, REGISTRY, f"{action} by id", "is not a member", absent.message)
        raise told(absent)
    raise absent


def _name(found: Tracked) -> str:
    return f"experiment {found.id}" if isinstance(found, Experiment) else found.id


def no_experiment(experiment_id: str) -> NotFound:
    """Say that an experiment is absent."""
    return NotFound(f"No Experiment with id={experiment_id} exists", experiment=experiment_id)


def no_run(run_id: str) -> NotFound:
    """Say that a run is absent."""
    return NotFound(f"Run with id={run_id} not found", run=run_id)


def no_model(model_id: str) -> NotFound:
    """Say that a logged model is absent."""
    return NotFound(f"Logged model with ID '{model_id}' not found.", model=model_id)


def run_of(world: World, run_id: str, action: Action = Action.READ) -> Run:
    """Answer a run, deleted ones too. Raises `NotFound`."""
    with world.store.read() as view:
        tracking = tracking_of(view)
        run = tracking.run(run_id) if RUN_ID.fullmatch(run_id) else None
    admit(world, action, run, no_run(run_id))
    assert run is not None  # noqa: S101 - admitted
    return run


def bare_run_of(world: World, run_id: str, action: Action) -> Run:
    """Answer a run without what it logged, deleted ones too. Raises `NotFound`."""
    with world.store.read() as view:
        tracking = tracking_of(view)
        run = tracking.bare_run(run_id) if RUN_ID.fullmatch(run_id) else None
    admit(world, action, run, no_run(run_id))
    assert run is not None  # noqa: S101 - admitted
    return run


def model_of(world: World, model_id: str, action: Action = Action.READ) -> LoggedModel:
    """Answer a logged model. Raises `NotFound`, for a deleted one too."""
    with world.store.read() as view:
        tracking = tracking_of(view)
        model = tracking.logged_model(model_id) if MODEL_ID.fullmatch(model_id) else None
    if model is not None and model.deleted is not None:
        model = None
    admit(world, action, model, no_model(model_id))
    assert model is not None  # noqa: S101 - admitted
    return model


def owner_of(world: World, owner: str, action: Action = Action.READ) -> Owner:
    """Answer the run or the logged model that has artefacts. Raises `NotFound`."""
    if owner.startswith("m-"):
        return model_of(world, owner, action)
    return bare_run_of(world, owner, action)


def experiment_of(
    world: World, project: str, experiment_id: str, action: Action = Action.READ
) -> Experiment:
    """Answer an experiment, deleted ones too; `0` means that of `project`. Raises `NotFound`."""
    key = key_of(project, experiment_id)
    if experiment_id == DEFAULT:
        permit(world, action, project, DEFAULT_NAME)
        make_default(world, project)
    with world.store.read() as view:
        known = KEY.fullmatch(key) and "/" not in experiment_id
        experiment = tracking_of(view).experiment(key) if known else None
    admit(world, action, experiment, no_experiment(experiment_id))
    assert experiment is not None  # noqa: S101 - admitted
    return experiment


def make_default(world: World, project: str) -> None:
    """See to it that a project has its own experiment, which nobody needs to create."""
    key = key_of(project, DEFAULT)
    with world.store.read() as view:
        lifecycle_of(view, project)
        if tracking_of(view).experiment(key) is not None:
            return
    now = world.clock.now()
    made = Experiment(key=key, project=project, name=DEFAULT_NAME, tags={}, author="modelry",
                      created=now, updated=now)  # fmt: skip

    def change(unit: Unit) -> None:
        if tracking_in(unit).experiment(key) is None:  # another process may have been faster
            tracking_in(unit).add_experiment(made)

    world.store.change(change)


def refuse_deleted_run(run: Run | None, run_id: str) -> Run:
    """Answer a run that may be written to. Raises `Invalid` for a deleted one."""
    if run is None:
        raise no_run(run_id)
    if run.deleted is not None:
        msg = f"The run {run.id} must be in the 'active' state. Current state is deleted."
        raise Invalid(msg, run=run.id)
    return run


def refuse_deleted_experiment(experiment: Experiment | None, experiment_id: str) -> Experiment:
    """Answer an experiment that may be written to. Raises `Invalid` for a deleted one."""
    if experiment is None:
        raise no_experiment(experiment_id)
    if experiment.deleted is not None:
        msg = (
            f"The experiment {experiment.id} must be in the 'active' state. "
            "Current state is deleted."
        )
        raise Invalid(msg, experiment=experiment.id)
    return experiment


def models_of_project(tracking: TrackingView, project: str, model_ids: frozenset[str]) -> None:
    """Refuse logged models that are not of this project, as absent ones."""
    for model_id in sorted(model_ids):
        model = tracking.logged_model(model_id)
        if model is None or model.project != project:
            raise no_model(model_id)
