"""The log: what happened in all projects that one may read."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from modelry.core.errors import Invalid
from modelry.core.events import Event, LogFilter, LogPlace
from modelry.core.model import Page
from modelry.core.names import check_text
from modelry.core.strict_json import dumps, loads
from modelry.core.verbs.look import page_limit
from modelry.core.verbs.permit import readable, shown
from modelry.core.verbs.world import World, lifecycle_of


def log(
    world: World, wanted: LogFilter, project: str | None, limit: int, cursor: str | None
) -> Page[Event]:
    """List events of every chain, latest first; where a request came from is for admins."""
    check_text(wanted.actor or "", "the actor")
    check_text(wanted.chain or "", "the chain")
    scope = readable(world, project)
    projects = wanted.projects if scope is None else frozenset(scope)
    if scope is not None and wanted.projects is not None:
        projects = wanted.projects.intersection(scope)
    before = _read(cursor)
    with world.store.read() as view:
        if project is not None:
            lifecycle_of(view, project)
        found = view.log(replace(wanted, projects=projects), before, page_limit(limit) + 1)
    last = found[limit - 1] if len(found) > limit else None
    return Page(tuple(shown(world, each) for each in found[:limit]), _write(last) if last else None)


def _write(event: Event) -> str:
    text = dumps([event.at, event.chain, event.seq])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read(cursor: str | None) -> LogPlace | None:
    if cursor is None:
        return None
    try:
        value = loads(base64.urlsafe_b64decode(cursor.encode()), "the cursor")
    except (binascii.Error, ValueError, Invalid):
        value = None
    if isinstance(value, list) and len(value) == 3:  # noqa: PLR2004 - time, chain, sequence
        at, chain, seq = value
        if isinstance(at, int) and isinstance(chain, str) and isinstance(seq, int):
            return LogPlace(at, check_text(chain, "the cursor"), seq)
    msg = f"{cursor!r} is not a cursor of the log; begin again without it"
    raise Invalid(msg, cursor=cursor)
