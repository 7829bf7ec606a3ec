"""The page of the log: what happened everywhere, and where."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import Sheet
from modelry.cli.pages.sentences import deed
from modelry.cli.text import one_line
from modelry.core.events import REGISTRY, Event

_WIDE = 100


def log_page(sheet: Sheet, events: Sequence[Event]) -> None:
    """Print each event with its time and its place: a model, a project, or the registry."""
    for event in events:
        place = "the registry" if event.chain == REGISTRY else event.chain
        told = Text.assemble(
            (one_line(event.actor), "bold"), f" {one_line(deed(event))}",
            (f"  [{one_line(place)}]", "dim"),
        )  # fmt: skip
        if sheet.width < _WIDE:
            sheet.line(words.utc(event.at), "dim")
            when = Text("  ")
        else:
            when = Text(f"{words.utc(event.at)}  ", "dim")
        sheet.beside(when, told)
        if event.comment:
            beside = Text(" " * when.cell_len)
            sheet.beside(beside, Text(f"“{one_line(event.comment)}”", "italic"))
