"""An embedded registry, with one model in production."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from inference_site import MODEL, Caller, answering, promoted, scaled

from modelry.core.repository import RegistryRepository
from modelry.serving import InferenceService
from modelry.wiring import connect


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("MODELRY_URI", "MODELRY_BLOBS", "MODELRY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryRepository]:
    with connect(f"sqlite:///{tmp_path / 'registry.db'}") as opened:
        yield opened


@pytest.fixture
def service(registry: RegistryRepository, tmp_path: Path) -> Iterator[InferenceService]:
    """A service of version 1, which answers what it is given."""
    promoted(registry, scaled(tmp_path / "one.onnx", 1))
    with InferenceService(MODEL, registry, poll_seconds=0.02) as running:
        yield running


@pytest.fixture
def caller(service: InferenceService) -> Iterator[Caller]:
    with answering(service) as found:
        yield found
