"""A registration that is refused leaves a record, whichever door it came by (S2.15).

The record is a change of its own, after the refused one was taken back. It
never stands in for the refusal: where it cannot be written, the log says so.
"""

from __future__ import annotations

import logging
import sys

from modelry.core.access import Action
from modelry.core.errors import Conflict, Denied, Invalid, NotFound, RegistryError, Unsupported
from modelry.core.events import REGISTRY
from modelry.core.names import DEFAULT_PROJECT, check_project
from modelry.core.strict_json import Json
from modelry.core.verbs.permit import deny, plain
from modelry.core.verbs.world import Outdated, World

_LOG = logging.getLogger("modelry.registry")
_REFUSALS = (Conflict, Denied, Invalid, NotFound, Unsupported)
"""What a rule says no to; a store that is away or damaged refused nothing."""


class registering:  # noqa: N801 - reads as a function
    """Record a refusal to register a version of `name`, once, and let it go on.

    `also` are kinds of refusal that a dialect has of its own.
    """

    __slots__ = ("_before", "_kinds", "_label", "_name", "_world")

    def __init__(
        self, world: World, name: str, label: object = None, *also: type[Exception]
    ) -> None:
        self._world, self._name, self._label = world, name, label
        self._kinds: tuple[type[Exception], ...] = (*_REFUSALS, *also)

    def __enter__(self) -> None:
        """Begin to watch."""
        self._before = sys.exception()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Record what is refused."""
        if isinstance(error, self._kinds) and not _is_told(error, self._before):
            _note(self._world, self._name, self._label, error)


def refused(world: World, name: str, error: RegistryError) -> None:
    """Record a request to register that could not even be read."""
    if not _is_told(error, None):
        _note(world, name, None, error)


def _note(world: World, name: str, label: object, error: Exception) -> None:
    project = _project_in(name)
    reason = error.message if isinstance(error, RegistryError) else str(error)
    try:
        facts: dict[str, Json] = {} if label is None else {"version": plain(str(label))}
        chain, asked = project, str(Action.REGISTER)
        if world.actor.role_in(project) is None:  # the same words, whether it is there or not
            chain, asked = REGISTRY, f"{asked} in {project}"
        deny(world, chain, asked, reason, name, None, **facts)
    except Outdated:
        raise
    except Exception as failure:  # noqa: BLE001 - whatever it is, the refusal comes first
        _LOG.warning("a registration was refused, and that could not be recorded: %r", failure)
    if isinstance(error, RegistryError):
        error.recorded = True


def _project_in(name: str) -> str:
    """Answer the project that a name tells, also where the rest of it is none."""
    head, slash, _ = name.partition("/")
    try:
        return check_project(head) if slash else DEFAULT_PROJECT
    except Invalid:
        return DEFAULT_PROJECT


def _is_told(error: BaseException | None, before: BaseException | None) -> bool:
    """Say whether a record tells of `error` or of what led to it, or none is due.

    What was being handled `before` is somebody else's. Errors may lead to one
    another in a circle, as one raised from what another was raised in.
    """
    seen: list[BaseException] = []
    while error is not None and error is not before and all(error is not each for each in seen):
        seen.append(error)
        if isinstance(error, RegistryError) and (error.recorded or _is_question(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_question(error: RegistryError) -> bool:
    """Say whether a client asked which bytes it has to bring first, as each does."""
    return isinstance(error, NotFound) and "sha256" in error.facts
