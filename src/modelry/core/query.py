"""The search language: words and conditions, parsed before anything touches a database.

    fraud metrics.auc >= 0.9 and (stage = production or tag.team = risk) order by metrics.auc desc

A word is looked for at the beginnings of words in names, descriptions, tags
and authors. `field op value` compares; `tag.gpu` alone asks whether the tag
is there. `and`, `or`, `not` and parentheses combine; two conditions beside
each other both hold. A condition on something a version does not have is
false. Mistakes are refused with the place they are at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from modelry.core.errors import Invalid
from modelry.core.model import micros
from modelry.core.names import MAX_DESCRIPTION

MAX_LENGTH = 4096
MAX_DEPTH = 32
MAX_CONDITIONS = 64

Operator = Literal["=", "!=", ">", ">=", "<", "<=", "~", "in", "exists"]
Value: TypeAlias = "str | float"

TEXT_FIELDS = frozenset(
    {"name", "project", "version", "stage", "alias", "author", "description",
     "digest", "format", "framework", "run_id", "base", "dataset"}
)  # fmt: skip
NUMBER_FIELDS = frozenset({"number", "size", "created"})
MAPS = {
    "metrics": "metrics", "metric": "metrics", "params": "params", "param": "params",
    "tags": "tags", "tag": "tags",
}  # fmt: skip
_ALIASES = {"model": "name", "label": "version", "run": "run_id", "datasets": "dataset"}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<op>!=|>=|<=|==|[=<>~(),])
    | (?P<word>[^\s"'=<>!~(),]+)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Word:
    """A word that a name, a description, a tag or an author begins with; lower case."""

    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison. `key` is the name inside `metrics`, `params` or `tags`, else empty."""

    field: str
    key: str
    op: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """All of them hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of them holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """It does not hold."""

    part: Node


Node: TypeAlias = "Word | Condition | Both | Either | Negation"


@dataclass(frozen=True, slots=True)
class Order:
    """What sorts the answer: `created`, `name`, or a metric, which all answers then have."""

    field: Literal["created", "name", "metrics"] = "created"
    key: str = ""
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search; `where` is None where everything is wanted."""

    where: Node | None
    order: Order
    text: str


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["text", "op", "word", "end"]
    text: str
    at: int

    def says(self, *words: str) -> bool:
        return self.kind in {"word", "op"} and self.text.lower() in words


def parse(text: str) -> Query:
    """Parse a search. Raises `Invalid` with `position`, counted from 0."""
    if len(text) > MAX_LENGTH:
        msg = f"a search has at most {MAX_LENGTH} characters, this one {len(text)}"
        raise Invalid(msg)
    return _Parser(text).query()


