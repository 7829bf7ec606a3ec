"""What a search asks, compiled to SQL with bound parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, literal, not_, or_, select

from modelry.core.names import fold
from modelry.core.query import Both, Condition, Either, Negation, Node, Value, Word
from modelry.stores.sql.apart import apart
from modelry.stores.sql.tables import (
    MAX_WORD,
    START,
    attributes,
    metrics,
    model_words,
    models,
    pointers,
    version_words,
    versions,
)

KINDS = {"params": "param", "tags": "tag"}
"""What the attributes of a field are called in their table."""

_COLUMNS: dict[str, ColumnElement[Any]] = {
    "number": versions.c.number,
    "size": versions.c.size,
    "created": versions.c.created,
    "stage": versions.c.stage,
    "author": versions.c.author,
    "description": versions.c.description,
    "digest": versions.c.digest,
    "format": versions.c.format,
    "framework": versions.c.framework,
    "run_id": versions.c.run_id,
    "base": versions.c.base,
    "project": models.c.project,
}
IN_TIME = frozenset({"author", "stage", "format", "framework", "version", "number", "base"})
"""Fields whose index has the versions of one value in the order in which they were made."""

FEW_VALUES = frozenset({"author", "stage", "format", "framework"})
"""Fields of which there are few different values, however many versions."""

_WHOLE = frozenset({"number", "size", "created"})
_FOLDED = {"name": models.c.name_key, "version": versions.c.label_key}
_FARTHEST = 2.0**62
"""No whole number that is kept is farther from 0."""


def meaning(node: Node) -> ColumnElement[bool]:
    """Answer what must hold of a row of versions and models for `node` to be true of it."""
    if isinstance(node, Both):
        return and_(*[meaning(part) for part in node.parts])
    if isinstance(node, Either):
        return or_(*[meaning(part) for part in node.parts])
    if isinstance(node, Negation):
        return not_(func.coalesce(meaning(node.part), literal(value=False)))
    return _word(node) if isinstance(node, Word) else _condition(node)


def span(word: str) -> tuple[str, str]:
    """Answer between which texts every word that begins with `word` is."""
    start = word[:MAX_WORD]
    return start, start + "\U0010ffff"


def _word(node: Word) -> ColumnElement[bool]:
    start, end = span(node.text)
    return or_(
        _some(version_words.c.version_id == versions.c.id,
              version_words.c.word >= start, version_words.c.word < end),
        _some(model_words.c.model_id == versions.c.model_id,
              model_words.c.word >= start, model_words.c.word < end),
    )  # fmt: skip


def _condition(node: Condition) -> ColumnElement[bool]:
    if node.field == "metrics":
        return _some(metrics.c.version_id == versions.c.id, metric(node))
    if node.field in KINDS or node.field == "dataset":
        return _some(attributes.c.version_id == versions.c.id, attribute(node))
    if node.field == "alias":
        return _some(
            pointers.c.model_id == versions.c.model_id,
            pointers.c.number == versions.c.number,
            alias(node),
        )
    return _beside(node)


def _some(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say that there is a row beside the version for which all of `conditions` hold."""
    return select(literal(1)).where(*conditions).correlate(versions).exists()


def metric(node: Condition) -> ColumnElement[bool]:
    """Answer what must hold of a row of metrics."""
    named = metrics.c.name == node.key
    return named if node.op == "exists" else and_(named, compare(metrics.c.value, node))


def attribute(node: Condition) -> ColumnElement[bool]:
    """Answer what must hold of a row of attributes: a parameter, a tag, a data set."""
    if node.field == "dataset":
        return and_(attributes.c.kind == "dataset", compare(attributes.c.name, node))
    named = and_(attributes.c.kind == KINDS[node.field], attributes.c.name == node.key)
    if node.op == "exists":
        return named
    if node.op in {"<", "<=", ">", ">="}:
        return and_(named, compare(attributes.c.number, node))
    return and_(named, _equal_text(node))


def _equal_text(node: Condition) -> ColumnElement[bool]:
    """Compare text by its indexed start first; a number also by its value."""
    if node.op == "~":
        return compare(attributes.c.value, node)
    same: list[ColumnElement[bool]] = []
    for value in node.values:
        text = str(value)
        same.append(and_(attributes.c.start == text[:START], attributes.c.value == text))
        number = _finite(text) if node.field == "params" else None
        if number is not None:
            same.append(attributes.c.number == number)
    return not_(func.coalesce(or_(*same), literal(value=False))) if node.op == "!=" else or_(*same)


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def alias(node: Condition) -> ColumnElement[bool]:
    """Answer what must hold of a row of pointers."""
    return and_(pointers.c.kind == "alias", compare(pointers.c.name, _lowered(node, str.lower)))


def column(node: Condition) -> ColumnElement[bool]:
    """Answer what must hold of a row of versions and models, so that an index may drive."""
    return _on(_column_of(node), node)


def _beside(node: Condition) -> ColumnElement[bool]:
    """Answer the same as a test of what something else drives; a name drives where it can."""
    by = _column_of(node)
    return _on(by if node.field == "name" else apart(by), node)


def _column_of(node: Condition) -> ColumnElement[Any]:
    return _FOLDED[node.field] if node.field in _FOLDED else _COLUMNS[node.field]


def _on(by: Any, node: Condition) -> ColumnElement[bool]:  # noqa: ANN401 - a column of any type
    if node.field in _WHOLE:
        return _compare_whole(by, node)
    if node.field in _FOLDED:
        return compare(by, _lowered(node, _label if node.field == "version" else str.lower))
    if node.field in {"stage", "project"}:
        return compare(by, _lowered(node, str.lower))
    if node.field == "digest" and node.op in {"=", "!=", "in"}:
        values = tuple(f"sha256:{str(value).removeprefix('sha256:')}" for value in node.values)
        return compare(by, Condition(node.field, "", node.op, values))
    return compare(by, node)


def values_of(field: str) -> ColumnElement[Any]:
    """Answer the column of a field of `FEW_VALUES`."""
    return _COLUMNS[field]


def _lowered(node: Condition, lower: Callable[[str], str]) -> Condition:
    if node.op == "~":
        return node
    return Condition(node.field, "", node.op, tuple(lower(str(value)) for value in node.values))


def _label(text: str) -> str:
    lowered = text.lower()
    return lowered[1:] if lowered[:1] == "v" and lowered[1:2].isdigit() else lowered


def compare(column: ColumnElement[Any], node: Condition) -> ColumnElement[bool]:
    """Answer what must hold of a column of text, or of numbers with a fraction."""
    value: Value = node.values[0]
    operators: dict[str, Callable[[], ColumnElement[bool]]] = {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
        "in": lambda: column.in_(node.values),
        "~": lambda: func.lower(column).contains(fold(str(value)), autoescape=True),
    }
    return operators[node.op]()


def _compare_whole(column: ColumnElement[Any], node: Condition) -> ColumnElement[bool]:
    """Compare whole numbers with any number, as whole numbers, so that an index is used."""
    values = [min(max(float(value), -_FARTHEST), _FARTHEST) for value in node.values]
    value = values[0]
    operators: dict[str, Callable[[], ColumnElement[bool]]] = {
        "=": lambda: column == int(value) if value.is_integer() else false(),
        "in": lambda: column.in_([int(each) for each in values if each.is_integer()]),
        "!=": lambda: column.not_in([int(each) for each in values if each.is_integer()]),
        "<": lambda: column < math.ceil(value),
        "<=": lambda: column <= math.floor(value),
        ">": lambda: column > math.floor(value),
        ">=": lambda: column >= math.ceil(value),
    }
    return operators[node.op]()
