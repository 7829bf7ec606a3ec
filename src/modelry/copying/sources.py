"""What can be copied from: any registry of ours, and what foreign ones tell of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from modelry.core.model import ModelSummary, Version
from modelry.core.repository import RegistryRepository

_PAGE = 500


@runtime_checkable
class Source(Protocol):
    """Something that holds models; names are as they are there, whatever our rules say."""

    where: str

    def every_model(self) -> Iterator[ModelSummary]:
        """Answer every model with its pointers, by name."""
        ...

    def every_version(self, name: str) -> Iterator[Version]:
        """Answer every version of a model, oldest first."""
        ...

    def bring(self, version: Version, to: Path | None) -> Path:
        """Bring the files of a version to a folder that does not exist yet; answer their path."""
        ...


def source_of(registry: RegistryRepository, where: str) -> Source:
    """Answer a registry as something to copy from; `where` is its address."""
    return registry if isinstance(registry, Source) else _Ours(registry, where)


class _Ours:
    """An embedded registry, or a server's."""

    def __init__(self, registry: RegistryRepository, where: str) -> None:
        self._registry = registry
        self.where = where

    def every_model(self) -> Iterator[ModelSummary]:
        cursor: str | None = None
        while True:
            page = self._registry.models(limit=_PAGE, cursor=cursor)
            yield from page
            if (cursor := page.next) is None:
                return

    def every_version(self, name: str) -> Iterator[Version]:
        found: list[Version] = []
        cursor: str | None = None
        while True:
            page = self._registry.versions(name, limit=_PAGE, cursor=cursor)
            found += page
            if (cursor := page.next) is None:
                return iter(found[::-1])

    def bring(self, version: Version, to: Path | None) -> Path:
        return self._registry.use(version.ref, to=to)
