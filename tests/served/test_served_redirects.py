"""Downloads that the object store answers itself, where the operator allows it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import modelry
from modelry.testing.s3 import fresh_bucket, started_s3
from modelry.testing.server import Served, served

WEIGHTS = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with started_s3() as found:
        yield found


@pytest.fixture(params=["true", "false"])
def server(request: pytest.FixtureRequest, endpoint: str, tmp_path: Path) -> Iterator[Served]:
    with served(
        f"sqlite:///{tmp_path / 'registry.db'}", fresh_bucket(endpoint),
        MODELRY_HOME=str(tmp_path / "home"), MODELRY_REDIRECTS=request.param, MODELRY_LOG="off",
    ) as found:  # fmt: skip
        yield found


def test_a_download_is_sent_on_only_where_caller_and_operator_agree(
    server: Served, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "client"))
    monkeypatch.setenv("MODELRY_TOKEN", server.token)
    (tmp_path / "model.bin").write_bytes(WEIGHTS)
    with modelry.connect(server.url) as registry:
        version = registry.register("m", tmp_path / "model.bin")
        assert registry.use("m:1").read_bytes() == WEIGHTS
    path = f"{server.url}/registry/models/versions/{version.uid}/files/model.bin"
    token = {"Authorization": f"Bearer {server.token}"}
    streamed = httpx.get(path, headers=token)
    asked = httpx.get(path, headers=token, params={"redirect": "true"})
    assert (streamed.status_code, streamed.content) == (200, WEIGHTS)
    allowed = "true" in request.node.callspec.id
    assert asked.status_code == (307 if allowed else 200)
    if allowed:
        assert asked.headers["location"].startswith(endpoint)
        assert server.token not in asked.headers["location"]
        bare = httpx.get(asked.headers["location"])
        assert hashlib.sha256(bare.content).hexdigest() == version.files[0].sha256
