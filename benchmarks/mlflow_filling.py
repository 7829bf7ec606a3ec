"""Databases of MLflow's server of any size, filled fast: rows put into its own tables."""

from __future__ import annotations

from collections.abc import Iterator

from filling import START, model_name
from sqlalchemy import create_engine, text

_MODELS = text(
    "INSERT INTO registered_models (name, workspace, creation_time, last_updated_time, description)"
    " VALUES (:name, 'default', :at, :at, '')"
)
_VERSIONS = text(
    "INSERT INTO model_versions (name, workspace, version, creation_time, last_updated_time,"
    " description, user_id, current_stage, source, run_id, status, storage_location)"
    " VALUES (:name, 'default', :version, :at, :at, '', 'bench', 'None', 's3://bucket/model', '',"
    " 'READY', 's3://bucket/model')"
)
_TAGS = text(
    "INSERT INTO model_version_tags (name, workspace, version, key, value)"
    " VALUES (:name, 'default', :version, 'team', :team)"
)


def fill_mlflow(uri: str, models: int, versions: int) -> None:
    """Put models and versions with a tag each into a database that MLflow's server has made."""
    engine = create_engine(uri)
    with engine.begin() as connection:
        for at in range(models):
            rows = list(_rows(at, versions))
            connection.execute(_MODELS, rows[0])
            connection.execute(_VERSIONS, rows)
            connection.execute(_TAGS, rows)
    engine.dispose()


def _rows(at: int, versions: int) -> Iterator[dict[str, object]]:
    for number in range(1, versions + 1):
        yield {
            "name": model_name(at),
            "version": number,
            "at": START // 1000 + at * 1000 + number,
            "team": "risk" if number % 2 else "growth",
        }
