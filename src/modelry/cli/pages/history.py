"""The page of a history: where the pointers stand, and what happened, as sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import INDENT, Sheet, flat, stage
from modelry.cli.pages.sentences import deed
from modelry.cli.pages.table import Column
from modelry.cli.text import one_line
from modelry.core.events import Event
from modelry.core.model import moment
from modelry.core.verbs.look import History

_WIDE = 100


def history_page(
    sheet: Sheet,
    ref: str,
    history: History,
    labels: Mapping[int, str],
    stages: Collection[str],
) -> None:
    """Print a history.

    `labels` are those of the versions that the pointers name, `stages` the
    pointers that are stages; the others are aliases.
    """
    sheet.title(ref, Text("history", "dim"))
    sheet.section("Now" if history.as_of is None else f"At {_exact(history.as_of)}")
    _pointers(sheet, history.pointers, labels, stages)
    sheet.section("What happened" if history.as_of is None else "What had happened")
    if not history.events:
        sheet.line(f"{' ' * INDENT}nothing yet", "dim")
    _events(sheet, history.events)


def _exact(at: int) -> str:
    return moment(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def _pointers(
    sheet: Sheet, pointers: Mapping[str, int], labels: Mapping[int, str], stages: Collection[str]
) -> None:
    rows = []
    for name, number in sorted(pointers.items(), key=lambda one: (one[0] not in stages, one[0])):
        label = labels.get(number, "")
        shown = stage(name) if name in stages else flat(f"@{name}")
        rows.append((shown, Text(f"version {number}"),
                     flat("" if label == str(number) else label)))  # fmt: skip
    if rows:
        sheet.table([Column("", 9, 10), Column("", 8), Column("", 7, 8)], rows, INDENT)
    else:
        sheet.line(f"{' ' * INDENT}no stage or alias names a version", "dim")


def _events(sheet: Sheet, events: Sequence[Event]) -> None:
    """Print each event: beside its time where there is room, else below it."""
    times = [(sheet.ago(event.at), words.utc(event.at)) for event in events]
    lead = max((len(relative) for relative, _ in times), default=0)
    for event, (relative, absolute) in zip(events, times, strict=True):
        told = Text.assemble((one_line(event.actor), "bold"), f" {one_line(deed(event))}")
        margin = " " * INDENT
        if sheet.width >= _WIDE:
            when = Text.assemble(margin, relative.ljust(lead + 2), (f"{absolute}  ", "dim"))
        else:
            sheet.line(Text.assemble(margin, relative, (f"  {absolute}", "dim")))
            when = Text(margin * 2)
        sheet.beside(when, told)
        if event.comment:
            beside = Text(" " * when.cell_len)
            sheet.beside(beside, Text(f"“{one_line(event.comment)}”", "italic"))
