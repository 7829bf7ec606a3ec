"""Ratios of medians: contestants take turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measurement against its limit, None where it is only told; smaller is better."""

    what: str
    value: float
    limit: float | None
    unit: str = "x"
    note: str = ""

    @property
    def missed(self) -> bool:
        """Say whether the limit does not hold."""
        return self.limit is not None and self.value > self.limit


def race(runs: Mapping[str, Callable[[], object]], rounds: int, calls: int = 1) -> dict[str, float]:
    """Let every run have its turn in each round; answer the median seconds of one call."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            begin = time.perf_counter()
            for _ in range(calls):
                run()
            took[name].append((time.perf_counter() - begin) / calls)
    return {name: statistics.median(seconds) for name, seconds in took.items()}


def options(about: str | None) -> argparse.ArgumentParser:
    """Begin the options of a benchmark."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    return parser


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print the rows as a table, the missed limits in red, or as JSON."""
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table("what", "measured", "limit", "note")
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g} {row.unit}"
        style = "red" if row.missed else "green" if row.limit is not None else None
        table.add_row(row.what, f"{row.value:.2f} {row.unit}", limit, row.note, style=style)
    Console().print(table)
