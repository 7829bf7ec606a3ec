"""Servers that a stock MLflow client is pointed at: ours on each database."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from stock_site import STOCK, Site, fresh, modelry_site, pointed

from modelry.testing.postgresql import fresh_database, some_postgresql
from modelry.testing.s3 import started_s3

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # no test asks anybody but our own servers
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # what would be tried again is a mistake here
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """Let MLflow neither look anything up nor try anything twice, here and in its children."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        for name in ("MODELRY_URI", "MODELRY_BLOBS", "MODELRY_TOKEN", "MODELRY_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Answer the address of a PostgreSQL."""
    with some_postgresql() as uri:
        yield uri


@pytest.fixture(
    scope="session", params=["sqlite", "postgresql", *(["peer"] if STOCK in os.environ else [])]
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Give a server of an empty registry, for all tests of a process; names keep them apart."""
    if request.param == "peer":
        yield Site(os.environ[STOCK], "", "mlflow", None)
        return
    folder = tmp_path_factory.mktemp(request.param)
    uri = f"sqlite:///{folder}/registry.db"
    if request.param == "postgresql":
        uri = fresh_database(request.getfixturevalue("postgresql"))
    with modelry_site(folder, uri) as made:
        yield made


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a server on SQLite, for what does not depend on the database."""
    folder = tmp_path_factory.mktemp("ours")
    with modelry_site(folder, f"sqlite:///{folder}/registry.db") as made:
        yield made


@pytest.fixture
def stock(site: Site) -> Iterator[MlflowClient]:
    """Point MLflow at the server with both of its addresses."""
    with pointed(site, site.url):
        yield MlflowClient()


@pytest.fixture
def experiment(stock: MlflowClient) -> str:
    """Let an experiment of its own be current; answer its id."""
    del stock  # it is what points MLflow at the server
    found: str = mlflow.set_experiment(fresh("experiment")).experiment_id
    return found


@pytest.fixture(scope="session")
def local_tracking(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Answer the address of a tracking store of this machine, which the server cannot see."""
    folder = tmp_path_factory.mktemp("tracking")
    uri = f"sqlite:///{folder}/mlflow.db"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(folder)  # it makes a folder for files where it is
        warnings.simplefilter("ignore")  # SQLAlchemy's, of how MLflow declares its tables
        MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
    return uri


@pytest.fixture
def registry_only(
    site: Site, local_tracking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MlflowClient]:
    """Point only the registry address at the server: runs and their files stay on this machine."""
    monkeypatch.chdir(tmp_path)
    with pointed(site, local_tracking):
        name = fresh("local")
        mlflow.create_experiment(name, artifact_location=(tmp_path / "art").as_uri())
        mlflow.set_experiment(name)
        yield MlflowClient()


@pytest.fixture(params=["embedded", "server", "host"])
def plugged(
    request: pytest.FixtureRequest,
    ours: Site,
    local_tracking: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MlflowClient]:
    """Let `modelry://` be MLflow's registry."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    uri = "modelry://default"
    if request.param != "embedded":
        monkeypatch.setenv("MODELRY_TOKEN", ours.token)
        monkeypatch.setenv("MODELRY_URI", ours.url)
    if request.param == "host":
        uri = ours.url.replace("http://", "modelry://") + "/default"
        monkeypatch.delenv("MODELRY_URI")
    with pointed(ours, local_tracking, registry=uri):
        name = fresh("local")
        mlflow.create_experiment(name, artifact_location=(tmp_path / "artifacts").as_uri())
        mlflow.set_experiment(name)
        yield MlflowClient()
        if request.param == "host":
            monkeypatch.setenv("MODELRY_URI", ours.url)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Answer the endpoint of an S3 server, with its credentials in the environment."""
    with started_s3() as endpoint:
        yield endpoint
