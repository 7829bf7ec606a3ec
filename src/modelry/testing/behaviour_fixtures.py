"""What the tests of behaviour begin with: a registry, another one, files to register."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelry.core.repository import RegistryRepository

MakeFile = Callable[..., Path]


class BehaviourFixtures:
    """A subclass says which registries; the caller may do everything in both."""

    @pytest.fixture
    def registry(self) -> RegistryRepository:
        """Give the registry under test, empty."""
        raise NotImplementedError  # a subclass says which registry

    @pytest.fixture
    def elsewhere(self) -> RegistryRepository:
        """Give another registry of the same kind, empty."""
        raise NotImplementedError  # a subclass says which registry

    @pytest.fixture
    def some_file(self, tmp_path: Path) -> MakeFile:
        """Make a file with the given text, in a folder of its own for each name."""

        def make(text: str = "weights", name: str = "model.bin") -> Path:
            path = tmp_path / "sources" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return path

        return make

    @pytest.fixture
    def three(self, registry: RegistryRepository, some_file: MakeFile) -> RegistryRepository:
        """Give the registry with versions 1, 2 and 3 of the model `m`."""
        for number in (1, 2, 3):
            text = f"weights {number}"
            registry.register("m", some_file(text), metrics={"auc": number / 10})
        return registry
