"""Tables that fit: when it is narrow the less important columns go, then the long ones shorten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

GAP = 2
_LEAST = 8


@dataclass(frozen=True, slots=True)
class Column:
    """A column. The lower `worth` goes first; `least` is how short it may get, None for never."""

    title: str
    worth: int = 5
    least: int | None = None
    right: bool = False


def fit(columns: Sequence[Column], rows: Sequence[Sequence[Text]], room: int) -> Iterator[Text]:
    """Answer the lines of a table at most `room` columns wide; nothing wraps."""
    heads = [Text(column.title, style="dim") for column in columns]
    table = [heads, *rows]
    widths = [max(row[at].cell_len for row in table) for at in range(len(columns))]
    kept = [at for at in range(len(columns)) if any(row[at].plain for row in rows)] or [0]
    while len(kept) > 1 and _least(columns, widths, kept) > room:
        kept.remove(min(kept, key=lambda at: (columns[at].worth, -at)))
    _shorten(columns, widths, kept, room)
    for row in table if any(column.title for column in columns) else rows:
        yield _line(columns, row, widths, kept)


def _least(columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(_floor(columns[at], widths[at]) for at in kept) + GAP * (len(kept) - 1)


def _floor(column: Column, width: int) -> int:
    return width if column.least is None else min(width, column.least)


def _shorten(
    columns: Sequence[Column], widths: list[int], kept: Sequence[int], room: int
) -> None:
    excess = sum(widths[at] for at in kept) + GAP * (len(kept) - 1) - room
    for at in sorted(kept, key=lambda at: (columns[at].worth, -at)):
        taken = min(max(excess, 0), widths[at] - _floor(columns[at], widths[at]))
        widths[at] -= taken
        excess -= taken
    if excess > 0:
        widths[kept[0]] = max(_LEAST, widths[kept[0]] - excess)


def _line(
    columns: Sequence[Column], row: Sequence[Text], widths: Sequence[int], kept: Sequence[int]
) -> Text:
    line = Text()
    for at in kept:
        cell = row[at].copy()
        cell.truncate(widths[at], overflow="ellipsis")
        fill = " " * (widths[at] - cell.cell_len)
        line.append(fill if columns[at].right else "")
        line.append_text(cell)
        line.append("" if columns[at].right else fill)
        line.append(" " * GAP)
    line.rstrip()
    return line
