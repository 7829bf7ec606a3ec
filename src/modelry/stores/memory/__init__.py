"""Metadata in memory: for tests and notebooks that keep nothing."""

from modelry.stores.memory.store import MemoryStore, open_memory

__all__ = ["MemoryStore", "open_memory"]
