"""Asking a registry which version a stage names, as cheaply as it can be asked.

An embedded registry answers by a query or two. A server answers from memory, and
where nothing changed it answers that alone (`If-None-Match`).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from modelry.core.model import Version
from modelry.core.repository import RegistryRepository


@runtime_checkable
class Revalidating(Protocol):
    """A registry that can say that nothing has changed."""

    def resolve_again(self, ref: str, seen: str | None) -> tuple[str | None, Version | None]:
        """Answer the version that `ref` names and its mark; no version where `seen` still holds."""
        ...


class Look:
    """Looks at one ref, again and again; for one thread."""

    def __init__(self, registry: RegistryRepository, ref: str) -> None:
        self._registry, self._ref = registry, ref
        self._mark: str | None = None
        self._last: Version | None = None

    def __call__(self) -> Version:
        """Answer the version that the ref names now. Raises what `resolve` raises."""
        if not isinstance(self._registry, Revalidating):
            return self._registry.resolve(self._ref)
        self._mark, found = self._registry.resolve_again(self._ref, self._mark)
        self._last = found or self._last
        return self._last or self._registry.resolve(self._ref)
