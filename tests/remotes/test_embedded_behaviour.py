"""The embedded registry behaves as every registry does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelry import wiring
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour import RegistryBehaviour


class TestEmbedded(RegistryBehaviour):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Iterator[RegistryRepository]:
        with wiring.connect(f"sqlite:///{tmp_path}/one/r.db", home=tmp_path / "home") as opened:
            yield opened

    @pytest.fixture
    def elsewhere(self, tmp_path: Path) -> Iterator[RegistryRepository]:
        with wiring.connect(f"sqlite:///{tmp_path}/two/r.db", home=tmp_path / "home2") as opened:
            yield opened
