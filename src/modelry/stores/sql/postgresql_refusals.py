"""What PostgreSQL refuses, in our own errors, saying what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modelry.core.errors import Corrupt, Invalid, RegistryError, Unavailable

_TAKEN = "23505"
_RACES = frozenset({"40001", "40P01", _TAKEN})
_WHY = {
    "53100": ("storage_full", "has no space left; nothing was changed: free space, try again"),
    "53300": (
        "too_many_connections",
        "has no connection left; lower pool_size, or raise max_connections",
    ),
    "25006": ("read_only", "may only be read; use the primary server"),
    "0A000": ("read_only", "is a standby that may only be read; use the primary server"),
    "57P01": ("stopped", "was stopped; nothing was changed: try again when it is back"),
    "57P02": ("stopped", "crashed; nothing was changed: try again when it is back"),
    "57P03": ("starting", "is starting or stopping; nothing was changed: try again in a moment"),
    "3D000": ("no_database", "is not there; make it with createdb"),
    "28P01": ("refused", "refuses the user or the password; look at the address"),
    "28000": ("refused", "refuses the user; look at the address and at pg_hba.conf"),
    "42501": ("refused", "does not let this user do that; grant the rights on the schema"),
}
# Who is not let in is told so in words alone, in English where the server speaks it.
_SAID = {
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "too many connections": "53300",
    "starting up": "57P03",
    "shutting down": "57P03",
    "recovery mode": "57P03",
    "password authentication failed": "28P01",
    "no pg_hba.conf entry": "28000",
}
_NO_DATABASE = re.compile(r'database ".*" does not exist')
_BUSY = frozenset({"40001", "40P01", "55P03", "57014"})
_TOO_LONG = "54000"
_TOO_LONG_TEXT = (
    "a name or other text that is looked up is longer than PostgreSQL can index "
    "(about 2,600 bytes); nothing was changed: shorten it"
)
_DAMAGED = frozenset({"XX001", "XX002"})


def sqlstate(error: BaseException) -> str | None:
    """Answer the code by which PostgreSQL names what happened, None for a lost connection."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None


def is_race(error: BaseException) -> bool:
    """Say whether the change may just be tried again: somebody else was faster."""
    return sqlstate(error) in _RACES


def is_taken(error: BaseException) -> bool:
    """Say whether a key was in the way: of one who was faster, or of what was there before."""
    return sqlstate(error) == _TAKEN


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what PostgreSQL raises into our own errors."""
    try:
        yield
    except RegistryError:
        raise
    except PoolTimeout as error:
        msg = f"{where}: all connections of the pool are in use; try again, or raise pool_size"
        raise Unavailable(msg, reason="busy") from error
    except (DBAPIError, psycopg.Error) as error:
        raise refusal(where, error) from error


def refusal(where: str, error: BaseException) -> RegistryError:
    """Answer what to tell the caller."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code, said = sqlstate(error), " ".join(str(cause).split()) or type(cause).__name__
    code = code or _code_of(said)
    if code in _BUSY:
        return busy(where)
    if code in _WHY:
        reason, why = _WHY[code]
        return Unavailable(f"{where} {why}", reason=reason)
    if code in _DAMAGED:
        return Corrupt(f"{where} is damaged ({said}); restore a backup")
    if code == _TOO_LONG or isinstance(cause, psycopg.DataError):
        return Invalid(_TOO_LONG_TEXT if code == _TOO_LONG else f"{where} cannot keep this: {said}")
    if code is None or code.startswith("08"):
        msg = f"{where} cannot be reached ({said}); nothing was changed: is it running?"
        return Unavailable(msg, reason="unreachable")
    msg = f"{where} could not do it ({said}); nothing was changed: see its log"
    return Unavailable(msg, reason=code)


def _code_of(said: str) -> str | None:
    if _NO_DATABASE.search(said):
        return "3D000"
    return next((code for words, code in _SAID.items() if words in said), None)


def busy(where: str) -> Unavailable:
    """Answer what to tell whoever waited for others too long."""
    msg = f"others kept {where} busy for too long; nothing was changed: try again"
    return Unavailable(msg, reason="busy")


def unknown_outcome(where: str) -> Unavailable:
    """Answer what to tell whoever asked for a change of which nobody knows whether it happened."""
    msg = (
        f"the connection to {where} broke while the change was being committed, so it may have "
        "happened or not; send the same request with the same idempotency key, or look"
    )
    return Unavailable(msg, reason="unknown_outcome")
