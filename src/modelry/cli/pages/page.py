"""A sheet to write on: titles, facts, paragraphs and tables as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.table import Column, fit
from modelry.cli.text import clean, one_line

INDENT = 2
_LABEL = 12
_READABLE = 100

_STAGES = {"production": "green", "staging": "yellow", "archived": "dim", "none": "dim"}

Cell = str | Text


class Screen(Console):
    """A console that leaves a reader who went away to the command."""

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled; Rich would end the process with code 1."""
        raise BrokenPipeError


class Sheet:
    """What a command prints. Text that people gave is never read as markup."""

    def __init__(self, console: Console, now: int) -> None:
        self._console = console
        self.now = now
        self.width = console.width

    def line(self, text: Cell = "", style: str = "") -> None:
        """Print one line as it is; it may be longer than the terminal."""
        self._console.print(as_text(text, style), soft_wrap=True)

    def paragraph(self, text: Cell, *, indent: int = 0, hang: int = 0, style: str = "") -> None:
        """Print text wrapped at words; the lines after the first go in by `hang` more."""
        room = min(self.width - indent - hang, _READABLE)
        for at, part in enumerate(self._wrapped(as_text(text, style), room)):
            self.line(Text(" " * (indent + (hang if at else 0))).append_text(part))

    def beside(self, lead: Text, text: Cell) -> None:
        """Print `lead` and beside it text wrapped at words, which stays beside it."""
        column = lead.cell_len
        for at, part in enumerate(self._wrapped(as_text(text), self.width - column)):
            self.line(Text.assemble(lead if not at else " " * column, part))

    def _wrapped(self, text: Text, room: int) -> Iterator[Text]:
        for part in text.wrap(self._console, max(20, room)):
            part.rstrip()
            yield part

    def title(self, text: str, aside: Cell = "") -> None:
        """Begin a page."""
        line = Text(one_line(text), style="bold")
        tail = as_text(aside)
        if tail.plain:
            line = Text.assemble(line, "  ", tail)
        self.paragraph(line, hang=INDENT)

    def section(self, name: str) -> None:
        """Begin a part of a page."""
        self.line()
        self.line(name, "bold")

    def facts(self, facts: Sequence[tuple[str, Cell]]) -> None:
        """Print names and values beside each other; what is empty is left out."""
        present = [(name, as_text(value)) for name, value in facts]
        for name, value in present:
            if value.plain:
                self.beside(Text(" " * INDENT + name.ljust(_LABEL), style="dim"), value)

    def cut(self, value: str) -> Text:
        """Answer text that is shortened where it does not fit beside a fact's name."""
        text = as_text(value)
        text.truncate(self.width - INDENT - _LABEL, overflow="ellipsis")
        return text

    def table(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], indent: int = 0
    ) -> None:
        """Print a table that fits."""
        cells = [[as_text(cell) for cell in row] for row in rows]
        for line in fit(columns, cells, self.width - indent):
            self.line(Text(" " * indent).append_text(line))

    def ago(self, at: int) -> str:
        """Answer how long ago a time is."""
        return words.ago(at, self.now)

    def time(self, at: int) -> str:
        """Answer a time, relative and absolute."""
        return f"{self.ago(at)} ({words.utc(at)})"


def as_text(value: Cell, style: str = "") -> Text:
    """Answer text without markup, cleaned of what would steer a terminal."""
    return value if isinstance(value, Text) else Text(clean(value), style=style)


def flat(value: object, style: str = "") -> Text:
    """Answer text on one line."""
    return Text(one_line(value), style=style)


def stage(name: str) -> Text:
    """Answer a stage in its colour."""
    return Text(one_line(name), style=_STAGES.get(name, "cyan"))
