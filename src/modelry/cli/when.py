"""Times as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_AGO = re.compile(
    r"(\d{1,6})\s*(s|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?) ago", re.ASCII
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment_of(text: str, now: datetime | None = None) -> datetime:
    """Read a date, an ISO time or `2 days ago`. Without an offset it is UTC; a date is its start.

    `yesterday` and `today` are the starts of those days.
    """
    spoken = text.strip().lower()
    current = now or datetime.now(UTC)
    if spoken == "now":
        return current
    midnight = current.replace(hour=0, minute=0, second=0, microsecond=0)
    if spoken in {"today", "yesterday"}:
        return midnight - timedelta(days=spoken == "yesterday")
    match = _AGO.fullmatch(spoken)
    try:
        if match is not None:
            return current - timedelta(**{_UNITS[match[2][0]]: int(match[1])})
        when = datetime.fromisoformat(text.strip())
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        msg = f"{text!r} is not a time; write 2026-11-21, 2026-11-21T09:30Z or '2 days ago'"
        raise typer.BadParameter(msg) from error
