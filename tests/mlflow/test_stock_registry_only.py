"""Only the registry is at the server: runs, and the files of models, are elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import mlflow
import mlflow.sklearn
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from stock_site import THEIRS, Site, fresh
from tiny_models import TABLE, log_sklearn, sklearn_model

pytestmark = [pytest.mark.usefixtures("registry_only"), THEIRS]


def predicts_as_before(uri: str) -> bool:
    return np.allclose(
        mlflow.sklearn.load_model(uri).predict(TABLE), sklearn_model().predict(TABLE)
    )


def test_a_model_that_is_logged_to_this_machine_is_registered_and_loaded_here(site: Site) -> None:
    if not site.ours:
        pytest.skip("MLflow's own server answers 500: it knows no model of another tracking server")
    name = fresh("here")
    with mlflow.start_run() as run:
        info = log_sklearn(registered_model_name=name)
    by_run = mlflow.register_model(f"runs:/{run.info.run_id}/model", name)
    by_model = mlflow.register_model(f"models:/{info.model_id}", name)
    assert (by_run.version, by_run.run_id, by_model.version) == ("2", run.info.run_id, "3")
    assert all(predicts_as_before(f"models:/{name}/{number}") for number in (1, 2, 3))


def test_a_folder_of_this_machine_is_refused(tmp_path: Path) -> None:
    mlflow.sklearn.save_model(sklearn_model(), tmp_path / "saved", pip_requirements=["numpy"])
    with pytest.raises(MlflowException, match="Invalid model version source") as said:
        mlflow.register_model((tmp_path / "saved").as_uri(), fresh("folder"))
    assert said.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"bucket-{os.urandom(6).hex()}"
    assert httpx.put(f"{s3}/{name}", timeout=30).status_code == 200
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return name


def test_a_model_in_an_object_store_is_registered_by_its_address(
    registry_only: MlflowClient, bucket: str, tmp_path: Path
) -> None:
    mlflow.sklearn.save_model(sklearn_model(), tmp_path / "saved", pip_requirements=["numpy"])
    uri = f"s3://{bucket}/models/credit"
    get_artifact_repository(uri).log_artifacts(str(tmp_path / "saved"))
    name = fresh("bucket")
    assert mlflow.register_model(uri, name).source == uri
    assert registry_only.get_model_version_download_uri(name, "1") == uri
    assert predicts_as_before(f"models:/{name}/1")
