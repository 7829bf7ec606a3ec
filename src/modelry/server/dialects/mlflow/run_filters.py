"""Filters and orders of searches for experiments, runs and logged models, as MLflow writes them.

Clauses are joined by AND alone: `metrics.auc > 0.5 AND params."C" = '1' AND tags.x IS NULL`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from modelry.core.tracking.search import (
    EXPERIMENT_FIELDS,
    MODEL_FIELDS,
    RUN_FIELDS,
    Clause,
    Entity,
    Op,
    Order,
    Value,
)
from modelry.server.dialects.mlflow.refusals import invalid

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>(?:[A-Za-z_][\w]*|`[^`]*`)(?:\.(?:`[^`]*`|"[^"]*"|[^\s=<>!(),'"`]+))?)
    | (?P<text>'(?:[^']|'')*'|"[^"]*")
    | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<op><=|>=|!=|=|<|>)
    | (?P<mark>[(),])
    | (?P<other>\S)
    )""",
    re.VERBOSE,
)
_MOST = 20_000
_MOST_CLAUSES = 100
_MOST_ORDERS = 20
_WORDS: tuple[Op, ...] = ("LIKE", "ILIKE", "IN")
_NUMBERS: Collection[str] = (">", ">=", "!=", "=", "<", "<=")
_TEXTS: Collection[str] = ("!=", "=", "LIKE", "ILIKE")
_NULLS: Collection[str] = ("IS NULL", "IS NOT NULL")
_LISTS: Collection[str] = ("IN", "NOT IN")
_ENTITIES: Mapping[str, Entity] = {
    "metric": "metric", "metrics": "metric",
    "parameter": "param", "parameters": "param", "param": "param", "params": "param",
    "tag": "tag", "tags": "tag",
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
_DATASET_KEYS = ("name", "digest", "context")


_TAGS: tuple[Entity, ...] = ("tag",)


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be asked of one kind of thing: its attributes, their other names, its entities."""

    fields: Mapping[str, str]
    aliases: Mapping[str, str]
    entities: Collection[Entity]
    nulls: Collection[Entity]
    lists: Collection[str]


EXPERIMENTS = Grammar(
    EXPERIMENT_FIELDS, {}, ("attribute", "tag"), _TAGS, ("experiment_id",)
)  # fmt: skip
RUNS = Grammar(
    RUN_FIELDS,
    {"created": "start_time", "Created": "start_time", "run name": "run_name",
     "Run name": "run_name", "Run Name": "run_name"},
    ("metric", "param", "tag", "attribute", "dataset"),
    ("tag", "param"),
    ("run_id",),
)  # fmt: skip
MODELS = Grammar(
    MODEL_FIELDS,
    {"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
    ("metric", "param", "tag", "attribute"),
    (),
    tuple(MODEL_FIELDS),
)  # fmt: skip


class _Words:
    """The tokens of a filter, read one after another."""

    def __init__(self, text: str) -> None:
        if len(text) > _MOST:
            msg = f"the filter has {len(text)} characters; at most {_MOST} are read"
            raise invalid(msg)
        self._found = [(str(each.lastgroup), each[str(each.lastgroup)])
                       for each in _TOKEN.finditer(text)]  # fmt: skip
        self._at = 0

    def ended(self) -> bool:
        return self._at >= len(self._found)

    def peek(self) -> tuple[str, str]:
        return ("end", "") if self.ended() else self._found[self._at]

    def next(self) -> tuple[str, str]:
        found = self.peek()
        self._at += 1
        return found

    def take(self, word: str) -> bool:
        """Go past a keyword, in any letter case, where it is next."""
        kind, text = self.peek()
        if kind == "name" and text.upper() == word:
            self._at += 1
            return True
        return False

    def rest(self) -> str:
        return " ".join(text for _, text in self._found[self._at :])


def parse_filter(text: str, grammar: Grammar) -> tuple[Clause, ...]:
    """Read a filter. Raises `Refusal` in MLflow's words."""
    words = _Words(text)
    clauses: list[Clause] = []
    while not words.ended():
        if len(clauses) == _MOST_CLAUSES:
            msg = f"the filter has more than {_MOST_CLAUSES} clauses"
            raise invalid(msg)
        clauses.append(_clause(words, grammar))
        if words.ended():
            break
        rest = words.rest()
        if not words.take("AND") or words.ended():
            raise _ill(rest)
    return tuple(clauses)


def _ill(what: str) -> Exception:
    return invalid(f"Invalid clause(s) in filter string: '{what}'")


def _clause(words: _Words, grammar: Grammar) -> Clause:
    kind, text = words.peek()
    if kind != "name":
        raise _ill(words.rest())
    words.next()
    entity, key = _identifier(text, grammar)
    op = _op(words)
    _refuse_op(op, entity, key, grammar)
    if op in _NULLS:
        return Clause(entity, key, op)
    return Clause(entity, key, op, _value(words, entity, key, op, grammar))


def _identifier(text: str, grammar: Grammar) -> tuple[Entity, str]:
    first, dot, second = _split(text)
    if not dot:
        return "attribute", _attribute(_bare(first), grammar)
    entity = _ENTITIES.get(_bare(first))
    if entity is None or entity not in grammar.entities:
        names = list(grammar.entities)
        msg = f"Invalid entity type '{_bare(first)}'. Valid values are {names}"
        raise invalid(msg)
    key = _bare(second)
    if entity == "attribute":
        return entity, _attribute(key, grammar)
    if entity == "dataset" and key not in _DATASET_KEYS:
        msg = f"Invalid dataset key '{key}' specified. Valid keys are '{list(_DATASET_KEYS)}'"
        raise invalid(msg)
    return entity, key


def _split(text: str) -> tuple[str, str, str]:
    """Part an identifier at its first dot, which is not inside a quoted first part."""
    if text.startswith("`"):
        end = text.find("`", 1) + 1
        return text[:end], text[end : end + 1], text[end + 1 :]
    return text.partition(".")


def _bare(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "`\"'"
    return text[1:-1] if quoted else text


def _attribute(key: str, grammar: Grammar) -> str:
    known = grammar.aliases.get(key, key)
    if known not in grammar.fields:
        msg = (
            f"Invalid attribute key '{key}' specified. "
            f"Valid keys are '{sorted({*grammar.fields, *grammar.aliases})}'"
        )
        raise invalid(msg)
    return known


def _op(words: _Words) -> Op:
    kind, text = words.peek()
    if kind == "op":
        words.next()
        return cast("Op", text)
    for word in _WORDS:
        if words.take(word):
            return word
    if words.take("NOT"):
        if words.take("IN"):
            return "NOT IN"
    elif words.take("IS"):
        negated = words.take("NOT")
        if words.take("NULL"):
            return "IS NOT NULL" if negated else "IS NULL"
    msg = f"Invalid comparison clause. Expected comparison found '{text}'"
    raise invalid(msg)


def _refuse_op(op: str, entity: Entity, key: str, grammar: Grammar) -> None:
    if op in _NULLS:
        if entity not in grammar.nulls:
            msg = (
                "IS NULL / IS NOT NULL is only supported for tags and params, "
                f"not for '{entity}' '{key}'"
            )
            raise invalid(msg)
        return
    numeric = entity == "metric" or (
        entity == "attribute" and grammar.fields[key] == "number"
    )  # fmt: skip
    allowed = set(_NUMBERS if numeric else _TEXTS)
    if not numeric and entity in {"attribute", "dataset"}:
        allowed |= set(_LISTS)
    if op not in allowed:
        msg = f"Invalid comparator '{op}' not one of '{sorted(allowed)}'"
        raise invalid(msg)


def _value(words: _Words, entity: Entity, key: str, op: str, grammar: Grammar) -> Value:
    kind, text = words.next()
    if entity == "metric" or (entity == "attribute" and grammar.fields[key] == "number"):
        return _number(kind, text, entity, key)
    if op in _LISTS:
        if entity == "attribute" and key not in grammar.lists:
            msg = (
                f"Only {sorted(grammar.lists)} attributes support comparison with a list of "
                "quoted string values."
            )
            raise invalid(msg)
        return _list(words, text)
    if kind == "text":
        return _unquoted(text)
    if entity in {"param", "tag"}:
        name = "parameter" if entity == "param" else "tag"
        if kind == "name":
            raise _unknown_quotes(text)
        msg = f"Expected a quoted string value for {name} (e.g. 'my-value'). Got value {text}"
        raise invalid(msg)
    if kind == "name":
        raise _unknown_quotes(text)
    msg = f"Expected a quoted string value for attributes. Got value {text}"
    raise invalid(msg)


def _unknown_quotes(text: str) -> Exception:
    return invalid(
        "Parameter value is either not quoted or unidentified quote types used for string value "
        f"{text}. Use either single or double quotes."
    )


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if "\0" in inner:
        msg = "a text in the filter holds a NUL character; remove it"
        raise invalid(msg)
    return inner.replace("''", "'") if text[0] == "'" else inner


def _number(kind: str, text: str, entity: Entity, key: str) -> float | int:
    what = "metric" if entity == "metric" else f"numeric attribute: {key}"
    if kind != "number":
        msg = f"Expected numeric value type for {what}. Found {text}"
        raise invalid(msg)
    value = float(text)
    if not math.isfinite(value) or (entity == "attribute" and abs(value) >= 2**63):
        msg = f"the number {text[:24]} in the filter is too large"
        raise invalid(msg)
    return int(text) if entity == "attribute" and text.lstrip("+-").isdigit() else value


def _list(words: _Words, first: str) -> tuple[str, ...]:
    found: list[str] = []
    if first != "(":
        raise _ill_list()
    while True:
        kind, text = words.next()
        if (kind, text) == ("mark", ")"):
            break
        if kind == "number":
            msg = (
                "While parsing a list in the query, expected string value, punctuation, or "
                f"whitespace, but got different type in list: {text}"
            )
            raise invalid(msg)
        if kind != "text":
            raise _ill_list()
        found.append(_unquoted(text))
        kind, text = words.next()
        if (kind, text) == ("mark", ")"):
            break
        if text != ",":
            raise _ill_list()
    if not found:
        msg = (
            "While parsing a list in the query, expected a non-empty list of string values, "
            "but got empty list"
        )
        raise invalid(msg)
    return tuple(found)


def _ill_list() -> Exception:
    return invalid(
        "While parsing a list in the query, expected a non-empty list of string values, "
        "but got ill-formed list."
    )


_IDENTIFIER = re.compile(r"""(?:[A-Za-z_]\w*|`[^`]*`)(?:\.(?:`[^`]*`|"[^"]*"|[^\s'"`]+))?""")


def parse_order(texts: Collection[str], grammar: Grammar) -> tuple[Order, ...]:
    """Read what to sort by: `metrics.auc DESC`. Raises `Refusal`, also for one thing twice."""
    orders: list[Order] = []
    if len(texts) > _MOST_ORDERS:
        msg = f"`order_by` has {len(texts)} clauses; at most {_MOST_ORDERS} are taken"
        raise invalid(msg)
    for text in texts:
        found = _IDENTIFIER.match(text.strip())
        rest = "" if found is None else text.strip()[found.end() :].strip().lower()
        if found is None or len(rest.split()) > 1 or len(text) > _MOST:
            msg = f"Invalid order_by clause '{text}'. Could not be parsed."
            raise invalid(msg)
        if rest not in {"", "asc", "desc"}:
            msg = f"Invalid ordering key in order_by clause '{text}'."
            raise invalid(msg)
        entity, key = _identifier(found[0], grammar)
        if entity == "dataset":
            msg = "Invalid identifier type 'dataset'"
            raise invalid(msg)
        orders.append(Order(entity, key, rest == "desc"))
    if len({(each.entity, each.key) for each in orders}) < len(orders):
        msg = f"`order_by` contains duplicate fields: {list(texts)}"
        raise invalid(msg)
    return tuple(orders)


def parse_model_orders(given: Sequence[Mapping[str, Any]]) -> tuple[Order, ...]:
    """Read what to sort logged models by. Raises `Refusal`."""
    if len(given) > _MOST_ORDERS:
        msg = f"`order_by` has {len(given)} clauses; at most {_MOST_ORDERS} are taken"
        raise invalid(msg)
    return tuple(parse_model_order(each) for each in given)


def parse_model_order(given: Mapping[str, Any]) -> Order:
    """Read what to sort logged models by: a metric, perhaps on a data set, or an attribute."""
    name = given.get("field_name")
    if not isinstance(name, str) or not name:
        msg = "`field_name` in the `order_by` clause must be specified."
        raise invalid(msg)
    ascending = given.get("ascending", True)
    if not isinstance(ascending, bool):
        msg = (
            "Value of `ascending` in the `order_by` clause must be a boolean, got "
            f"{type(ascending)} for field {name}."
        )
        raise invalid(msg)
    dataset, digest = given.get("dataset_name"), given.get("dataset_digest")
    if digest and not dataset:
        msg = "`dataset_digest` can only be specified if `dataset_name` is also specified."
        raise invalid(msg)
    on = (str(dataset), str(digest) if digest else None) if dataset else None
    entity, dot, key = name.strip().partition(".")
    if dot and entity != "metrics":
        msg = f"Invalid order by field name: {entity}, only `metrics.<name>` is allowed."
        raise invalid(msg)
    if dot:
        return Order("metric", _bare(key), not ascending, on)
    known = MODELS.aliases.get(entity, entity)
    if known not in MODELS.fields:
        msg = f"Invalid order by field name: {entity}."
        raise invalid(msg)
    return Order("attribute", known, not ascending)
