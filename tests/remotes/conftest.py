"""Servers to test the client with; no test reaches the keyring of whoever runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from serving import Running, running

from modelry.testing.server import Served, served


@pytest.fixture(autouse=True)
def own_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MODELRY_URI", "MODELRY_BLOBS", "MODELRY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "server") as found:
        yield found


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "other") as found:
        yield found


@pytest.fixture
def process(tmp_path: Path) -> AbstractContextManager[Served]:
    """Give a server of an empty registry in a process of its own, not started yet."""
    place = tmp_path / "process"
    return served(f"sqlite:///{place}/registry.db", (place / "blobs").as_uri())
