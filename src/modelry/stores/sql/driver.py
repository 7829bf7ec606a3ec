"""Which SQLite a process uses: Python's own, or a newer one that may write ahead.

Python links whatever SQLite the system has, often one with the bug that forbids
a write-ahead log. The package pysqlite3 brings its own. But two SQLites in one
process take each other's locks away: whoever closes a file that the other has
open, releases what the other holds. So a process uses one for all its stores,
and takes the newer only where it was told to, as `modelry serve` is: whoever
imports Modelry may open the file with `sqlite3` beside it.
"""

from __future__ import annotations

import os
import sqlite3
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

CHOICE = "MODELRY_SQLITE"
"""The setting: `newest` takes pysqlite3 where that is worth it, `standard` never."""


def journal(version: tuple[int, ...]) -> str:
    """Answer the journal mode for a version of SQLite."""
    fixed = (
        version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    )
    return "WAL" if fixed else "DELETE"


@cache
def driver() -> ModuleType:
    """Answer the driver of this process, which is chosen once."""
    if os.environ.get(CHOICE) == "newest" and find_spec("pysqlite3"):
        newer = import_module("pysqlite3.dbapi2")
        return worthier(sqlite3, newer)
    return sqlite3


def worthier(standard: ModuleType, newer: ModuleType) -> ModuleType:
    """Answer `newer` where it alone may write ahead, else `standard`."""
    modes = [journal(each.sqlite_version_info) for each in (standard, newer)]
    return newer if modes == ["DELETE", "WAL"] else standard
