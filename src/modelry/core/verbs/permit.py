"""The question that every verb asks first, and the record of a denial."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

from modelry.core.access import EVERYWHERE, Action, Role
from modelry.core.errors import Denied, RegistryError
from modelry.core.events import REGISTRY, Event, EventKind, project_of
from modelry.core.ports import Unit
from modelry.core.redaction import redact
from modelry.core.strict_json import Json
from modelry.core.verbs.world import World, no_project, record_alone

E = TypeVar("E", bound=RegistryError)

_MOST = 200
"""Characters that are kept of a name that was refused."""

_LONGEST = 1000
"""Characters that are kept of why."""

_BEYOND = 1000
"""Characters after them in which a secret may end that begins before."""


def permit(world: World, action: Action, project: str, what: str = "") -> None:
    """Let the actor do `action` in `project`, or record the denial and raise.

    Raises `Denied` for a member with a smaller role. For anybody else the
    project does not exist: `NotFound`, in the words of one that is absent.
    """
    actor = world.actor
    if actor.may(action, project, world.needs):
        return
    role = actor.role_in(project)
    if role is None and project != EVERYWHERE:
        deny(world, REGISTRY, f"{action} in {project}", "is not a member", what)
        raise told(no_project(project))
    needed = world.needs[action]
    here = "this registry" if project == EVERYWHERE else project
    have = f"{actor.name} is {role} of {here}" if role else f"{actor.name} has no role in {here}"
    msg = f"to {action} takes the role {needed}, and {have}; ask an admin for it"
    deny(world, REGISTRY if project == EVERYWHERE else project, action, msg, what)
    facts = {"needed": str(needed), "role": str(role) if role else None}
    raise told(Denied(msg, project=project, **facts))


def told(error: E) -> E:
    """Answer a refusal that an event tells of, so that none tells of it once more."""
    error.recorded = True
    return error


def readable(world: World, project: str | None) -> Collection[str] | None:
    """Answer the projects to look in: the one asked for, else all that the actor may read."""
    if project is not None:
        permit(world, Action.READ, project)
        return {project}
    return world.actor.scope


def deny(  # noqa: PLR0913 - a denial has this many facts
    world: World,
    chain: str,
    asked: str,
    reason: str,
    what: str = "",
    number: int | None = None,
    **facts: Json,
) -> None:
    """Record a denial; of a caller who is denied all the time, only so many.

    What was asked of a project that is not there is recorded with the registry.
    Raises `Outdated` and records nothing where `World.doubt` does.
    """
    if world.doubt is not None:
        world.doubt()
    now = world.clock.now()
    caller = f"{world.actor.name}\n{world.trace.get('address', '')}"
    unrecorded = world.denials.admit(caller, now)
    if unrecorded is None:
        return
    body: dict[str, Json] = {"asked": str(asked), "reason": plain(reason, _LONGEST), **facts}
    if what:
        body["what"] = plain(what)
    if unrecorded:
        body["unrecorded"] = unrecorded

    def change(unit: Unit) -> None:
        known = unit.lifecycle(project_of(chain)) is not None
        where = chain if known else REGISTRY
        record_alone(world, unit, where, EventKind.DENIED, number, body, now)

    world.store.change(change)


def plain(text: str, most: int = _MOST) -> str:
    """Answer the beginning of a text that nobody checked, without secrets and what cannot be seen."""
    shown = redact(text[: most + _BEYOND])[:most]
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)


def shown(world: World, event: Event) -> Event:
    """Leave out the address that a request came from, but for an admin."""
    project = project_of(event.chain)
    role = world.actor.role_in(EVERYWHERE if project.startswith("@") else project)
    if role is Role.ADMIN or "request" not in event.body:
        return event
    return replace(event, body={k: v for k, v in event.body.items() if k != "request"})
