"""One server in this process for the tests of MLflow's dialect, which share it by the module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "server")]

from server_site import Site, site_on  # noqa: E402 - found by the path above


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server over a store in memory."""
    with site_on(tmp_path_factory.mktemp("site")) as running:
        yield running
