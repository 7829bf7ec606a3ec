"""What size costs: the same questions to a small registry and to a large one.

python benchmarks/scale.py [--small] [--rounds 40] [--in FOLDER] [--json]

1,000 models of 100 versions against 10 of 10, then 1,000,000 events against
1,000, of which one model has a tenth. Filling takes a minute or two; `--small`
takes seconds.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from filling import START, fill, lengthen, model_name
from measure import Row, options, race, show

import modelry
from modelry.core.model import moment
from modelry.core.repository import RegistryRepository

LIMIT = 1.5
PAGE = 10
FEW = 10
EXCLUDING = "two conditions, each common, that never meet"
"""The known weak spot of the plans (docs/decisions/0010)."""
TOLD = ("a page of models", f"search: {EXCLUDING}")
"""What has no limit: a page of models counts the versions of each."""


def main() -> None:
    """Fill both pairs of registries, ask them in turn, print the ratios."""
    parser = options(__doc__)
    parser.add_argument("--small", action="store_true", help="100 x 20 versions, 50,000 events")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--in", dest="place", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    models, versions, events = (100, 20, 50_000) if given.small else (1000, 100, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="modelry-scale-", dir=given.place) as folder:
        os.environ["MODELRY_HOME"] = folder
        rows = [
            *_versions(Path(folder), models, versions, given.rounds),
            *_events(Path(folder), events, given.rounds),
        ]
    show(rows, as_json=given.json)


def _versions(folder: Path, models: int, versions: int, rounds: int) -> Iterator[Row]:
    """Compare look-ups and searches among few versions with those among many."""
    sizes = {"small": (10, 10), "large": (models, versions)}
    questions: dict[str, dict[str, Callable[[], object]]] = {}
    with ExitStack() as stack:
        for name, (many, each) in sizes.items():
            path = folder / f"{name}.db"
            fill(path, many, each)
            registry = stack.enter_context(modelry.connect(f"sqlite:///{path}"))
            for what, ask in _look_ups(registry, many, each).items():
                questions.setdefault(what, {})[name] = ask
        yield from _raced(questions, rounds)


def _look_ups(
    registry: RegistryRepository, models: int, versions: int
) -> dict[str, Callable[[], object]]:
    """Ask for something else each time; what is found is as much in either registry."""
    seed = random.Random(7)
    few = 1 - (FEW - 0.5) / (models * versions)

    def some() -> str:
        return model_name(seed.randrange(models))

    def search(query: str) -> Callable[[], object]:
        return lambda: registry.search(query, limit=PAGE)

    queries = {
        "metric, all match": "metrics.auc >= 0",
        "metric, half match": "metrics.auc >= 0.5",
        f"metric, {FEW} match": f"metrics.auc >= {few:.9f}",
        "metric, none match": "metrics.auc > 1",
        "metric, half match, sorted by it": "metrics.auc >= 0.5 order by metrics.auc desc",
        "metric, half match, sorted by it, rising": "metrics.auc >= 0.5 order by metrics.auc",
        f"metric, {FEW} match, sorted by it": f"metrics.auc >= {few:.9f} order by metrics.auc",
        f"metric, {FEW} match, sorted by another": (
            f"metrics.auc >= {few:.9f} order by metrics.latency_ms"
        ),
        "metric, half match, sorted by another": (
            "metrics.auc >= 0.5 order by metrics.latency_ms desc"
        ),
        "metric and a tag, by name": "metrics.auc >= 0.5 and tag.team = risk order by name asc",
        "metric and stage": "metrics.auc >= 0 and stage = production",
        "a word that all have": "loans",
        "a word that an eighth has, and a metric": "amber metrics.auc >= 0.1",
        "a word that 3 have": "needle",
        "a word that none has": "nowhere",
        EXCLUDING: "metrics.auc < 0.1 and metrics.log_loss < 0.1",
        "all, by name": "order by name asc",
    }
    return {
        "resolve a stage": lambda: registry.resolve(f"{some()}@production"),
        "resolve a number": lambda: registry.resolve(f"{some()}:{versions}"),
        "a page of versions": lambda: registry.versions(some(), limit=PAGE),
        "a page of models": lambda: registry.models(limit=PAGE),
        **{f"search: {what}": search(query) for what, query in queries.items()},
    }


def _events(folder: Path, events: int, rounds: int) -> Iterator[Row]:
    """Compare a history among few events with the same among many, and a long one."""
    usual = events // 1000
    sizes = {"few": 100, "many": usual}
    questions: dict[str, dict[str, Callable[[], object]]] = {}
    with ExitStack() as stack:
        for name, length in sizes.items():
            path = folder / f"events-{name}.db"
            many = 10 if name == "few" else 901
            fill(path, many, 2)
            lengths = dict.fromkeys(range(many), length)
            if name == "many":
                lengths[0] = events - (many - 1) * length
            lengthen(path, lengths)
            registry = stack.enter_context(modelry.connect(f"sqlite:///{path}"))
            for what, ask in _histories(registry, many, lengths).items():
                questions.setdefault(what, {})[{"few": "small", "many": "large"}[name]] = ask
        yield from _raced(questions, rounds)


def _histories(
    registry: RegistryRepository, models: int, lengths: dict[int, int]
) -> dict[str, Callable[[], object]]:
    """Ask for a page of the history; model 0 is the one with the longest."""
    seed = random.Random(7)

    def some() -> int:
        return seed.randrange(1, models)

    def as_of(at: int) -> object:
        when = moment(START) + timedelta(seconds=lengths[at] // 2)
        return registry.history(model_name(at), as_of=when, limit=PAGE)

    return {
        "history of a model": lambda: registry.history(model_name(some()), limit=PAGE),
        "history of the longest": lambda: registry.history(model_name(0), limit=PAGE),
        "history of a version": lambda: registry.history(f"{model_name(some())}:1", limit=PAGE),
        "history as of half way": lambda: as_of(some()),
        "history of the longest as of half way": lambda: as_of(0),
    }


def _raced(questions: dict[str, dict[str, Callable[[], object]]], rounds: int) -> Iterator[Row]:
    for what, runs in questions.items():
        for run in runs.values():
            run()
        took = race(runs, rounds, calls=5)
        note = f"{took['small'] * 1e6:.0f} us -> {took['large'] * 1e6:.0f} us"
        limit = None if what in TOLD else LIMIT
        yield Row(what, took["large"] / took["small"], limit, note=note)


if __name__ == "__main__":
    main()
