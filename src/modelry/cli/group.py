"""The root of the commands: turns refusals into exit codes, and writes the help in sections."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

INTERRUPTED = 130


class Root(TyperGroup):
    """All commands. Whatever goes wrong in one ends as one line on standard error."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - Typer has no public name for it
        """Run a command: 0, or 1 with one line on standard error, 130 for Ctrl-C."""
        try:
            answer: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_stdout()
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            _say("modelry: interrupted; whatever was acknowledged before is kept")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if _belongs_to_typer(error) or os.environ.get("MODELRY_TRACEBACK"):
                raise
            from modelry.cli.refusals import refusal

            _say(refusal(error))
            raise typer.Exit(1) from None
        return answer

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """List the commands by what they are about."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = str(getattr(command, "rich_help_panel", None) or "Commands")
                room = formatter.width - 6 - max(map(len, self.commands))
                sections.setdefault(panel, []).append((name, command.get_short_help_str(room)))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(max(map(len, self.commands))), about)
                                    for name, about in rows])  # fmt: skip


def _belongs_to_typer(error: Exception) -> bool:
    """Say whether Typer answers `error` by itself: wrong usage, and the ways to stop."""
    return isinstance(error, typer.Exit | typer.Abort) or hasattr(error, "format_message")


def _say(line: str) -> None:
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        return


def _forget_stdout() -> None:
    """Send what is left in the buffer nowhere: its reader is gone."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
    except (OSError, ValueError):
        return
