"""A server whose memory is never told of a change: `stale_server.py serve ...`.

It is there to be caught.
"""

from __future__ import annotations

from collections.abc import Hashable

from modelry.cli.main import run
from modelry.stores.sql import SqliteStore


def _never_another(store: SqliteStore) -> Hashable:
    """Answer the same mark whatever was changed."""
    del store
    return 0


def main() -> None:
    """Serve."""
    for name in ("generation", "peek"):
        setattr(SqliteStore, name, _never_another)
    run()


if __name__ == "__main__":
    main()
