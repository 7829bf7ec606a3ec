"""Parts of a registry whose answers are known: a clock, surroundings, a whole registry."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from modelry.blobs.local import LocalBlobs
from modelry.blobs.shelf import LocalShelf
from modelry.blobs.tree import LocalSources
from modelry.core.access import Actor, Role
from modelry.core.inspection import Inspection
from modelry.core.model import Commit, Environment
from modelry.core.ports import FileFormat, FolderFormat, Store
from modelry.core.registry import Registry
from modelry.core.verbs.world import World

START = 1_750_000_000_000_000
"""Where a `TickingClock` begins: a time in June 2025, in microseconds since 1970 UTC."""

SECOND = 1_000_000


class TickingClock:
    """A clock that goes on by a second whenever it is read; `set` turns it."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> int:
        """Answer the time, a second later than before."""
        self._now += SECOND
        return self._now

    def set(self, micros: int) -> None:
        """Turn the clock, forwards or back."""
        self._now = micros


class FixedSurroundings:
    """Ada, on Python 3.11, in no git checkout; each can be changed."""

    def __init__(self, name: str = "ada") -> None:
        self.name = name
        self.checkout: Commit | None = None
        self.python = Environment("3.11.7", "test", {"numpy": "2.0"})

    def author(self) -> str:
        """Answer the name."""
        return self.name

    def commit(self, path: Path | None) -> Commit | None:
        """Answer the checkout, wherever `path` is."""
        del path
        return self.checkout

    def warn(self, message: str, category: type[Warning]) -> None:
        """Warn as Python does."""
        warnings.warn(message, category, stacklevel=3)

    def environment(self) -> Environment:
        """Answer the Python."""
        return self.python


def world_on(
    store: Store,
    folder: Path,
    *,
    files: Sequence[FileFormat] = (),
    folders: Sequence[FolderFormat] = (),
) -> World:
    """Wire a store with local blobs in `folder`, a ticking clock and fixed surroundings."""
    blobs = LocalBlobs(folder / "blobs")
    return World(
        store=store,
        blobs=blobs,
        shelf=LocalShelf(folder / "use", blobs),
        sources=LocalSources(),
        inspection=Inspection(files, folders),
        surroundings=FixedSurroundings(),
        clock=TickingClock(),
    )


def registry_on(store: Store, folder: Path) -> Registry:
    """Make a registry of `world_on`."""
    return Registry(world_on(store, folder))


def acting(world: World, name: str, roles: Mapping[str, Role] | None = None) -> World:
    """Answer the same registry as `name` reaches it, who has these roles and no others."""
    actor = Actor(name, dict(roles or {}))
    return replace(world, actor=actor, surroundings=FixedSurroundings(name))
