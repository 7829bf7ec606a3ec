"""How many logins one address may begin, however many processes and machines answer it.

The count lies in the store, and is taken in the transaction that keeps the
login: it costs a read and a write there, and no wait of its own. A process
counts for itself too, so that an address that goes on meets no store at all.
"""

from __future__ import annotations

from typing import Final, cast

from modelry.core.errors import Unavailable
from modelry.core.ports import Unit
from modelry.server.signin.granting import hashed

LOGINS: Final = 60
"""Logins that one address may begin in a window."""

WINDOW: Final = 60_000_000
"""Microseconds of a window."""

PACE: Final = "login_pace"


def count_begun(unit: Unit, address: str, now: int) -> None:
    """Count one more login of `address`. Raises `Unavailable` where it is one too many."""
    key = hashed(address)
    body = unit.kept(PACE, key) or {}
    start, count = cast("int", body.get("start", now)), cast("int", body.get("count", 0))
    if now - start >= WINDOW:
        start, count = now, 0
    if count >= LOGINS:
        raise too_many()
    unit.keep(PACE, key, {"start": start, "count": count + 1}, start + WINDOW)


def too_many() -> Unavailable:
    """Say that one address begins too many logins."""
    return Unavailable("too many logins begin from your address; try again in a minute")
