"""Prompts: models with MLflow's tag, kept apart from models in searches and in what is said."""

from __future__ import annotations

from collections.abc import Mapping

from modelry.server.dialects.mlflow.refusals import EXISTS, Refusal, invalid

PROMPT = "mlflow.prompt.is_prompt"
SOURCES = frozenset({"dummy-source", "prompt-template"})


def is_prompt(tags: Mapping[str, str]) -> bool:
    """Say whether tags are those of a prompt."""
    return tags.get(PROMPT, "").lower() == "true"


def exists(name: str, *, there: bool, wanted: bool) -> Refusal:
    """Say that a name is taken, by a model or by a prompt."""
    old, new = _noun(prompt=there), _noun(prompt=wanted)
    if old == new:
        return Refusal(EXISTS, f"{new} (name={name}) already exists.")
    msg = (
        f"Tried to create a {new.lower()} with name {name!r}, but the name is already taken by a "
        f"{old.lower()}. MLflow does not allow creating a model and a prompt with the same name."
    )
    return Refusal(EXISTS, msg)


def check_source(source: str) -> str:
    """Answer the source of a prompt's version, which is none."""
    if source not in SOURCES:
        msg = f"Invalid model version source: '{source}'. A prompt has no source."
        raise invalid(msg)
    return source


def _noun(*, prompt: bool) -> str:
    return "Prompt" if prompt else "Registered Model"
