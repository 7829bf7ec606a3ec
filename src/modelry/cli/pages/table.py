"""Tables that fit: when it is narrow the less important columns go, then the long ones shorten."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

GAP = 2
_COMFORT = 24
_SPARE = 3


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
    comfort = [min(width, _COMFORT) for width in widths]
    floors = [width if column.least is None else min(width, column.least)
              for column, width in zip(columns, widths, strict=True)]  # fmt: skip
    _drop(columns, kept, [max(pair) for pair in zip(comfort, floors, strict=True)], room, _SPARE)
    _drop(columns, kept, floors, room, math.inf)
    _shorten(widths, kept, floors, room)
    for row in table if any(column.title for column in columns) else rows:
        yield _line(columns, row, widths, kept)


def _drop(
    columns: Sequence[Column], kept: list[int], needs: Sequence[int], room: int, spare: float
) -> None:
    """Take columns worth `spare` or less away, the least first, until the others fit."""
    while sum(needs[at] for at in kept) + GAP * (len(kept) - 1) > room:
        least = min(kept, key=lambda at: (columns[at].worth, -at))
        if columns[least].worth > spare or len(kept) == 1:
            return
        kept.remove(least)


def _shorten(widths: list[int], kept: Sequence[int], floors: Sequence[int], room: int) -> None:
    """Shorten whichever column is the longest until they fit."""
    excess = sum(widths[at] for at in kept) + GAP * (len(kept) - 1) - room
    while excess > 0:
        longer = [at for at in kept if widths[at] > floors[at]] or [kept[0]]
        longest = max(longer, key=lambda at: widths[at])
        widths[longest] -= 1
        excess -= 1


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
