"""Empty MLflow registries on SQLite, quickly: a database is copied, not migrated."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlflow import MlflowClient


def empty_database(path: Path) -> Path:
    """Make the tables of MLflow in a new database."""
    client = MlflowClient(tracking_uri=f"sqlite:///{path}", registry_uri=f"sqlite:///{path}")
    client.search_registered_models()
    return path


class MlflowPlace:
    """Makes databases in a folder."""

    def __init__(self, tables: Path, folder: Path) -> None:
        self._tables = tables
        self._folder = folder

    def make(self, name: str) -> str:
        """Answer the address of a new, empty registry, as MLflow has it."""
        folder = self._folder / name
        folder.mkdir()
        shutil.copyfile(self._tables, folder / "mlflow.db")
        return f"sqlite:///{folder}/mlflow.db"
