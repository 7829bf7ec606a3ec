"""The tree of refusals: everything that Modelry raises on purpose.

RegistryError
├── NotFound         what was named does not exist, or not for this caller
├── Conflict         it exists already, or is in a state that forbids the change
├── Invalid          the input breaks a rule
├── Denied           the caller is known and may not do this
├── Unauthenticated  the caller is not known
├── Unsupported      this registry cannot do it at all
├── Unavailable      it could not be done now: nothing was changed that was not acknowledged
└── Corrupt          stored bytes or records are not what was stored

A message says what was wrong and what to do about it. Facts that a program
wants (the model, the digest, the position in a query) travel as keywords.
"""

from __future__ import annotations

from typing import ClassVar


class RegistryError(Exception):
    """The root of the tree; `facts` holds what a program may want to know."""

    code: ClassVar[str] = "error"
    recorded = False
    """Whether an event tells of this refusal already."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes without losing the facts."""
        return _rebuild, (type(self), self.message, self.facts)


def _rebuild(kind: type[RegistryError], message: str, facts: dict[str, object]) -> RegistryError:
    return kind(message, **facts)


class NotFound(RegistryError):
    """What was named does not exist, or not for this caller."""

    code = "not_found"


class Conflict(RegistryError):
    """The name is taken, or the present state forbids the change."""

    code = "conflict"


class Invalid(RegistryError):
    """The input breaks a rule; the message names the input and the rule."""

    code = "invalid"


class Denied(RegistryError):
    """The caller is known and may not do this."""

    code = "denied"


class Unauthenticated(RegistryError):
    """The caller is not known."""

    code = "unauthenticated"


class Unsupported(RegistryError):
    """This registry cannot do it at all; nothing is faked."""

    code = "unsupported"


class Unavailable(RegistryError):
    """It could not be done now (disk full, database away); it may be tried again."""

    code = "unavailable"


class Corrupt(RegistryError):
    """Stored bytes or records are not what was stored; the message names them."""

    code = "corrupt"
