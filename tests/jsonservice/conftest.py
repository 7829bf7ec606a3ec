"""Servers in this process for the tests of the entries' dialect."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "server")]

from server_site import Site, site_on  # noqa: E402 - found by the path above


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `models`, from which the server takes models, and in which it keeps its own."""
    folder = tmp_path_factory.mktemp("volume") / "models"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Site]:
    """A server over a store in memory."""
    folder = tmp_path_factory.mktemp("site")
    with site_on(
        folder,
        source_folders=[models],
        external_sources=["s3"],
        uri=f"json:{models / 'registry.json'}",
    ) as running:
        yield running
