"""Registries of other makers, real ones: MLflow on SQLite, a server that speaks the Hub's protocol."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from mlflow_place import MlflowPlace, empty_database
from mlflow_serving import mlflow_serving

from modelry.core.errors import Unsupported
from modelry.testing.hub import Hub, hub

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", HF_HUB_DISABLE_TELEMETRY="1")
os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1")


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MODELRY_URI", "MODELRY_BLOBS", "MODELRY_TOKEN", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def mlflow_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an MLflow database that is empty, to be copied: its migrations take seconds."""
    return empty_database(tmp_path_factory.mktemp("mlflow") / "empty.db")


@pytest.fixture
def mlflow_place(mlflow_tables: Path, tmp_path: Path) -> MlflowPlace:
    """Make empty MLflow registries on SQLite."""
    return MlflowPlace(mlflow_tables, tmp_path)


@pytest.fixture(scope="session")
def mlflow_server(mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of one MLflow server for all tests; each uses names of its own."""
    with mlflow_serving(mlflow_tables, tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def at_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Give an empty hub, which the stock client takes for the Hugging Face Hub."""
    with hub() as state:
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        monkeypatch.setenv("HF_TOKEN", "hf_of_ann")
        yield state


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Expect the refusals that a suite lists, and leave out what it says is otherwise there."""
    for item in items:
        suite = getattr(item, "cls", None)
        name = getattr(item, "originalname", item.name)
        for reason in _reasons(suite, "refused", name):
            item.add_marker(pytest.mark.xfail(raises=Unsupported, strict=True, reason=reason))
        for reason in _reasons(suite, "different", name):
            item.add_marker(pytest.mark.skip(reason=reason))


def _reasons(suite: object, kind: str, name: str) -> Iterator[str]:
    for tests, reason in getattr(suite, kind, {}).items():
        if name in tests.split():
            yield reason
