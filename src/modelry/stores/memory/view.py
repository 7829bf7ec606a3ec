"""The views of a memory store: what stores in dictionaries share, and experiments and runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from modelry.stores.held import HeldUnit, HeldView
from modelry.stores.memory.tables import Tables
from modelry.stores.memory.tracking import MemoryTracking


class MemoryView(HeldView):
    """The `View` port."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self._tables = tables

    @property
    def tracking(self) -> MemoryTracking:
        """See `View.tracking`."""
        return MemoryTracking(self._tables)

    def named(
        self, digests: Iterable[str], projects: Collection[str] | None = None
    ) -> frozenset[str]:
        """See `View.named`."""
        wanted = frozenset(digests)
        logged = {
            file.sha256
            for file, project in self._tables.artifacts.values()
            if projects is None or project in projects
        }
        return super().named(wanted, projects) | (wanted & logged)


class MemoryUnit(MemoryView, HeldUnit):
    """The `Unit` port over tables of its own."""
