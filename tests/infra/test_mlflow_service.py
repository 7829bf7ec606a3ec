"""The MLflow service, against a real MLflow server and against ours (S1.2 to S1.4, S1.8 to S1.10)."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import mlflow
import pytest
from mlflow_servers import mlflow_server

from modelry.core.errors import Invalid, Unavailable
from modelry.infra import MlflowService, RunConfig
from modelry.testing.server import served

S3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MLFLOW_S3_ENDPOINT_URL"}


@pytest.fixture(scope="module", params=["mlflow", "ours"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Give an MLflow server, and one of ours."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == "mlflow":
        with mlflow_server(folder) as url:
            yield url
        return
    blobs = (folder / "blobs").as_uri()
    with (
        served(f"sqlite:///{folder / 'registry.db'}", blobs, MODELRY_LOG="off") as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("MLFLOW_TRACKING_TOKEN", running.token)
        yield running.url


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*S3, "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def test_uris_come_from_the_environment(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from the environment")
    with MlflowService() as service:
        assert (service.tracking_uri, service.registry_uri) == (server, server)
        assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == (server, server)
        assert service.client().get_experiment_by_name("from the environment") is not None


def test_starting_sets_tracking_then_registry_then_experiment_then_s3(server: str) -> None:
    wanted = {"set_tracking_uri", "set_registry_uri", "set_experiment", "update"}
    seen: list[str] = []

    def watch(frame: FrameType, event: str, argument: object) -> None:
        del argument
        name = frame.f_code.co_name
        if event != "call" or frame.f_back is None or name not in wanted:
            return
        if frame.f_back.f_code.co_name == "start":
            assert S3 & set(os.environ) == set()
            seen.append(name)

    service = MlflowService(server, server, "ordered", aws_access_key_id="id")
    sys.setprofile(watch)
    try:
        service.start()
    finally:
        sys.setprofile(None)
    service.stop()
    assert seen == ["set_tracking_uri", "set_registry_uri", "set_experiment", "update"]


def test_parameters_and_metrics_of_a_run_reach_the_server(server: str) -> None:
    config = RunConfig(
        name="nightly", tags={"team": "risk"}, params={"lr": 0.1}, metrics={"auc": 0.9}
    )
    with MlflowService(server, experiment_name="runs") as service:
        with service.run_context(config) as run:
            mlflow.log_metric("loss", 0.2)
        found = service.client().get_run(run.info.run_id)
        assert found.info.status == "FINISHED"
        assert found.data.params == {"lr": "0.1"}
        assert found.data.metrics == {"auc": 0.9, "loss": 0.2}
        assert (found.info.run_name, found.data.tags["team"]) == ("nightly", "risk")


def test_a_run_whose_work_raises_has_failed(server: str) -> None:
    with MlflowService(server, experiment_name="runs") as service:
        with (
            pytest.raises(ZeroDivisionError),
            service.run_context({"params": {"lr": 1}, "metrics": {"auc": 1.0}}) as run,
        ):
            _ = 1 / 0
        found = service.client().get_run(run.info.run_id)
        assert (found.info.status, found.data.metrics) == ("FAILED", {})
        with (
            pytest.raises(Invalid, match="a run has no 'parameters'; it has name"),
            service.run_context({"parameters": {}}),
        ):
            pass


def test_the_environment_of_s3_is_set_while_the_service_runs(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_KEY", "sesame")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "before")
    service = MlflowService(
        server,
        s3_endpoint_url="https://minio.example",
        aws_access_key_id="during",
        aws_secret_access_key="${oc.env:VAULT_KEY}",  # noqa: S106 - a reference
    )
    with service:
        assert os.environ["AWS_SECRET_ACCESS_KEY"] == os.environ["VAULT_KEY"]
        assert os.environ["AWS_ACCESS_KEY_ID"] == "during"
        assert os.environ["MLFLOW_S3_ENDPOINT_URL"] == "https://minio.example"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "before"
    assert "AWS_SECRET_ACCESS_KEY" not in os.environ


def test_secrets_are_in_no_repr_and_in_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "before")
    service = MlflowService("http://ada:sesame@127.0.0.1:9", aws_secret_access_key="sesame")  # noqa: S106 - an example
    with pytest.raises(Unavailable, match="MLflow cannot be set up") as refused:
        service.start()
    assert "sesame" not in "".join(traceback.format_exception(refused.value)) + repr(service)
    assert os.environ["AWS_ACCESS_KEY_ID"] == "before"


def test_without_an_address_nothing_starts() -> None:
    with pytest.raises(Invalid, match="set MLFLOW_TRACKING_URI"):
        MlflowService().start()
    with pytest.raises(Invalid, match="ABSENT_URI, which is not set"):
        MlflowService("${ABSENT_URI}").start()
