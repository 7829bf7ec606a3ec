"""A PostgreSQL for the tests of this folder, one for each process that runs them."""

from collections.abc import Iterator

import pytest

from modelry.testing.postgresql import QUIET, fresh_database, some_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Answer the address of a server."""
    with some_postgresql(QUIET) as uri:
        yield uri


@pytest.fixture
def database(postgresql: str) -> str:
    """Answer the address of an empty database."""
    return fresh_database(postgresql)
