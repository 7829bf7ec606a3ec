"""Our search language in MLflow's words; what those cannot say is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelry.core.errors import Unsupported
from modelry.core.query import Both, Condition, Node, Query
from modelry.remotes.mlflow.store import quoted

_TEXTS = {"name": "name", "run_id": "run_id"}
_ORDERS = {"created": "creation_timestamp", "name": "name"}


@dataclass(frozen=True, slots=True)
class Translated:
    """A filter and an order of MLflow's search for model versions."""

    filter: str
    order: tuple[str, ...]


def translate(query: Query) -> Translated:
    """Translate a search. Raises `Unsupported` naming what MLflow cannot look for."""
    if query.order.field not in _ORDERS:
        raise _cannot(what="sort by metrics", instead="order by created or name")
    direction = "DESC" if query.order.descending else "ASC"
    order = (f"{_ORDERS[query.order.field]} {direction}", "name ASC", "version_number DESC")
    parts = _parts(query.where) if query.where else []
    unique = order if query.order.field != "name" else (order[0], order[2])
    return Translated(" AND ".join(parts), unique)


def _parts(node: Node) -> list[str]:
    if isinstance(node, Both):
        return [part for each in node.parts for part in _parts(each)]
    if not isinstance(node, Condition):
        raise _cannot(
            what="look for bare words, 'or' and 'not'", instead="write conditions joined by 'and'"
        )
    return [_condition(node)]


def _condition(node: Condition) -> str:
    if node.field == "number":
        return _number(node)
    if node.field == "tags":
        return _text(node, f"tags.`{node.key}`")
    if node.field in _TEXTS:
        return _text(node, _TEXTS[node.field])
    raise _cannot(
        what=f"look for {node.field}", instead="it knows name, number, run_id and tags.NAME"
    )


def _number(node: Condition) -> str:
    if node.op == "in" or not float(node.values[0]).is_integer():
        raise _cannot(
            what="look for several numbers or parts of one", instead="compare with one whole number"
        )
    return f"version_number {node.op} {int(float(node.values[0]))}"


def _text(node: Condition, name: str) -> str:
    if node.op == "exists":
        return f"{name} LIKE '%'"
    if node.op == "in" and node.field == "tags":
        raise _cannot(what="look for one of several tags", instead="ask for each by itself")
    values = [_safe(str(each)) for each in node.values]
    if node.op == "in":
        return f"{name} IN ({', '.join(values)})"
    say: dict[str, Callable[[str], str]] = {
        "=": lambda value: f"{name} = {value}",
        "!=": lambda value: f"{name} != {value}",
        "~": lambda value: f"{name} ILIKE {value[0]}%{value[1:-1]}%{value[-1]}",
    }
    return say[node.op](values[0])


def _safe(text: str) -> str:
    if "'" in text and '"' in text:
        raise _cannot(
            what="look for a text with both kinds of quotes", instead="leave one kind out"
        )
    return quoted(text)


def _cannot(*, what: str, instead: str) -> Unsupported:
    msg = f"the search of an MLflow registry cannot {what}: {instead}"
    return Unsupported(msg, what=what)
