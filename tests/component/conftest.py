"""One server in this process for the tests of the component's dialect."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "server")]

from server_site import Site, site_on  # noqa: E402 - found by the path above


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder from which the server takes models."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, shelf: Path) -> Iterator[Site]:
    """A server over a store in memory."""
    folder = tmp_path_factory.mktemp("site")
    with site_on(folder, source_folders=[shelf], external_sources=["s3"]) as running:
        yield running


@pytest.fixture(scope="module")
def model(shelf: Path) -> Callable[[str], str]:
    """Put a file on the shelf and answer its path."""

    def put(text: str) -> str:
        path = shelf / f"{text}.bin"
        path.write_text(text)
        return str(path)

    return put
