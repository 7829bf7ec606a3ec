"""Metadata in a SQL database, by SQLAlchemy Core."""

from modelry.stores.sql.sqlite import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]
