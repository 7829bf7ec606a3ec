"""The log of everything that happened."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson, Cursor, InProject, Limit
from modelry.cli.session import note, print_json, session
from modelry.cli.when import moment_of

if TYPE_CHECKING:
    from modelry.core.events import Event, EventKind, LogFilter
    from modelry.core.repository import RegistryRepository

_PAGE = 1000


def log(  # noqa: PLR0913 - a list has this many choices
    ctx: typer.Context,
    *,
    project: InProject = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="NAME", help="Only what this account did.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only this, as version.promoted; repeatable."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Not before; as --as-of.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Not after; as --as-of.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    every: Annotated[
        bool, typer.Option("--jsonl", help="Every matching event, one JSON line each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what happened in all projects that you may read, newest first."""
    wanted = _filter(actor, kind, since, until)
    here = session(ctx)
    with here.registry() as registry:
        if every:
            _write_all(registry, project, wanted, cursor)
            return
        found = registry.log(project_name=project, wanted=wanted, limit=limit, cursor=cursor)
    if as_json:
        print_json({"events": [_document(each) for each in found], "next": found.next})
        return
    if not found:
        note("nothing happened" if cursor is None else "nothing more happened")
        return
    from modelry.cli.pages.log import log_page

    log_page(here.sheet(), found.items)
    if found.next is not None:
        note(f"there is more; go on with --cursor {found.next}")


def _filter(
    actor: str | None, kinds: list[str] | None, since: str | None, until: str | None
) -> LogFilter:
    from modelry.core.events import LogFilter
    from modelry.core.model import micros

    def at(text: str | None) -> int | None:
        when: datetime | None = None if text is None else moment_of(text)
        return None if when is None else micros(when)

    chosen = frozenset(map(_kind, kinds)) if kinds else None
    return LogFilter(actor=actor, kinds=chosen, since=at(since), until=at(until))


def _kind(text: str) -> EventKind:
    from modelry.core.events import EventKind

    try:
        return EventKind(text)
    except ValueError as error:
        msg = f"{text!r} is no kind of event; there are {', '.join(EventKind)}"
        raise typer.BadParameter(msg, param_hint="--kind") from error


def _write_all(
    registry: RegistryRepository, project: str | None, wanted: LogFilter, cursor: str | None
) -> None:
    """Write page after page, so that a log of any length is exported in bounded memory."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    while True:
        page = registry.log(project_name=project, wanted=wanted, limit=_PAGE, cursor=cursor)
        for each in page:
            sys.stdout.write(json.dumps(_document(each), ensure_ascii=not unicode) + "\n")
        cursor = page.next
        if cursor is None:
            return


def _document(event: Event) -> dict[str, object]:
    from modelry.cli.documents import event_document
    from modelry.cli.pages.sentences import deed

    return event_document(event, f"{event.actor} {deed(event)}")
