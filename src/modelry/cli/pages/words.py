"""Numbers, sizes, times and lists as a person says them."""

from __future__ import annotations

from collections.abc import Sequence

from modelry.core.model import Number, moment
from modelry.core.strict_json import Json, dumps

_SECOND = 1_000_000
_SPANS = (
    ("year", 365.25 * 86_400),
    ("month", 30.4375 * 86_400),
    ("day", 86_400),
    ("hour", 3600),
    ("minute", 60),
)
_JUST_NOW = 10


def ago(at: int, now: int) -> str:
    """Answer how long before `now` the time `at` was, both in microseconds."""
    passed = (now - at) / _SECOND
    if passed < -_JUST_NOW:
        return "in the future"
    if passed < _JUST_NOW:
        return "just now"
    for unit, length in _SPANS:
        if passed >= length:
            return f"{plural(int(passed // length), unit)} ago"
    return f"{int(passed)} seconds ago"


def utc(at: int) -> str:
    """Answer a time to the minute: `2026-11-21 09:30 UTC`."""
    return moment(at).strftime("%Y-%m-%d %H:%M UTC")


def plural(count: int, noun: str) -> str:
    """Answer `1 version`, `3 versions`, `2 histories`."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        noun = f"{noun[:-1]}ie"
    return f"{count:,} {noun}s"


def size(count: int) -> str:
    """Answer bytes as `940 B`, `12.3 MB`, `1.1 GB`; a kB has 1000 bytes."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB", "PB"))


def many(count: int) -> str:
    """Answer a large count as `12.3 M`, `7.0 B`."""
    return _scaled(count, ("", "k", "M", "B", "T"))


def _scaled(count: int, units: Sequence[str]) -> str:
    value, at = float(count), 0
    while round(value, 1 if at else 0) >= 1000 and at < len(units) - 1:  # noqa: PLR2004 - thousands
        value, at = value / 1000, at + 1
    return f"{value:.1f} {units[at]}" if at else f"{count} {units[0]}".rstrip()


def number(value: Number | None) -> str:
    """Answer a metric: whole numbers whole, others to six significant digits."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def difference(value: Number) -> str:
    """Answer a difference with its sign, to three significant digits."""
    return "=" if value == 0 else f"{value:+.3g}"


def value(given: Json) -> str:
    """Answer a parameter: text as it is, everything else as JSON."""
    return given if isinstance(given, str) else dumps(given)


def listed(items: Sequence[str]) -> str:
    """Answer `a`, `a and b`, `a, b and c`."""
    if len(items) < 2:  # noqa: PLR2004 - one needs no 'and'
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def versions(numbers: Sequence[int]) -> str:
    """Answer `version 2`, `versions 1 and 2`."""
    names = [str(each) for each in sorted(numbers)]
    return f"version {names[0]}" if len(names) == 1 else f"versions {listed(names)}"
