"""MLflow's filters and orders, read into a selection that the store answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from modelry.core.selection import Comparison, Match, Operand, Selection, Sort, SortKey, Subject
from modelry.server.dialects.mlflow.pages import Window
from modelry.server.dialects.mlflow.prompts import PROMPT
from modelry.server.dialects.mlflow.refusals import Refusal, invalid

MAX_FILTER = 16_000
MAX_CLAUSES = 64
_MOST = 2**62

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<key>(?:[A-Za-z_]\w*\.)?(?:`[^`]*`|"[^"]*"|[\w.\-/]+))
      \s*(?P<op>!=|>=|<=|=|>|<|\bNOT\s+LIKE\b|\bLIKE\b|\bILIKE\b|\bNOT\s+IN\b|\bIN\b)
      \s*(?P<value>'(?:[^']|'')*'|"(?:[^"]|"")*"|\([^()]*\)|[^\s'"()]+)
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_AND = re.compile(r"AND\b\s*", re.IGNORECASE)
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_ORDER = re.compile(r"\s*(?P<key>`[^`]*`|\"[^\"]*\"|[\w.]+)(?:\s+(?P<way>\w+))?\s*")
_TEXTUAL = frozenset({"=", "!=", "like", "ilike", "in", "not in"})
_NUMERIC = frozenset({"=", "!=", ">", ">=", "<", "<="})
_OF_TAGS = frozenset({"=", "!=", "like", "ilike"})


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What may be asked of a noun: its attributes, those that take lists, its orders."""

    attributes: Mapping[str, Subject]
    listed: frozenset[str]
    orders: Mapping[str, SortKey]
    ties: tuple[Sort, ...]
    usual: tuple[Sort, ...] = ()


_MODELS = _Grammar(
    {"name": "name"},
    frozenset({"name"}),
    {"name": "name", "timestamp": "changed", "last_updated_timestamp": "changed"},
    (Sort("name"),),
)
_VERSIONS = _Grammar(
    {"name": "name", "run_id": "run_id", "source_path": "source", "version_number": "number"},
    frozenset({"name", "run_id"}),
    {"name": "name", "version_number": "number", "creation_timestamp": "created",
     "last_updated_timestamp": "changed"},
    (Sort("name"), Sort("number", descending=True)),
    (Sort("changed", descending=True),),
)  # fmt: skip


def model_selection(text: str, order: Sequence[str], window: Window) -> Selection:
    """Read what is wanted of models; one more than the page is asked for."""
    return _selection(_MODELS, text, order, window)


def version_selection(text: str, order: Sequence[str], window: Window) -> Selection:
    """Read what is wanted of versions, likewise."""
    return _selection(_VERSIONS, text, order, window)


def _selection(grammar: _Grammar, text: str, order: Sequence[str], window: Window) -> Selection:
    matches = [_match(grammar, *clause) for clause in _clauses(text)]
    without = None
    if not any(_asks_for_prompts(match) for match in matches):
        matches = [match for match in matches if not _about_prompts(match)]
        without = (PROMPT, "true")
    sorts = _sorts(grammar, order)
    return Selection(tuple(matches), sorts, window.skip, window.limit + 1, without)


def _about_prompts(match: Match) -> bool:
    return match.subject == "tag" and match.key == PROMPT


def _asks_for_prompts(match: Match) -> bool:
    if not _about_prompts(match):
        return False
    value = str(match.values[0]).lower()
    return (match.comparison, value) in {("=", "true"), ("!=", "false")}


def _clauses(text: str) -> list[tuple[str, str, str]]:
    """Split a filter at its ANDs into key, operator and value."""
    if len(text) > MAX_FILTER:
        msg = f"a filter has at most {MAX_FILTER} characters, this one {len(text)}"
        raise invalid(msg)
    found: list[tuple[str, str, str]] = []
    rest = text.strip()
    while rest:
        clause = _TOKEN.match(rest)
        if clause is None:
            raise _junk(rest)
        found.append((clause["key"], " ".join(clause["op"].lower().split()), clause["value"]))
        rest = rest[clause.end() :]
        if len(found) > MAX_CLAUSES:
            msg = f"a filter has at most {MAX_CLAUSES} clauses"
            raise invalid(msg)
        joined = _AND.match(rest)
        if rest and (joined is None or joined.end() == len(rest)):
            raise _junk(rest)
        rest = rest[joined.end() :] if joined else ""
    return found


def _junk(rest: str) -> Refusal:
    return invalid(f"Invalid clause(s) in filter string: '{rest[:100]}'")


