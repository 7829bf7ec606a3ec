"""Logged models: what a run saves, before anybody registers it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from modelry.core.access import Action
from modelry.core.errors import Invalid, NotFound
from modelry.core.events import EventKind
from modelry.core.ports import Unit
from modelry.core.tracking.checks import (
    MAX_NAME,
    check_length,
    check_model_name,
    check_params,
    check_tags,
)
from modelry.core.tracking.model import LoggedModel, ModelStatus
from modelry.core.tracking.search import Search
from modelry.core.verbs import once
from modelry.core.verbs.experiments import keys_among
from modelry.core.verbs.runs import some_name
from modelry.core.verbs.tracked import (
    experiment_of,
    model_of,
    no_model,
    no_run,
    refuse_deleted_experiment,
)
from modelry.core.verbs.world import World, record_alone, tracking_in, tracking_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What a caller says of a logged model that it is about to save."""

    experiment_id: str
    name: str = ""
    model_type: str = ""
    run_id: str | None = None
    params: Sequence[tuple[str, str]] = ()
    tags: Mapping[str, str]


def create(world: World, project: str, saving: Saving) -> LoggedModel:
    """Make a logged model, whose files are to come. Raises `NotFound` for a run elsewhere."""
    name = check_model_name(saving.name or some_name())
    params = check_params(saving.params)
    check_tags(saving.tags)
    check_length("model_type", MAX_NAME, saving.model_type)
    experiment = experiment_of(world, project, saving.experiment_id, Action.LOG)
    now = world.clock.now()
    made = LoggedModel(
        id=f"m-{secrets.token_hex(16)}",
        project=experiment.project,
        experiment=experiment.key,
        name=name,
        model_type=saving.model_type,
        run_id=saving.run_id,
        status="PENDING",
        author=world.surroundings.author(),
        created=now,
        updated=now,
        params=params,
        tags=saving.tags,
    )

    def change(unit: Unit) -> LoggedModel:
        tracking = tracking_in(unit)
        refuse_deleted_experiment(tracking.experiment(experiment.key), saving.experiment_id)
        run = tracking.bare_run(saving.run_id) if saving.run_id else None
        if saving.run_id and (run is None or run.project != experiment.project):
            raise no_run(saving.run_id)
        tracking.add_logged_model(made)
        return made

    return once.change(world, change)


def finalize(world: World, model_id: str, status: ModelStatus) -> LoggedModel:
    """Say that the files of a logged model are all there, or failed to come."""
    model_of(world, model_id, Action.LOG)

    def change(unit: Unit) -> LoggedModel:
        changed = replace(_living(unit, model_id), status=status, updated=world.clock.now())
        tracking_in(unit).update_logged_model(changed)
        return changed

    return once.change(world, change)


def _living(unit: Unit, model_id: str) -> LoggedModel:
    model = tracking_in(unit).logged_model(model_id)
    if model is None or model.deleted is not None:
        raise no_model(model_id)
    return model


def delete(world: World, model_id: str) -> None:
    """Mark a logged model as deleted; what was registered from it stays."""
    project = model_of(world, model_id, Action.REMOVE).project
    now = world.clock.now()

    def change(unit: Unit) -> None:
        model = _living(unit, model_id)
        tracking_in(unit).update_logged_model(replace(model, deleted=now, updated=now))
        body = {"logged_model": model.id, "name": model.name, "experiment": model.experiment_id}
        record_alone(world, unit, project, EventKind.LOGGED_MODEL_DELETED, None, body, now)

    once.change(world, change)


def set_tags(world: World, model_id: str, tags: Mapping[str, str]) -> LoggedModel:
    """Set tags of a logged model."""
    check_tags(tags)
    model_of(world, model_id, Action.LOG)

    def change(unit: Unit) -> LoggedModel:
        model = _living(unit, model_id)
        tracking_in(unit).set_tags(model_id, tags)
        return replace(model, tags={**model.tags, **tags})

    return once.change(world, change)


def delete_tag(world: World, model_id: str, key: str) -> None:
    """Take a tag of a logged model away. Raises `NotFound` where it has none."""
    model_of(world, model_id, Action.LOG)

    def change(unit: Unit) -> None:
        if key not in _living(unit, model_id).tags:
            msg = f"No tag with key {key!r} found for model with ID {model_id!r}."
            raise NotFound(msg, tag=key)
        tracking_in(unit).drop_tag(model_id, key)

    once.change(world, change)


def add_params(world: World, model_id: str, params: Sequence[tuple[str, str]]) -> None:
    """Keep parameters of a logged model. Raises `Invalid` where one has another value."""
    checked = check_params(params)
    model_of(world, model_id, Action.LOG)

    def change(unit: Unit) -> None:
        known = _living(unit, model_id).params
        for key, value in checked.items():
            if known.get(key, value) != value:
                msg = (
                    f"Changing param values is not allowed. Param with key='{key}' was already "
                    f"logged with value='{known[key]}' for model ID='{model_id}'."
                )
                raise Invalid(msg, param=key)
        new = {key: checked[key] for key in checked if key not in known}
        tracking_in(unit).add_params(model_id, new)

    once.change(world, change)


def search(
    world: World, project: str, ids: Collection[str], wanted: Search
) -> Sequence[LoggedModel]:
    """Answer the logged models of some experiments that a search finds; `within` is set here."""
    keys = keys_among(world, project, ids)
    if not keys:
        return ()
    with world.store.read() as view:
        return tracking_of(view).find_logged_models(replace(wanted, within=keys))
