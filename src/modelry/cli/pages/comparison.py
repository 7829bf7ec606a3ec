"""Versions side by side: metrics with the better one marked, and what else differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import Sheet, flat, stage
from modelry.cli.pages.table import GAP, Column
from modelry.core.comparison import Comparison, MetricRow
from modelry.core.strict_json import Json

_CELL = 12
_NAME = 12
_MARK = " ★"
_DIGEST = 12
_FILES_SHOWN = 10

T = TypeVar("T")


def comparison_page(sheet: Sheet, comparison: Comparison) -> None:
    """Print a comparison; what is too wide comes in blocks, each beside the first version."""
    for at, block in enumerate(_blocks(sheet.width, comparison)):
        if at:
            sheet.line()
            sheet.line()
        _block(sheet, comparison, block)
    sheet.line()
    if not comparison.params and not comparison.files:
        sheet.paragraph("their parameters and files are the same", style="dim")
    else:
        sheet.paragraph("of parameters and files, only what differs is shown", style="dim")
    if any(row.best for row in comparison.metrics):
        lower = [row.name for row in comparison.metrics if row.lower_is_better]
        why = f"; lower is better for {words.listed(lower)}" if lower else ""
        sheet.paragraph(f"★ the best; differences are to the first version{why}", style="dim")


def _blocks(width: int, comparison: Comparison) -> list[tuple[int, ...]]:
    """Split the versions so that each block fits: the first and some others."""
    names = [row.name for row in comparison.metrics] + [*comparison.params, *comparison.files]
    lead = min(max(map(len, [*names, "created"]), default=0), max(_NAME, width // 3))
    cell = max(_CELL, *(_widest(comparison, at) for at in range(len(comparison.versions))))
    cell = min(cell, 28)
    fitting = max(2, (width - lead) // (cell + GAP))
    others = list(range(1, len(comparison.versions)))
    step = fitting - 1
    return [(0, *others[at : at + step]) for at in range(0, len(others), step)] or [(0,)]


def _widest(comparison: Comparison, at: int) -> int:
    values = [_metric(row, at).cell_len for row in comparison.metrics]
    return max([*values, len(comparison.versions[at].ref)])


def _block(sheet: Sheet, comparison: Comparison, block: Sequence[int]) -> None:
    chosen = [comparison.versions[at] for at in block]
    rows: list[list[Text]] = [
        [Text(), *(flat(each.ref, "bold") for each in chosen)],
        [Text("label", "dim"), *(flat(each.version) for each in chosen)],
        [Text("stage", "dim"), *(stage(each.stage) for each in chosen)],
        [Text("created", "dim"), *(Text(sheet.ago(each.created)) for each in chosen)],
    ]
    parts = {
        "Metrics": [[flat(row.name), *(_metric(row, at) for at in block)]
                    for row in comparison.metrics],
        "Parameters": [[flat(name), *map(_param, values)]
                       for name, values in _different(comparison.params, block)],
        "Files": [[flat(name), *map(_file, values)]
                  for name, values in _different(comparison.files, block)],
    }  # fmt: skip
    hidden = len(parts["Files"]) - _FILES_SHOWN
    del parts["Files"][_FILES_SHOWN:]
    for title, part in parts.items():
        if part:
            empty = [Text() for _ in block]
            rows += [[Text(), *empty], [Text(title, "bold"), *empty], *part]
    sheet.table([Column("", 9, _NAME), *(Column("", 8, _CELL) for _ in block)], rows)
    if hidden > 0:
        sheet.line(f"... and {words.plural(hidden, 'more file')}", "dim")


def _different(
    rows: Mapping[str, tuple[T, ...]], block: Sequence[int]
) -> Iterator[tuple[str, list[T]]]:
    """Answer the rows in which the versions of this block differ."""
    for name, values in rows.items():
        shown = [values[at] for at in block]
        if any(value != shown[0] for value in shown):
            yield name, shown


def _metric(row: MetricRow, at: int) -> Text:
    value, change = row.values[at], row.differences[at]
    if value is None:
        return Text("-", "dim")
    best = at in row.best
    line = Text(words.number(value), "bold green" if best else "")
    line.append(_MARK if best else "")
    if at and change is not None:
        line.append(f"  {words.difference(change)}", "dim")
    return line


def _param(value: Json) -> Text:
    return Text("-", "dim") if value is None else flat(words.value(value))


def _file(sha256: str | None) -> Text:
    return Text("-", "dim") if sha256 is None else Text(sha256[:_DIGEST])
