"""Selections evaluated one by one: the meaning that the SQL must have too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from modelry.core.model import Model
from modelry.core.selection import (
    FoundVersion,
    Match,
    Operand,
    Selection,
    SortKey,
    holds,
    title_of,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that may be selected, and when it last changed itself (microseconds)."""

    model: Model
    changed: int


def select_models(found: Sequence[FoundModel], selection: Selection) -> Sequence[Model]:
    """Answer the models that `selection` names."""
    kept = [
        each
        for each in found
        if all(holds(match, _of_model(each, match)) for match in selection.matches)
        and not _has(each.model.tags, selection)
    ]
    return [each.model for each in _page(kept, selection, _model_key)]


def select_versions(found: Sequence[FoundVersion], selection: Selection) -> Sequence[FoundVersion]:
    """Answer the versions that `selection` names."""
    barred = {each.title for each in found if _has(each.version.tags, selection)}
    kept = [
        each
        for each in found
        if all(holds(match, _of_version(each, match)) for match in selection.matches)
        and each.title not in barred
    ]
    return _page(kept, selection, _version_key)


def _has(tags: Any, selection: Selection) -> bool:  # noqa: ANN401 - a mapping of text
    return selection.without is not None and tags.get(selection.without[0]) == selection.without[1]


def _of_model(found: FoundModel, match: Match) -> Operand | None:
    return found.model.tags.get(match.key) if match.subject == "tag" else title_of(found.model)


def _of_version(found: FoundVersion, match: Match) -> Operand | None:
    version = found.version
    if match.subject == "tag":
        return version.tags.get(match.key)
    if match.subject == "number":
        return version.number
    if match.subject == "run_id":
        return version.run_id or ""
    return version.source if match.subject == "source" else found.title


def _model_key(found: FoundModel, by: SortKey) -> Any:  # noqa: ANN401 - text or a number
    model = found.model
    return {"name": title_of(model), "created": model.created, "changed": found.changed}[by]


def _version_key(found: FoundVersion, by: SortKey) -> Any:  # noqa: ANN401 - text or a number
    version = found.version
    return {"name": found.title, "number": version.number,
            "created": version.created, "changed": found.changed}[by]  # fmt: skip


def _page(kept: list[T], selection: Selection, key: Callable[..., Any]) -> Sequence[T]:
    for sort in reversed(selection.sorts):
        kept.sort(key=partial(key, by=sort.by), reverse=sort.descending)
    return kept[selection.skip : selection.skip + selection.limit]