def _match(grammar: _Grammar, name: str, op: str, value: str) -> Match:
    kind, key = _subject(name)
    if kind == "tag":
        if op not in _OF_TAGS:
            msg = f"Invalid comparator for tag: {op.upper()}"
            raise invalid(msg)
        if not _QUOTED.fullmatch(value):
            msg = f"Expected a quoted string value for tag (e.g. 'my-value'). Got value {value}"
            raise invalid(msg)
        return Match("tag", cast("Comparison", op), (_unquoted(value),), key)
    if key not in grammar.attributes:
        valid = "{" + ", ".join(repr(each) for each in grammar.attributes) + "}"
        msg = f"Invalid attribute key '{key}' specified. Valid keys are '{valid}'"
        raise invalid(msg)
    subject = grammar.attributes[key]
    if subject == "number":
        return _numeric(key, op, value)
    values = _texts(grammar, key, value)
    listed = op in {"in", "not in"}
    if op not in _TEXTUAL or (listed and key not in grammar.listed):
        msg = f"Invalid comparator for attribute: {op.upper()}"
        raise invalid(msg)
    if listed != value.startswith("("):
        msg = f"Invalid comparator for attribute: {op.upper()} does not go with {value[:100]}"
        raise invalid(msg)
    return Match(subject, cast("Comparison", op), values)


def _subject(name: str) -> tuple[str, str]:
    """Answer whether a key names a tag or an attribute, and which."""
    entity, dot, key = name.partition(".")
    if name[:1] in {"`", '"'} or not dot:
        return "attribute", name.strip('`"')
    if entity in {"tag", "tags"}:
        return "tag", key.strip('`"')
    if entity == "attribute":
        return "attribute", key.strip('`"')
    msg = f"Invalid entity type '{entity}'. Valid entity types are ('attribute', 'tag', 'tags')"
    raise invalid(msg)


def _numeric(key: str, op: str, value: str) -> Match:
    if op not in _NUMERIC:
        msg = f"Invalid comparator for attribute {key}: {op.upper()}"
        raise invalid(msg)
    if not _WHOLE.fullmatch(value):
        msg = f"Invalid value for numeric attribute '{key}': {value!r}"
        raise invalid(msg)
    number = max(-_MOST, min(int(value), _MOST))
    return Match("number", cast("Comparison", op), (number,))


def _texts(grammar: _Grammar, key: str, value: str) -> tuple[Operand, ...]:
    if value.startswith("("):
        if key not in grammar.listed:
            msg = f"Only the attributes {sorted(grammar.listed)} support comparison with a list of quoted string values."
            raise invalid(msg)
        return _list(value)
    if _QUOTED.fullmatch(value):
        return (_unquoted(value),)
    if _NUMBER.fullmatch(value):
        msg = (
            "Expected a quoted string value or a list of quoted string values for attributes. "
            f"Got value {value}"
        )
        raise invalid(msg)
    msg = (
        "Parameter value is either not quoted or unidentified quote types used for string value "
        f"{value}. Use either single or double quotes."
    )
    raise invalid(msg)


def _list(value: str) -> tuple[Operand, ...]:
    inside = value[1:-1].strip()
    if not inside:
        msg = (
            "While parsing a list in the query, expected a non-empty list of string values, but "
            "got empty list"
        )
        raise invalid(msg)
    parts = [part.strip() for part in _split(inside)]
    if not all(_QUOTED.fullmatch(part) for part in parts):
        told = "ill-formed list"
        if all(_QUOTED.fullmatch(part) or _NUMBER.fullmatch(part) for part in parts):
            told = f"different type in list: ({inside[:100]})"
        msg = f"While parsing a list in the query, expected string value, punctuation, or whitespace, but got {told}"
        raise invalid(msg)
    return tuple(_unquoted(part) for part in parts)


def _split(inside: str) -> list[str]:
    """Split a list at the commas that are not inside quotes; a comma at the end is no value."""
    parts, start = list[str](), 0
    spans = [found.span() for found in _QUOTED.finditer(inside)]
    for at, character in enumerate(inside):
        if character == "," and not any(begin <= at < end for begin, end in spans):
            parts.append(inside[start:at])
            start = at + 1
    last = inside[start:]
    return [*parts, last] if last.strip() else parts


def _unquoted(value: str) -> str:
    return value[1:-1]


def _sorts(grammar: _Grammar, order: Sequence[str]) -> tuple[Sort, ...]:
    sorts = [_sort(grammar, clause) for clause in order] or list(grammar.usual)
    known = [each.by for each in sorts]
    if len(set(known)) < len(known):
        msg = f"`order_by` contains duplicate fields: {list(order)}"
        raise invalid(msg)
    return (*sorts, *(tie for tie in grammar.ties if tie.by not in known))


def _sort(grammar: _Grammar, clause: str) -> Sort:
    found = _ORDER.fullmatch(clause) if len(clause) <= MAX_FILTER else None
    if found is None:
        msg = f"Invalid order_by clause '{clause[:100]}'. Could not be parsed."
        raise invalid(msg)
    way = (found["way"] or "asc").lower()
    if way not in {"asc", "desc"}:
        msg = f"Invalid ordering key in order_by clause '{clause[:100]}'."
        raise invalid(msg)
    key = found["key"].strip('`"').removeprefix("attribute.")
    if key not in grammar.orders:
        valid = "{" + ", ".join(repr(each) for each in grammar.orders) + "}"
        msg = f"Invalid order by key '{key}' specified. Valid keys are '{valid}'"
        raise invalid(msg)
    return Sort(grammar.orders[key], descending=way == "desc")
