"""What a version says, cut to what a registry of ours can hold; what is cut is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from modelry.copying.origin import plain
from modelry.core.draft import checked_metrics, checked_params, checked_tags, draft
from modelry.core.errors import Invalid
from modelry.core.model import Dataset, Number, Version
from modelry.core.names import MAX_DESCRIPTION, check_label, check_model, check_pointer
from modelry.core.strict_json import Json

T = TypeVar("T")
Lose = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is said of a copy when it is registered."""

    label: str
    metrics: Mapping[str, Number]
    params: Mapping[str, Json]
    tags: Mapping[str, str]
    datasets: Sequence[Dataset]
    description: str
    run_id: str | None


def facts_of(version: Version, lose: Lose) -> Facts:
    """Answer what can be said of a copy of `version`; `lose` is told of everything else."""
    return Facts(
        label=_label(version, lose),
        metrics=_each(version.metrics, checked_metrics, "the metric", lose),
        params=_each(version.params, checked_params, "the parameter", lose),
        tags=_each(plain(version.tags), checked_tags, "the tag", lose),
        datasets=tuple(each for each in version.datasets if _fits(each, lose)),
        description=text_of(version.description, "the description", lose),
        run_id=text_of(version.run_id or "", "the run id", lose) or None,
    )


def _each(
    given: Mapping[str, Any], checked: Callable[[Mapping[str, Any]], Mapping[str, T]], what: str,
    lose: Lose,
) -> dict[str, T]:  # fmt: skip
    held: dict[str, T] = {}
    for name, value in given.items():
        try:
            held.update(checked({name: value}))
        except Invalid as error:
            lose(f"{what} {name!r}: {error.message}")
    return held


def _fits(dataset: Dataset, lose: Lose) -> bool:
    try:
        _draft(datasets=(dataset,))
    except Invalid as error:
        lose(f"the data set {dataset.name!r}: {error.message}")
        return False
    return True


def text_of(text: str, what: str, lose: Lose) -> str:
    """Answer a text, without what no registry of ours shows."""
    cut = "".join(each for each in text if each in "\n\t" or each.isprintable())[:MAX_DESCRIPTION]
    if cut != text:
        lose(f"{what}: characters that cannot be shown, or that were too many")
    return cut


def _label(version: Version, lose: Lose) -> str:
    try:
        return check_label(version.version)
    except Invalid:
        lose(f"the label {version.version!r}; it is {version.number} now")
        return str(version.number)


def _draft(**given: Any) -> object:  # noqa: ANN401 - what a draft takes
    return draft(**{
        "version": None, "metrics": None, "params": None, "tags": None, "datasets": (),
        "description": None, "run_id": None, **given,
    })  # fmt: skip


def name_of(name: str) -> str:
    """Answer a name as we have it: `churn model` becomes `churn-model`. Raises `Invalid`."""
    try:
        return check_model(name.rpartition("/")[2])
    except Invalid:
        cut = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        return check_model(re.sub(r"\.{2,}", ".", cut).strip("-._")[:128])


def alias_of(name: str, lose: Lose) -> str | None:
    """Answer an alias as we have it, None where it cannot be one."""
    try:
        key = check_pointer(name, "an alias")
    except Invalid as error:
        lose(f"the alias {name!r}: {error.message}")
        return None
    if key != name:
        lose(f"the letters of the alias {name!r}; it is {key!r} now")
    return key


def without(facts: Facts, **changes: Any) -> Facts:  # noqa: ANN401 - fields by name
    """Answer facts with some of them replaced."""
    return replace(facts, **changes)
