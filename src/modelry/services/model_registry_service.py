"""`ModelRegistryService`: a `registry.json` as a class, with dictionaries in and out."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modelry.core.entry_book import EntryBook
from modelry.core.errors import NotFound
from modelry.core.service import Service
from modelry.settings import Settings
from modelry.wiring import embedded

Entry = dict[str, Any]
"""`model_name`, `version` (int), `path`, `status`, `creation_timestamp`, `metadata`."""


class ModelRegistryService:
    """Registers models in a `registry.json`, which is made where there is none.

    `registry_path` is the file, or the address of any embedded registry
    (`sqlite:///registry.db`), which answers the same. Safe to share between
    threads and among processes. Use it as a context to close it.
    """

    def __init__(self, registry_path: str | os.PathLike[str] = "models/registry.json") -> None:
        self.registry_path = registry_path
        self._service = Service(embedded(Settings(), _address(os.fspath(registry_path))))
        self._entries = EntryBook(self._service)
        self._ensure_registry_exists()

    def _ensure_registry_exists(self) -> None:
        self._service.projects()

    def register_model(
        self, model_name: str, version: int, path: str, metadata: dict[str, Any]
    ) -> Entry:
        """Register a new version of a model and answer its entry.

        What lies at `path` is copied in and sealed; where nothing lies there
        yet the version is known by its path alone. `metadata` holds
        `description`, `metrics` and whatever else is to be kept. Raises
        `Conflict` where the version is there already, `Invalid` for what
        breaks a rule.
        """
        where = Path(path)
        return self._entries.register(
            model_name, version, path, metadata, where if where.exists() else None
        )

    def list_models(self, model_name: str | None = None) -> list[Entry]:
        """Answer all versions of all models, or of one; none where there is none."""
        return self._entries.entries(model_name)

    def activate_model_version(self, model_name: str, version: int) -> Entry | None:
        """Put a version into production, and the one that was there into staging.

        Answers the entry, None where there is no such version.
        """
        try:
            return self._entries.activate(model_name, version)
        except NotFound:
            return None

    def get_production_model(self, model_name: str) -> Entry | None:
        """Answer the entry that is in production, None where there is none."""
        return self._entries.production(model_name)

    def close(self) -> None:
        """Give back connections and files."""
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _address(path: str) -> str:
    return path if "://" in path or path.startswith(("json:", "memory:")) else f"json:{path}"
