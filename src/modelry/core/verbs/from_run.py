"""What a version takes over from the run that made it, when it is sealed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from modelry.core.draft import MAX_ITEMS, Draft
from modelry.core.errors import Invalid
from modelry.core.model import Dataset, Number
from modelry.core.names import MAX_TEXT, check_key, check_text
from modelry.core.strict_json import Json
from modelry.core.tracking.model import Run, UsedDataset
from modelry.core.verbs.tracked import run_of
from modelry.core.verbs.world import World

T = TypeVar("T")

_MAX_DATASET = 1024
_WHERE = ("uri", "url", "path", "table")


def with_run(world: World, draft: Draft, run_id: str) -> Draft:
    """Answer `draft` with the parameters, metrics and data sets of a run that may be read.

    What the draft says itself stays. Left out is what a version cannot hold: a
    metric that is not finite, a name or a text that cannot be shown, and what
    is more than 1,000 of a kind.
    """
    run = run_of(world, run_id)
    params: dict[str, Json] = {key: value for key, value in run.params.items() if _fits(key, value)}
    metrics: dict[str, Number] = {each.key: each.value for each in run.metrics
               if math.isfinite(each.value) and _fits(each.key, "")}  # fmt: skip
    return replace(
        draft,
        run_id=run.id,
        params=_first(params, draft.params),
        metrics=_first(metrics, draft.metrics),
        datasets=(*draft.datasets, *_datasets(run, draft))[:MAX_ITEMS],
    )


def _first(every: Mapping[str, T], own: Mapping[str, T]) -> dict[str, T]:
    """Answer what a version's own draft says, and as much of the rest as there is room for."""
    chosen = dict(own)
    for key in sorted(every):
        if len(chosen) < MAX_ITEMS:
            chosen.setdefault(key, every[key])
    return chosen


def _fits(key: str, text: str) -> bool:
    try:
        check_key(key, "parameter")
        check_text(text, "a parameter", MAX_TEXT - 2)
    except Invalid:
        return False
    return len(json.dumps(text)) <= MAX_TEXT


def _datasets(run: Run, draft: Draft) -> tuple[Dataset, ...]:
    known = {(each.name, each.digest) for each in draft.datasets}
    return tuple(
        Dataset(each.name, each.digest, uri_of(each))
        for each in run.datasets
        if (each.name, each.digest) not in known and _shown(each.name) and _shown(each.digest)
    )


def uri_of(used: UsedDataset) -> str | None:
    """Answer where a data set is, as far as what MLflow keeps of its source tells."""
    try:
        source = json.loads(used.source)
    except (ValueError, RecursionError):
        source = used.source
    if isinstance(source, dict):
        source = next((source[key] for key in _WHERE if isinstance(source.get(key), str)), None)
    return source if isinstance(source, str) and source and _shown(source) else None


def _shown(text: str) -> bool:
    try:
        check_text(text, "a data set", _MAX_DATASET)
    except Invalid:
        return False
    return True
