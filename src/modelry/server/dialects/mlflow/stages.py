"""MLflow's four stages, and what they are in a project with stages of its own.

A stage that a project has under MLflow's name is that one. Of the others,
`None` is where versions start, `Production` the last exclusive stage and
`Archived` the one where versions rest; stages that are none of these are
told by their own names, and taken by them.
"""

from __future__ import annotations

from modelry.core.lifecycle import Lifecycle
from modelry.server.dialects.mlflow.refusals import Refusal, invalid

NAMES = {"none": "None", "staging": "Staging", "production": "Production", "archived": "Archived"}
ACTIVE = ("Staging", "Production")


def shown(lifecycle: Lifecycle, stage: str) -> str:
    """Answer how MLflow calls a stage of a project."""
    if stage in NAMES:
        return NAMES[stage]
    for name, own in _by_meaning(lifecycle).items():
        if own == stage and name not in lifecycle:
            return NAMES[name]
    return stage


def own(lifecycle: Lifecycle, stage: str) -> str | None:
    """Answer the stage of a project that MLflow calls `stage`, None where it has none such."""
    key = stage.lower()
    return key if key in lifecycle else _by_meaning(lifecycle).get(key)


def known(stage: str, lifecycle: Lifecycle) -> str:
    """Answer the stage of a project. Raises `Refusal` for one that it cannot mean."""
    found = own(lifecycle, stage)
    if found is not None:
        return found
    if stage.lower() in NAMES:
        names = ", ".join(each.name for each in lifecycle.stages)
        msg = f"this project has no stage {NAMES[stage.lower()]}; it has: {names}"
        raise invalid(msg)
    raise unknown(stage)


def unknown(stage: str) -> Refusal:
    """Say that there is no such stage."""
    names = ", ".join(NAMES.values())
    return invalid(f"Invalid Model Version stage: {stage}. Value must be one of {names}.")


def inactive(stage: str) -> Refusal:
    """Say that nothing is archived by a move to such a stage."""
    msg = (
        "Model version transition cannot archive existing model versions because "
        f"'{stage}' is not an Active stage. Valid stages are {list(ACTIVE)}"
    )
    return invalid(msg)


def _by_meaning(lifecycle: Lifecycle) -> dict[str, str]:
    found = {"none": lifecycle.initial, "production": lifecycle.main, "archived": lifecycle.archive}
    return {name: stage for name, stage in found.items() if stage is not None}