def words(text: str) -> list[str]:
    """Split text into the words that a search finds: runs of letters and digits, lower case.

    Of a longer text only the first `MAX_DESCRIPTION` characters are looked at.
    """
    return re.findall(r"[^\W_]+", text[:MAX_DESCRIPTION].casefold())


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split())
        self._at = 0
        self._conditions = 0

    def query(self) -> Query:
        where = None if self._peek().kind == "end" or self._orders() else self._either(0)
        order = self._order() if self._orders() else Order()
        if self._peek().kind != "end":
            raise self._mistake(self._peek(), "expected 'and', 'or', 'order by' or the end")
        return Query(where, order, self._text)

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, end = 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                raise self._mistake(
                    _Token("end", "", start), "this cannot be read; is a quote missing?"
                )
            kind = match.lastgroup
            assert kind in {"text", "op", "word"}  # noqa: S101 - the pattern has no other group
            tokens.append(_Token(kind, match[kind], match.start(kind)))  # type: ignore[arg-type]
            at = match.end()
        return [*tokens, _Token("end", "", end)]

    def _peek(self, ahead: int = 0) -> _Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _mistake(self, token: _Token, why: str) -> Invalid:
        msg = f"search, at character {token.at + 1}: {why}"
        return Invalid(msg, query=self._text, position=token.at)

    def _orders(self) -> bool:
        return self._peek().says("order") and self._peek(1).says("by")

    def _either(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._mistake(
                self._peek(), f"more than {MAX_DEPTH} parentheses inside each other"
            )
        parts = [self._both(depth)]
        while self._peek().says("or"):
            self._next()
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self, depth: int) -> Node:
        parts = [self._negation(depth)]
        while not (self._peek().kind == "end" or self._peek().says("or", ")") or self._orders()):
            if self._peek().says("and"):
                self._next()
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _negation(self, depth: int) -> Node:
        if not self._peek().says("not"):
            return self._primary(depth)
        if depth >= MAX_DEPTH:
            raise self._mistake(self._peek(), f"more than {MAX_DEPTH} times 'not'")
        self._next()
        return Negation(self._negation(depth + 1))

    def _primary(self, depth: int) -> Node:
        token = self._next()
        if token.says("("):
            inside = self._either(depth + 1)
            if not self._peek().says(")"):
                raise self._mistake(self._peek(), "expected ')'")
            self._next()
            return inside
        if token.kind in {"op", "end"} or token.says("and", "or"):
            raise self._mistake(token, "expected a word or a condition")
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise self._mistake(token, f"more than {MAX_CONDITIONS} conditions")
        return self._condition(token)

    def _condition(self, token: _Token) -> Node:
        follows = self._peek()
        if follows.says("=", "==", "!=", ">", ">=", "<", "<=", "~", "in"):
            self._next()
            return self._comparison(token, follows)
        if (
            token.kind == "word"
            and token.text.partition(".")[0].lower() in MAPS
            and ("." in token.text)
        ):
            field, key = self._field(token)
            return Condition(field, key, "exists", ())
        found = words(_unquote(token) if token.kind == "text" else token.text)
        if not found:
            raise self._mistake(token, "there is no letter or digit to look for")
        parts = tuple(Word(word) for word in found)
        return parts[0] if len(parts) == 1 else Both(parts)

    def _comparison(self, token: _Token, operator: _Token) -> Condition:
        field, key = self._field(token)
        op: Operator = "=" if operator.text == "==" else operator.text.lower()  # type: ignore[assignment]  # the caller looked
        read = self._reader(field, operator)
        if op != "in":
            return Condition(field, key, op, (read(self._next()),))
        if not self._next().says("("):
            raise self._mistake(self._peek(-1), "expected '(' after 'in'")
        values = [read(self._next())]
        while self._peek().says(","):
            self._next()
            values.append(read(self._next()))
        if not self._next().says(")"):
            raise self._mistake(self._peek(-1), "expected ',' or ')'")
        return Condition(field, key, op, tuple(values))

    def _field(self, token: _Token) -> tuple[str, str]:
        head, dot, key = token.text.partition(".")
        head = _ALIASES.get(head.lower(), head.lower())
        if token.kind == "word" and dot and key and head in MAPS:
            return MAPS[head], key
        if token.kind == "word" and not dot and head in TEXT_FIELDS | NUMBER_FIELDS:
            return head, ""
        fields = ", ".join(sorted(TEXT_FIELDS | NUMBER_FIELDS))
        raise self._mistake(token, f"there is no field {token.text!r}; there are {fields}, and "
                     "metrics.NAME, params.NAME, tags.NAME")  # fmt: skip

    def _reader(self, field: str, operator: _Token) -> Callable[[_Token], Value]:
        ordered = operator.text in {">", ">=", "<", "<="}
        if field == "created":
            return self._time
        if field in NUMBER_FIELDS or field == "metrics" or (field == "params" and ordered):
            if operator.text == "~":
                raise self._mistake(operator, f"{field} is a number, and '~' is for text")
            return self._number
        if ordered:
            raise self._mistake(operator, f"{field} is text; use =, !=, ~ or in")
        return self._string

    def _number(self, token: _Token) -> float:
        if token.kind != "word" or not _NUMBER.fullmatch(token.text) or len(token.text) > 40:  # noqa: PLR2004 - more digits than a float holds
            raise self._mistake(token, "expected a number")
        return float(token.text)

    def _string(self, token: _Token) -> str:
        if token.kind == "text":
            return _unquote(token)
        if token.kind != "word":
            raise self._mistake(token, "expected a value")
        return token.text

    def _time(self, token: _Token) -> float:
        try:
            when = datetime.fromisoformat(self._string(token))
        except ValueError as error:
            why = "expected a date or time such as 2026-11-21 or 2026-11-21T09:30Z"
            raise self._mistake(token, why) from error
        return micros(when)

    def _order(self) -> Order:
        self._at += 2
        token = self._next()
        descending = self._peek().says("desc")
        if self._peek().says("desc", "asc"):
            self._next()
        if token.says("created"):
            return Order("created", "", descending)
        if token.says("name", "model"):
            return Order("name", "", descending)
        field, dot, key = token.text.partition(".")
        if token.kind == "word" and dot and key and MAPS.get(field.lower()) == "metrics":
            return Order("metrics", key, descending)
        raise self._mistake(token, "order by created, name or metrics.NAME")


def _unquote(token: _Token) -> str:
    return re.sub(r"\\(.)", r"\1", token.text[1:-1])
