"""The interface of the document, `register(name, model_uri)` and `promote(name, version, stage)`.

The core's own `RegistryRepository` already is what every registry answers; it
names a version by one ref and registers a local path. `Repository` says the
same over any of them in the words of the document.
"""

from __future__ import annotations

from typing import Protocol

from modelry.core.model import Version
from modelry.core.repository import RegistryRepository as CoreRepository
from modelry.registry.entities import ModelVersion
from modelry.registry.places import files_at, run_of


class RegistryRepository(Protocol):
    """Registers and promotes models (S0.4)."""

    def register(self, name: str, model_uri: str) -> ModelVersion:
        """Register what is at `model_uri` as a new version. Raises `RegistryError`."""
        ...

    def promote(self, name: str, version: str, stage: str) -> ModelVersion:
        """Move a version to None, Staging, Production or Archived. Raises `RegistryError`."""
        ...


class Repository:
    """A registry of any address (`modelry.connect`) in the words of the document."""

    def __init__(self, registry: CoreRepository) -> None:
        self._registry = registry

    def register(self, name: str, model_uri: str) -> ModelVersion:
        """Register what is at `model_uri` as a new version."""
        path = files_at(model_uri, self._registry)
        return entity(self._registry.register(name, path, run_id=run_of(model_uri)))

    def promote(self, name: str, version: str, stage: str) -> ModelVersion:
        """Move a version to None, Staging, Production or Archived."""
        return entity(self._registry.promote(f"{name}:{version}", stage))


def entity(version: Version, model_uri: str = "") -> ModelVersion:
    """Answer a version as the document has it."""
    return ModelVersion(
        version.full_name, str(version.number), model_uri or version.model_uri,
        version.stage.capitalize(),
    )  # fmt: skip
