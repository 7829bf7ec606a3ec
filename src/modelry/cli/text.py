"""Text from elsewhere, made safe to print: nothing in it can steer a terminal."""

from __future__ import annotations

import unicodedata

_BIDI = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def clean(text: object) -> str:
    """Answer `text` with what would steer a terminal written out; lines stay lines."""
    given = str(text)
    if given.isprintable():
        return given
    return "".join(map(_shown, given))


def one_line(text: object) -> str:
    """Answer `text` cleaned and on one line."""
    return " ".join(clean(text).split())


def _shown(character: str) -> str:
    if character == "\n":
        return character
    if character == "\t":
        return "    "
    category = unicodedata.category(character)
    if category in {"Zl", "Zp"}:
        return " "
    if category in {"Cc", "Cs"} or unicodedata.bidirectional(character) in _BIDI:
        return character.encode("unicode_escape").decode("ascii")
    return character


def cells(text: str) -> int:
    """Answer how many columns of a terminal `text` takes, without importing Rich for it."""
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )
