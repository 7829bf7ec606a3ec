"""Versions side by side: which metric is better where, and by how much."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from modelry.core.model import Number, Version
from modelry.core.strict_json import Json

_LOWER_IS_BETTER = frozenset(
    {"loss", "logloss", "error", "err", "errors", "rmse", "mse", "mae", "mape", "smape", "rmsle",
     "latency", "time", "duration", "ms", "seconds", "perplexity", "ppl", "wer", "cer", "brier",
     "ece", "eer", "fpr", "fnr", "memory", "cost", "deviance", "divergence", "kl", "fid", "regret",
     "toxicity", "hallucination", "bias", "drift"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of every compared version, None where a version lacks it.

    `best` holds the positions of the best values where they differ,
    `differences` each value less the first version's.
    """

    name: str
    values: tuple[Number | None, ...]
    lower_is_better: bool
    best: frozenset[int]
    differences: tuple[Number | None, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Versions beside each other; `params` and `files` hold only what differs."""

    versions: tuple[Version, ...]
    metrics: tuple[MetricRow, ...]
    params: Mapping[str, tuple[Json, ...]]
    files: Mapping[str, tuple[str | None, ...]]


def compare(
    versions: Sequence[Version], lower: Collection[str] = (), higher: Collection[str] = ()
) -> Comparison:
    """Set versions side by side; `lower` and `higher` say which way a metric is better.

    Elsewhere the name decides: a loss, an error or a latency is better when lower.
    """
    names = sorted({name for version in versions for name in version.metrics})
    rows = [_row(name, versions, _downwards(name, lower, higher)) for name in names]
    files = [{file.path: file.sha256 for file in version.files} for version in versions]
    return Comparison(
        tuple(versions),
        tuple(rows),
        _different([version.params for version in versions]),
        cast("Mapping[str, tuple[str | None, ...]]", _different(files)),
    )


def lower_is_better(name: str) -> bool:
    """Say whether a metric of this name is better when it is lower: a loss, an error, a latency."""
    return bool(_LOWER_IS_BETTER & set(re.split(r"[^a-z]+", name.lower())))


def _downwards(name: str, lower: Collection[str], higher: Collection[str]) -> bool:
    if name in lower or name in higher:
        return name in lower
    return lower_is_better(name)


def _row(name: str, versions: Sequence[Version], lower_is_better: bool) -> MetricRow:  # noqa: FBT001 - one fact of three
    values = tuple(version.metrics.get(name) for version in versions)
    known = [value for value in values if value is not None]
    best = (min if lower_is_better else max)(known)
    differ = len(set(known)) > 1
    first = values[0]
    return MetricRow(
        name,
        values,
        lower_is_better,
        frozenset(at for at, value in enumerate(values) if value == best and differ),
        tuple(None if value is None or first is None else value - first for value in values),
    )


def _different(maps: Sequence[Mapping[str, Json]]) -> dict[str, tuple[Json, ...]]:
    names = sorted({name for each in maps for name in each})
    rows = {name: tuple(each.get(name) for each in maps) for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}
