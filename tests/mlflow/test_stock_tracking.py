"""Runs of a stock MLflow client: what it logs is there, as it is with MLflow's own server."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.data.numpy_dataset import from_numpy
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository
from stock_site import THEIRS

pytestmark = [THEIRS]


def test_what_a_run_logs_is_what_it_says(stock: MlflowClient, experiment: str) -> None:
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_param("C", 1)
        mlflow.log_metric("auc", 0.5, step=1)
        mlflow.log_metrics({"auc": 0.75, "nan": math.nan, "up": math.inf}, step=2)
        mlflow.set_tag("team", "risk")
        mlflow.log_input(from_numpy(np.ones((2, 2)), name="ones"), context="training")
    found = stock.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "first")
    assert found.info.experiment_id == experiment
    assert found.data.params == {"C": "1"}
    assert found.data.metrics["auc"] == 0.75
    assert math.isnan(found.data.metrics["nan"])
    assert found.data.metrics["up"] == math.inf
    assert found.data.tags["team"] == "risk"
    assert found.inputs is not None
    (used,) = found.inputs.dataset_inputs
    assert (used.dataset.name, used.tags[0].value) == ("ones", "training")
    history = stock.get_metric_history(run.info.run_id, "auc")
    assert [(each.step, each.value) for each in history] == [(1, 0.5), (2, 0.75)]


def test_a_batch_is_kept_whole_and_a_parameter_stays(stock: MlflowClient, experiment: str) -> None:
    run = stock.create_run(experiment)
    metrics = [Metric("loss", 1 / step, step, step) for step in range(1, 901)]
    stock.log_batch(run.info.run_id, metrics, [Param("a", "1")], [RunTag("t", "u")])
    assert len(stock.get_metric_history(run.info.run_id, "loss")) == 900
    stock.log_param(run.info.run_id, "a", "1")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        stock.log_param(run.info.run_id, "a", "2")
    stock.delete_tag(run.info.run_id, "t")
    stock.update_run(run.info.run_id, status="FAILED", name="renamed")
    found = stock.get_run(run.info.run_id)
    assert (found.info.status, found.info.run_name) == ("FAILED", "renamed")
    assert "t" not in found.data.tags


def test_runs_are_searched_deleted_and_restored(stock: MlflowClient, experiment: str) -> None:
    for number in range(3):
        with mlflow.start_run(run_name=f"n{number}"):
            mlflow.log_metric("auc", number / 10)
            mlflow.log_param("n", number)

    def search() -> list[Run]:
        wanted = "metrics.auc > 0.05 AND params.n != '7'"
        return list(stock.search_runs([experiment], wanted, order_by=["metrics.auc DESC"]))

    found = search()
    assert [run.info.run_name for run in found] == ["n2", "n1"]
    page = stock.search_runs([experiment], max_results=2)
    rest = stock.search_runs([experiment], max_results=2, page_token=page.token)
    assert (len(page), len(rest), rest.token) == (2, 1, None)
    stock.delete_run(found[0].info.run_id)
    assert len(search()) == 1
    stock.restore_run(found[0].info.run_id)
    assert list(mlflow.search_runs([experiment])["params.n"]) == ["2", "1", "0"]
    with pytest.raises(MlflowException, match="Invalid clause"):
        stock.search_runs([experiment], "metrics.auc > 1 OR metrics.auc < 0")
    stock.delete_experiment(experiment)
    assert stock.get_experiment(experiment).lifecycle_stage == "deleted"
    stock.restore_experiment(experiment)
    assert len(stock.search_runs([experiment])) == 3


def test_artefacts_go_up_and_come_down(
    stock: MlflowClient, experiment: str, tmp_path: Path
) -> None:
    run_id = stock.create_run(experiment).info.run_id
    folder = tmp_path / "plots"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "b.bin").write_bytes(bytes(range(256)) * 4096)
    stock.log_artifacts(run_id, str(folder), "plots")
    stock.log_text(run_id, "notes", "notes.txt")
    stock.log_dict(run_id, {"a": 1}, "facts.json")
    listed = {(each.path, each.is_dir, each.file_size) for each in stock.list_artifacts(run_id)}
    assert listed == {("plots", True, None), ("notes.txt", False, 5), ("facts.json", False, 12)}
    there = Path(stock.download_artifacts(run_id, "plots", str(tmp_path)))
    assert (there / "deep" / "b.bin").read_bytes() == bytes(range(256)) * 4096
    uri = f"runs:/{run_id}/facts.json"
    assert mlflow.artifacts.load_dict(uri) == {"a": 1}
    with pytest.raises(MlflowException, match="Failed to download artifacts"):
        mlflow.artifacts.load_text(f"runs:/{run_id}/absent.txt")


def test_a_large_file_comes_in_parts_where_the_client_wants_that(
    stock: MlflowClient, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "700000")
    sent = Spy(HttpArtifactRepository._upload_part)
    monkeypatch.setattr(HttpArtifactRepository, "_upload_part", staticmethod(sent))
    path = tmp_path / "large.bin"
    path.write_bytes(random.Random(3).randbytes(3_000_000))
    run_id = stock.create_run(experiment).info.run_id
    stock.log_artifact(run_id, str(path), "deep")
    assert sent.calls == 5
    assert stock.list_artifacts(run_id, "deep")[0].file_size == 3_000_000
    there = Path(stock.download_artifacts(run_id, "deep/large.bin", str(tmp_path / "to")))
    assert there.read_bytes() == path.read_bytes()


class Spy:
    """Counts the calls of a function."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function, self.calls = function, 0

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.calls += 1
        return self._function(*args, **kwargs)


@pytest.mark.filterwarnings("ignore::UserWarning:mlflow", "ignore::FutureWarning")
def test_autologging_of_scikit_learn_logs_parameters_metrics_and_the_model(
    stock: MlflowClient, experiment: str
) -> None:
    from sklearn.linear_model import LogisticRegression

    mlflow.sklearn.autolog(silent=True, log_input_examples=False)
    try:
        with mlflow.start_run() as run:
            x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
            LogisticRegression(C=0.5).fit(x, np.array([0, 1, 1, 0]))
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = stock.get_run(run.info.run_id)
    assert found.data.params["C"] == "0.5"
    assert 0 <= found.data.metrics["training_score"] <= 1
    assert found.outputs is not None
    (output,) = found.outputs.model_outputs
    model = stock.get_logged_model(output.model_id)
    assert (str(model.status), model.experiment_id) == ("READY", experiment)
    assert {each.key for each in model.metrics or []} >= {"training_score"}
    loaded = mlflow.sklearn.load_model(model.model_uri)
    assert loaded.predict(np.array([[0.0, 1.0]])).shape == (1,)
    found_models = stock.search_logged_models(
        [experiment], filter_string="metrics.training_score >= 0"
    )
    assert [each.model_id for each in found_models] == [model.model_id]
