"""Metadata in a `registry.json` that people read and edit, with its history beside it."""

from modelry.stores.jsonfile.store import JsonStore, open_json

__all__ = ["JsonStore", "open_json"]
