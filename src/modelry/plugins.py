"""Adapters are found by entry point, ours by the same door as anyone's."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from modelry.core.errors import Unsupported

Adapter = Callable[..., Any]

_EXTRAS = {
    "huggingface_hub": "huggingface",
    "mlflow": "mlflow",
    "obstore": "objects",
    "psycopg": "postgresql",
}
"""The extra of ours that brings a package which some adapters need."""


def names(group: str) -> frozenset[str]:
    """Name every adapter of `modelry.<group>`."""
    return frozenset(point.name for point in entry_points(group=f"modelry.{group}"))


def load(group: str, name: str) -> Adapter:
    """Answer the adapter `name` of `modelry.<group>`. Raises `Unsupported` naming the others."""
    known = {point.name: point for point in entry_points(group=f"modelry.{group}")}
    if name not in known:
        msg = f"no installed adapter of modelry.{group} is called {name!r}; there are: "
        raise Unsupported(msg + (", ".join(sorted(known)) or "none"), name=name)
    return _load(known[name])


def load_all(group: str) -> list[Adapter]:
    """Answer every adapter of `modelry.<group>`, sorted by name."""
    points = sorted(entry_points(group=f"modelry.{group}"), key=lambda point: point.name)
    return [_load(point) for point in points]


def _load(point: EntryPoint) -> Adapter:
    try:
        adapter: Adapter = point.load()
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _EXTRAS:
            raise
        extra = _EXTRAS[str(error.name).partition(".")[0]]
        msg = f"{point.name} needs a package that is missing here: pip install 'modelry[{extra}]'"
        raise Unsupported(msg, package=error.name) from error
    return adapter
