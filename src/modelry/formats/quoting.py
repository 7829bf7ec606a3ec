"""Text from strangers, made fit to be shown: short, and without characters that act.

A header may hold control characters, bidirectional marks or a megabyte in a
field that a terminal or a page will print one day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 200


def plain(text: str, most: int = MOST) -> str:
    """Answer `text` with everything unprintable escaped, cut after `most` characters."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return cut if cut.isprintable() else "".join(map(_visible, cut))


def decoded(data: bytes, most: int = MOST) -> str:
    """Answer UTF-8 `data` as plain text, with a mark for what is not UTF-8."""
    return plain(data[: 4 * most].decode("utf-8", "replace"), most)


def several(items: Iterable[str], most: int = 20) -> str:
    """Name up to `most` items in one phrase and count the rest."""
    named = [plain(item) for item in items]
    rest = len(named) - most
    return ", ".join(named[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
