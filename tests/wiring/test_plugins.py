"""Adapters are looked for once, and again where a package came or went since."""

from __future__ import annotations

import itertools
import os
import shutil
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from modelry import plugins
from modelry.core.errors import Unsupported

_MOMENTS = itertools.count(1_800_000_000)


def install(place: Path, package: str, name: str) -> Path:
    """Install a package with one adapter, as pip leaves it."""
    told = place / f"{package}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(f"[modelry.stores]\n{name} = pathlib:Path\n")
    later(place)
    return told


def later(place: Path) -> None:
    """Let a folder have changed at another time than ever before: a disk may tell it in ticks."""
    then = next(_MOMENTS)
    os.utime(place, (then, then))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The groups that were looked for among all packages."""
    groups: list[str] = []

    def noted(group: str) -> object:
        groups.append(group)
        return entry_points(group=group)

    monkeypatch.setattr(plugins, "entry_points", noted)
    return groups


def test_what_does_not_change_is_looked_for_once(place: Path, looked: list[str]) -> None:
    install(place, "one", "first")
    for _ in range(3):
        assert plugins.load("stores", "first") is Path
        assert {"first", "sqlite"} <= plugins.names("stores")
    assert looked == ["modelry.stores"]


def test_what_came_or_went_is_noticed(place: Path) -> None:
    told = install(place, "one", "first")
    assert plugins.load("stores", "first") is Path
    install(place, "two", "second")
    assert plugins.load("stores", "second") is Path
    shutil.rmtree(told)
    later(place)
    with pytest.raises(Unsupported, match="second"):
        plugins.load("stores", "first")


def test_a_place_that_is_added_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "one", "first")
    assert "first" not in plugins.names("stores")
    monkeypatch.syspath_prepend(tmp_path)
    assert "first" in plugins.names("stores")
