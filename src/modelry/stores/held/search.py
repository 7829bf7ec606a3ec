"""Searches evaluated version by version: the meaning that the SQL must have too."""

from __future__ import annotations

import base64
import binascii
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from modelry.core.errors import Invalid
from modelry.core.model import Model, Version
from modelry.core.names import fold, label_key
from modelry.core.query import Both, Condition, Either, Negation, Node, Query, Value, Word, words
from modelry.core.strict_json import Json, dumps, loads

Place = tuple[object, ...]
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def search(
    living: Sequence[tuple[Model, Version]], query: Query, cursor: str | None, limit: int
) -> tuple[Sequence[Version], str | None]:
    """Answer one page of the versions that match, and the cursor of the next."""
    found = [
        (_place(query, version), version)
        for model, version in living
        if (query.where is None or _holds(query.where, model, version))
        and (query.order.field != "metrics" or query.order.key in version.metrics)
    ]
    found.sort(key=lambda each: each[0], reverse=query.order.descending)
    if cursor is not None:
        place = _read(cursor, query)
        after = operator.lt if query.order.descending else operator.gt
        found = [each for each in found if after(each[0], place)]
    page = found[:limit]
    more = dumps([query.text, *page[-1][0]]) if len(found) > limit else None  # type: ignore[list-item]  # numbers and text
    answer = [version for _, version in page]
    return answer, base64.urlsafe_b64encode(more.encode()).decode() if more else None


def _read(cursor: str, query: Query) -> Place:
    try:
        value = loads(base64.urlsafe_b64decode(cursor.encode()), "the cursor")
    except (binascii.Error, ValueError, Invalid):
        value = None
    if not isinstance(value, list) or [query.text] != value[:1] or not _plain(value[1:]):
        msg = "the cursor does not belong to this search; begin again without it"
        raise Invalid(msg, cursor=cursor)
    return tuple(value[1:])


def _plain(place: Sequence[object]) -> bool:
    return bool(place) and all(isinstance(each, int | float | str) for each in place)


def _place(query: Query, version: Version) -> Place:
    if query.order.field == "name":
        return (version.name.lower(), version.project, version.number)
    if query.order.field == "metrics":
        return (float(version.metrics.get(query.order.key, 0)), version.id)
    return (version.created, version.id)


def _holds(node: Node, model: Model, version: Version) -> bool:
    if isinstance(node, Both):
        return all(_holds(part, model, version) for part in node.parts)
    if isinstance(node, Either):
        return any(_holds(part, model, version) for part in node.parts)
    if isinstance(node, Negation):
        return not _holds(node.part, model, version)
    if isinstance(node, Word):
        return any(word.startswith(node.text) for word in _words(model, version))
    return _condition(node, version)


def _words(model: Model, version: Version) -> Iterator[str]:
    findings = version.findings
    for text in (
        model.name, model.description, *model.tags, *model.tags.values(),
        version.description, *version.tags, *version.tags.values(), version.author,
        version.version, findings.format if findings else "",
        (findings.framework or "") if findings else "",
    ):  # fmt: skip
        yield from words(text)


def _condition(node: Condition, version: Version) -> bool:
    maps = {"metrics": version.metrics, "params": version.params, "tags": version.tags}
    if node.field in maps:
        found = node.key in maps[node.field]
        if node.op == "exists" or not found:
            return found
        return _entry(node, maps[node.field][node.key])
    if node.field == "alias":
        return any(_compare(node, name, str.lower) for name in version.aliases)
    if node.field == "dataset":
        return any(_compare(node, each.name, str) for each in version.datasets)
    value, lower = _field(node, version)
    return value is not None and _compare(node, value, lower)


def _entry(node: Condition, value: Json) -> bool:
    if node.field == "metrics":
        return _compare(node, float(value), str)  # type: ignore[arg-type]  # metrics are numbers
    if node.op in _ORDERED:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and _compare(node, float(value), str)  # type: ignore[arg-type]  # seen just now
    text = value if isinstance(value, str) else dumps(value)
    if node.op == "~":
        return _compare(node, text, str)
    same = any(text == str(each) or _same_number(node, value, str(each)) for each in node.values)
    return same != (node.op == "!=")


def _same_number(node: Condition, value: Json, text: str) -> bool:
    if node.field != "params" or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return float(text) == value
    except ValueError:
        return False


def _field(node: Condition, version: Version) -> tuple[Value | None, Callable[[str], str]]:
    findings = version.findings
    fields: dict[str, tuple[Value | None, Callable[[str], str]]] = {
        "name": (version.name.lower(), str.lower),
        "version": (label_key(version.version), str.lower if node.op == "~" else label_key),
        "stage": (version.stage, str.lower),
        "project": (version.project, str.lower),
        "digest": (version.digest, str if node.op == "~" else _digest),
        "format": (findings.format if findings else None, str),
        "framework": (findings.framework if findings else None, str),
        "number": (float(version.number), str),
        "size": (float(version.size), str),
        "created": (float(version.created), str),
        "author": (version.author, str),
        "description": (version.description, str),
        "run_id": (version.run_id, str),
        "base": (version.base, str),
    }
    return fields[node.field]


def _digest(text: str) -> str:
    return f"sha256:{text.removeprefix('sha256:')}"


def _compare(node: Condition, value: Value, lower: Callable[[str], str]) -> bool:
    if node.op == "~":
        return fold(str(node.values[0])) in fold(str(value))
    wanted = [lower(each) if isinstance(each, str) else each for each in node.values]
    if node.op in _ORDERED:
        return _ORDERED[node.op](value, wanted[0])
    return (value in wanted) != (node.op == "!=")
