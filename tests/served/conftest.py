"""Proofs with real servers. They share checkers, journals and proxies with the other proofs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelry.testing.postgresql import some_postgresql

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("proofs", "blobs")]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL for every test of this process that does not stop it."""
    with some_postgresql() as uri:
        yield uri
