"""An identity provider on this machine, and a site that trusts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_tokens import GITHUB_TRUSTED
from signin_site import Site, seconds_of, settings_for

from modelry.core.ports import Store
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.testing.identity import IdentityProvider, identity_provider


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Keep records in memory, or in SQLite where a test asks for it because the store matters."""
    made: Store = (
        SqliteStore(tmp_path / "home" / "registry.db")
        if getattr(request, "param", "memory") == "sqlite"
        else MemoryStore()
    )
    yield made
    made.close()


@pytest.fixture
def provider(world: World) -> Iterator[IdentityProvider]:
    with identity_provider(lambda: seconds_of(world)) as running:
        yield running


@pytest.fixture
def site(world: World, provider: IdentityProvider) -> Site:
    return Site(world, settings_for(provider))


@pytest.fixture
def trusting(site: Site, provider: IdentityProvider) -> Site:
    site.trust(provider.issuer, GITHUB_TRUSTED)
    return site
