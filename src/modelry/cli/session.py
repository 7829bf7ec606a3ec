"""What every command needs: the registry, a page to write on, the JSON form."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from modelry.cli.pages.page import Sheet
    from modelry.core.events import Problem
    from modelry.core.repository import RegistryRepository

_NARROWEST = 40
_NO_TERMINAL = (120, 24)


@dataclass(frozen=True, slots=True)
class Session:
    """The choices that hold for a whole run."""

    uri: str | None = None
    color: bool = True

    def registry(self) -> RegistryRepository:
        """Open the registry; close it as a context."""
        from modelry import wiring

        return wiring.connect(self.uri)

    def sheet(self) -> Sheet:
        """Answer a page on standard output, as wide as the terminal."""
        from modelry.cli.pages.page import Screen, Sheet

        columns = max(_NARROWEST, shutil.get_terminal_size(_NO_TERMINAL).columns)
        screen = Screen(
            width=columns,
            color_system="auto" if self.color else None,
            markup=False,
            emoji=False,
            highlight=False,
        )
        return Sheet(screen, time.time_ns() // 1000)


def session(ctx: typer.Context) -> Session:
    """Answer the session that the global options made."""
    return ctx.obj if isinstance(ctx.obj, Session) else Session()


def print_json(document: Mapping[str, object]) -> None:
    """Print one JSON document."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=not unicode) + "\n")


def note(lines: str | Iterable[str]) -> None:
    """Say something beside the answer, on standard error."""
    from modelry.cli.text import one_line

    for line in [lines] if isinstance(lines, str) else lines:
        sys.stderr.write(one_line(line) + "\n")


def fail_on(here: Session, problems: Sequence[Problem], *, as_json: bool) -> None:
    """List what a verification found and end with exit code 1; nothing where all is well."""
    if not problems:
        return
    if not as_json:
        sheet = here.sheet()
        for each in problems:
            sheet.paragraph(f"{each.where}: {each.what}", hang=2, style="red")
    from modelry.core.errors import Corrupt

    count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    msg = f"{count} found, the first: {problems[0].where}: {problems[0].what}"
    raise Corrupt(msg)
