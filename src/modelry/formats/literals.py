"""The Python literals in the header of `.npy`, read without Python's own compiler.

`ast.literal_eval` warns, recurses and can be made to crash by text that
nobody who writes an array would write.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from modelry.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

Literal: TypeAlias = (
    "bool | int | str | list[Literal] | tuple[Literal, ...] | dict[str, Literal] | None"
)

_TOKEN = re.compile(r"""\s*(?:'[^'\\]*'|"[^"\\]*"|\w+|[\[\](){},:])""")
_WORDS = {"True": True, "False": False, "None": None}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MAX_DEPTH = 16
_MAX_DIGITS = 20


def literal(text: str, what: str) -> Literal:
    """Read one literal of text, whole numbers, truth values, lists, tuples and dictionaries."""
    reader = _Reader(text.strip(), what)
    value = reader.value(0)
    if reader.next:
        reader.refuse()
    return value


class _Reader:
    """Tokens of the text, one ahead."""

    def __init__(self, text: str, what: str) -> None:
        self.what = what
        self._tokens = self._split(text)
        self.next = next(self._tokens)

    def value(self, depth: int) -> Literal:
        """Read a value."""
        word = self._take()
        if word in _CLOSING:  # a bracket
            if depth > _MAX_DEPTH:
                self.refuse()
            return self._row(word, depth) if word in "([" else self._map(depth)
        if word[:1] in ("'", '"'):
            return word[1:-1]
        if word in _WORDS:
            return _WORDS[word]
        digits = word.removesuffix("L")  # Python 2 wrote long numbers so
        if not (digits.isascii() and digits.isdigit() and len(digits) < _MAX_DIGITS):
            self.refuse()
        return int(digits)

    def refuse(self) -> None:
        """Say that the text is not a literal."""
        msg = f"{self.what} is not a literal that numpy writes"
        raise Invalid(msg)

    def _row(self, opening: str, depth: int) -> Literal:
        items: list[Literal] = []
        has_comma = False
        while self.next != _CLOSING[opening]:
            items.append(self.value(depth + 1))
            has_comma = self._comma(_CLOSING[opening]) or has_comma
        self._take()
        if opening == "[":
            return items
        return tuple(items) if has_comma or not items else items[0]

    def _map(self, depth: int) -> Literal:
        items: dict[str, Literal] = {}
        while self.next != "}":
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in items or self._take() != ":":
                self.refuse()
            items[str(key)] = self.value(depth + 1)
            self._comma("}")
        self._take()
        return items

    def _comma(self, closing: str) -> bool:
        if self.next == ",":
            self._take()
            return True
        if self.next != closing:
            self.refuse()
        return False

    def _take(self) -> str:
        token = self.next
        if not token:
            self.refuse()
        self.next = next(self._tokens)
        return token

    def _split(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                self.refuse()
                return
            yield match[0].strip()
            at = match.end()
        yield ""
