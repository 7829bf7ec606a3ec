"""Conditions of a promotion: metrics within limits, and better than what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelry.core.comparison import lower_is_better
from modelry.core.errors import NotFound
from modelry.core.model import Version
from modelry.core.repository import RegistryRepository


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a condition says of a version: whether it holds, and in words."""

    holds: bool
    words: str


def judge(
    registry: RegistryRepository,
    version: Version,
    metrics: Mapping[str, float],
    conditions: Sequence[Mapping[str, Any]],
) -> list[Verdict]:
    """Judge each condition by `metrics` of `version`, in order."""
    return [each for one in conditions for each in _judge(registry, version, metrics, one)]


def _judge(
    registry: RegistryRepository,
    version: Version,
    metrics: Mapping[str, float],
    condition: Mapping[str, Any],
) -> list[Verdict]:
    name = condition["metric"]
    if name not in metrics:
        return [Verdict(holds=False, words=f"{version.ref} has no metric {name}")]
    value, told = metrics[name], []
    if "at_least" in condition:
        least = condition["at_least"]
        told.append(_verdict(value >= least, f"{name} {value:g} is at least {least:g}"))
    if "at_most" in condition:
        most = condition["at_most"]
        told.append(_verdict(value <= most, f"{name} {value:g} is at most {most:g}"))
    if "better_than" in condition:
        told.append(_better(registry, version, value, condition))
    return told


def _better(
    registry: RegistryRepository, version: Version, value: float, condition: Mapping[str, Any]
) -> Verdict:
    name, by = condition["metric"], condition.get("by", 0)
    other = rival(registry, version, str(condition["better_than"]))
    if other is None:
        return Verdict(holds=True, words=f"nothing is in {condition['better_than']} yet")
    if other.number == version.number:
        return Verdict(holds=True, words=f"{version.ref} is there already")
    if name not in other.metrics:
        return Verdict(holds=False, words=f"{other.ref} has no metric {name} to compare with")
    lower = condition.get("lower_is_better", lower_is_better(name))
    theirs = other.metrics[name]
    gain = theirs - value if lower else value - theirs
    margin = f" by more than {by:g}" if by else ""
    return _verdict(
        gain > by, f"{name} {value:g} is better than the {theirs:g} of {other.ref}{margin}"
    )


def rival(registry: RegistryRepository, version: Version, text: str) -> Version | None:
    """Answer the version of the same model that `text` names, None where a pointer names none."""
    stages = {stage.name for stage in registry.stages(version.project).stages}
    is_pointer = text.startswith("@") or text.lower() in stages
    try:
        return registry.resolve(
            ref_of(version.full_name, f"@{text}" if text.lower() in stages else text)
        )
    except NotFound:
        if is_pointer:
            return None
        raise


def ref_of(model: str, version: str | int) -> str:
    """Answer the ref of a version of `model`: a label, a number, `@stage`, `@alias`."""
    text = str(version)
    return f"{model}{text}" if text.startswith("@") else f"{model}:{text}"


def _verdict(holds: bool, words: str) -> Verdict:  # noqa: FBT001 - it is the verdict
    return Verdict(holds, words if holds else words.replace(" is ", " is not ", 1))
