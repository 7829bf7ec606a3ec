"""What this disk keeps of what was fetched from servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelry.cli import values
from modelry.cli.arguments import AsJson
from modelry.cli.session import print_json, session

cache = typer.Typer(
    help="Look at what was fetched from servers, and make room.", rich_markup_mode=None
)


@cache.command("list")
def list_(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what is kept of what was fetched, what was used least recently first."""
    from modelry.remotes.client.eviction import entries

    folder = _folder()
    found = entries(folder)
    total = sum(each.size for each in found)
    if as_json:
        rows = [{"sha256": each.sha256, "bytes": each.size, "used": each.used,
                 "whole": each.whole} for each in found]  # fmt: skip
        print_json({"folder": str(folder), "bytes": total, "blobs": rows})
        return
    from modelry.cli.pages.lists import cache_table
    from modelry.cli.pages.words import plural, size

    sheet = session(ctx).sheet()
    if found:
        cache_table(sheet, found)
    sheet.paragraph(f"{plural(len(found), 'blob')}, {size(total)} in {folder}")


@cache.command("clean")
def clean(
    ctx: typer.Context,
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="SIZE", help="Leave so much: 500MB, 10GB, 512MiB.")
    ] = "0",
    as_json: AsJson = False,
) -> None:
    """Give up what was fetched, what was used least recently first; safe while others fetch.

    Folders that `modelry use` answered stay.
    """
    from modelry.remotes.client.eviction import entries, evict

    folder = _folder()
    gone = evict(folder, values.size(to))
    left = sum(each.size for each in entries(folder))
    if as_json:
        print_json({"blobs": gone.blobs, "bytes": gone.bytes, "left": left})
        return
    from modelry.cli.pages.words import plural, size

    said = f"cleaned: {plural(gone.blobs, 'blob')}, {size(gone.bytes)} freed, {size(left)} left"
    session(ctx).sheet().paragraph(said)


def _folder() -> Path:
    from modelry.settings import Settings

    return Settings().home.expanduser() / "cache"
