"""The client of a server behaves as the embedded registry does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from serving import Running

from modelry.core.repository import RegistryRepository
from modelry.remotes.client import open_client
from modelry.testing.behaviour import RegistryBehaviour
from modelry.testing.server import Served


class TestClient(RegistryBehaviour):
    @pytest.fixture
    def registry(self, server: Running, tmp_path: Path) -> Iterator[RegistryRepository]:
        with open_client(server.url, home=tmp_path / "home", token=server.token) as opened:
            yield opened

    @pytest.fixture
    def elsewhere(self, other_server: Running, tmp_path: Path) -> Iterator[RegistryRepository]:
        home, token = tmp_path / "home2", other_server.token
        with open_client(other_server.url, home=home, token=token) as opened:
            yield opened


def test_a_model_goes_through_a_server_in_another_process(
    process: AbstractContextManager[Served], tmp_path: Path
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(bytes(range(256)) * 40_000)
    with (
        process as running,
        open_client(running.url, home=tmp_path / "home", token=running.token) as registry,
    ):
        registry.register("m", source, version="1.0", metrics={"auc": 0.9})
        registry.promote("m:1.0", "production")
        assert registry.use("m@production").read_bytes() == source.read_bytes()
        assert registry.resolve("m").metrics == {"auc": 0.9}


def test_a_server_that_has_nothing_new_to_say_says_so(server: Running, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"some bytes")
    with open_client(server.url, home=tmp_path / "home", token=server.token) as client:
        client.register("credit-risk", file)
        mark, found = client.resolve_again("credit-risk:1", None)
        assert found == client.resolve("credit-risk:1")
        assert client.resolve_again("credit-risk:1", mark) == (mark, None)
        client.promote("credit-risk:1", "production")
        other, found = client.resolve_again("credit-risk:1", mark)
        assert found is not None
        assert (found.stage, other == mark) == ("production", False)
