"""How the demo looks: numbered sections, tables, and the command line beside each step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 80


class Pages:
    """Prints the story; colours only where a terminal shows them."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        self._console = Console(highlight=False, width=min(console.width, WIDTH))
        self._number = 0

    def title(self, text: str, more: str) -> None:
        """Open the story."""
        self._console.print()
        self._console.rule(f"[bold]{text}[/]", style="cyan")
        self._console.print(more, justify="center", style="dim")

    def section(self, title: str, text: str) -> None:
        """Begin the next step: what happens, and why."""
        self._number += 1
        self._console.print()
        self._console.rule(
            f"[bold cyan]{self._number}[/]  [bold]{title}[/]", align="left", style="dim"
        )
        self.say(text)

    def say(self, text: str) -> None:
        """Print a sentence or two; Rich markup marks what matters."""
        self._console.print(Padding(text, (0, 2)))

    def good(self, text: str) -> None:
        """Print a fact that was checked and holds."""
        self.say(f"[green]✓[/] {text}")

    def bad(self, text: str) -> None:
        """Print a fact that was checked and does not hold."""
        self.say(f"[red]✗[/] {text}")

    def command(self, *lines: str) -> None:
        """Show how a person would do the same by hand."""
        for at, line in enumerate(lines):
            more = " \\" if at + 1 < len(lines) else ""
            self._paste(("  $ " if at == 0 else "    ") + line + more, "dim cyan")

    def paste(self, line: str) -> None:
        """Print a line that is meant to be copied: it is never broken."""
        self._paste(f"  {line}", "cyan")

    def _paste(self, text: str, style: str) -> None:
        self._console.print(Text(text, style), soft_wrap=True)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> None:
        """Print a table; the first `left` columns are text, the others numbers."""
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for at, head in enumerate(heads):
            table.add_column(head, justify="left" if at < left else "right")
        for row in rows:
            table.add_row(*row)
        self._console.print(Padding(table, (0, 2)))


def shell(path: Path) -> str:
    """Write a path for a shell's double quotes, short where it lies below the present folder."""
    try:
        return f"$PWD/{path.relative_to(Path.cwd())}"
    except ValueError:
        return re.sub(r'([\\"$`])', r"\\\1", str(path))
