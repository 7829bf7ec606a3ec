"""Which version to take: candidates ranked by the metrics that matter, with the reasons.

Each metric gives a version a place between 0, the worst of the candidates, and
1, the best; the score is their mean, by weight. Nothing is guessed: whoever
reads it can check it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from modelry.core.comparison import lower_is_better
from modelry.core.errors import Invalid, NotFound
from modelry.core.model import Number, Version
from modelry.core.names import parse_model
from modelry.core.repository import RegistryRepository

MOST = 1000
"""Candidates that are looked at, the best by the first metric."""

_PAGE = 100
_NAME = re.compile(r"[^\s\"'=<>!~(),]+")


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric that counts, which way it is better, and how much it weighs (above 0)."""

    name: str
    lower: bool = False
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate: its score from 0 to 1, and its rank by each measure, 1 for the best.

    `other_data` says that it was trained or measured on other data sets than the first.
    """

    version: Version
    score: float
    ranks: tuple[int, ...]
    other_data: bool = False


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Candidates, the best first; `live` is what the model's main stage names now."""

    measures: tuple[Measure, ...]
    ranked: tuple[Ranked, ...]
    live: Version | None = None

    @property
    def best(self) -> Version:
        """The version to take."""
        return self.ranked[0].version

    @property
    def reasons(self) -> Sequence[str]:
        """Why, as sentences without their stops."""
        first, count = self.ranked[0], len(self.ranked)
        told = [
            f"{_place(rank)} {each.name} of {count}"
            if count > 1
            else f"the only one with {each.name}"
            for each, rank in zip(self.measures, first.ranks, strict=True)
        ]
        if self.live is not None and self.live.ref == first.version.ref:
            return [*told, "it is live already"]
        if self.live is not None:
            told += _against(self.measures, first.version, self.live)
        if any(each.other_data for each in self.ranked):
            told.append("some candidates know other data, so their metrics may not compare")
        return told


def measures_of(
    wanted: Sequence[str], lower: Collection[str] = (), higher: Collection[str] = ()
) -> tuple[Measure, ...]:
    """Read metrics, each `name` or `name=weight`. Raises `Invalid`.

    `lower` and `higher` say which way one is better; elsewhere its name decides.
    """
    found = [_measure(text, lower, higher) for text in wanted]
    names = [each.name for each in found]
    if not names or len(set(names)) < len(names):
        msg = "name the metrics that matter, each once"
        raise Invalid(msg, field="by")
    strange = sorted({*lower, *higher} - set(names))
    if strange:
        msg = f"{', '.join(strange)} is not among the metrics that matter: {', '.join(names)}"
        raise Invalid(msg, field="by")
    return tuple(found)


def recommend(
    registry: RegistryRepository, name: str, measures: Sequence[Measure], where: str = ""
) -> Recommendation:
    """Rank the versions of a model that have every metric and meet the search `where`.

    Archived versions are left out. Raises `NotFound` where none is left.
    """
    ref = parse_model(name)
    lifecycle = registry.stages(ref.project)
    names = " and ".join(f"metric.{each.name}" for each in measures)
    query = f'name = "{ref.name}" and {names}'
    if lifecycle.archive is not None:
        query += f" and not stage = {lifecycle.archive}"
    if where.strip():
        query += f" and ({where})"
    way = "asc" if measures[0].lower else "desc"
    found = _all(registry, f"{query} order by metric.{measures[0].name} {way}", ref.project)
    if not found:
        registry.model(str(ref))  # says so where there is no such model
        wanted = ", ".join(each.name for each in measures)
        msg = f"no version of {ref} outside of the archive has {wanted}"
        msg += f" and meets: {where}" if where.strip() else ""
        raise NotFound(msg, model=str(ref))
    live = None
    if lifecycle.main is not None:
        pointers = registry.model(str(ref)).pointers
        number = next((each.number for each in pointers if each.name == lifecycle.main), None)
        live = None if number is None else registry.resolve(f"{ref}:{number}")
    return Recommendation(tuple(measures), rank(found, measures), live)


def rank(candidates: Sequence[Version], measures: Sequence[Measure]) -> tuple[Ranked, ...]:
    """Order candidates by their score, then by each measure; of equals the newest comes first."""
    places = [_places([each.metrics[m.name] for each in candidates], m.lower) for m in measures]
    ranks = [[1 + sum(other > place for other in column) for place in column] for column in places]
    total = sum(measure.weight for measure in measures)
    scored = [
        Ranked(
            version,
            sum(m.weight * column[at] for m, column in zip(measures, places, strict=True)) / total,
            tuple(column[at] for column in ranks),
        )
        for at, version in enumerate(candidates)
    ]
    scored.sort(key=lambda each: (-each.score, each.ranks, -each.version.created))
    data = _data(scored[0].version)
    return tuple(
        Ranked(each.version, each.score, each.ranks, bool(data and _data(each.version) - data))
        for each in scored
    )


def _measure(text: str, lower: Collection[str], higher: Collection[str]) -> Measure:
    name, equals, weight = text.partition("=")
    try:
        heavy = float(weight) if equals else 1.0
    except ValueError:
        heavy = 0.0
    if not _NAME.fullmatch(name) or not 0 < heavy < 1e9:  # noqa: PLR2004 - also not infinite
        msg = f"{text!r} is no metric: write its name, or NAME=WEIGHT with a weight above 0"
        raise Invalid(msg, field="by")
    down = name in lower or (name not in higher and lower_is_better(name))
    return Measure(name, down, heavy)


def _all(registry: RegistryRepository, query: str, project: str) -> Sequence[Version]:
    found: list[Version] = []
    cursor: str | None = None
    while len(found) < MOST:
        page = registry.search(query, project_name=project, limit=_PAGE, cursor=cursor)
        found += page
        cursor = page.next
        if cursor is None:
            break
    return found


def _places(values: Sequence[Number], lower: bool) -> list[float]:  # noqa: FBT001 - one fact of two
    worst, best = (max(values), min(values)) if lower else (min(values), max(values))
    return [1.0 if best == worst else (each - worst) / (best - worst) for each in values]


def _data(version: Version) -> frozenset[str]:
    return frozenset(each.digest or each.uri or each.name for each in version.datasets)


def _place(number: int) -> str:
    return "best" if number == 1 else f"rank {number} by"


def _against(measures: Sequence[Measure], first: Version, live: Version) -> Sequence[str]:
    """Say how the first differs from what is live, in the metrics that both have."""
    known: Mapping[str, Number] = live.metrics
    told = []
    for each in measures:
        if each.name in known:
            gain = first.metrics[each.name] - known[each.name]
            word = (
                "as good as"
                if gain == 0
                else "better than"
                if (gain < 0) is each.lower
                else "worse than"
            )
            by = "" if gain == 0 else f"{abs(gain):.4g} "
            told.append(f"{each.name} {by}{word} {live.ref}, which is live")
    return told
