"""Adapters are found by entry point, ours by the same door as anyone's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
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
    return frozenset(point.name for point in _points(group))


def load(group: str, name: str) -> Adapter:
    """Answer the adapter `name` of `modelry.<group>`. Raises `Unsupported` naming the others."""
    known = {point.name: point for point in _points(group)}
    if name not in known:
        msg = f"no installed adapter of modelry.{group} is called {name!r}; there are: "
        raise Unsupported(msg + (", ".join(sorted(known)) or "none"), name=name)
    return _load(known[name])


def load_all(group: str) -> list[Adapter]:
    """Answer every adapter of `modelry.<group>`, sorted by name."""
    return [_load(point) for point in sorted(_points(group), key=lambda point: point.name)]


def _points(group: str) -> EntryPoints:
    """Answer the entry points of `modelry.<group>`.

    To read those of every package takes some ten milliseconds. It is done again where
    something was installed since, which changes its folder.
    """
    places = tuple((place, _changed(place)) for place in sys.path)
    return _installed(places, f"modelry.{group}")


@lru_cache(maxsize=32)
def _installed(places: tuple[tuple[str, int], ...], group: str) -> EntryPoints:
    del places
    return entry_points(group=group)


def _changed(place: str) -> int:
    """Answer when a folder was changed, in nanoseconds; 0 where there is none."""
    try:
        return os.stat(place or ".").st_mtime_ns  # noqa: PTH116 - asked often
    except OSError:
        return 0


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
