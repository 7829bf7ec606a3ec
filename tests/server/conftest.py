"""Sites for the tests of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_site import Site, site_on

from modelry.stores.sql import SqliteStore


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_on(tmp_path / "home") as made:
        yield made


@pytest.fixture
def site_on_sqlite(tmp_path: Path) -> Iterator[Site]:
    store = SqliteStore(tmp_path / "home" / "registry.db")
    with site_on(tmp_path / "home", store) as made:
        yield made
