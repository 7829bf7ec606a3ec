"""Models trained, logged, registered and loaded by a stock client, both addresses at one server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
from mlflow.exceptions import MlflowException
from stock_site import THEIRS, fresh
from tiny_models import FLAVOURS, TABLE, log_sklearn, sklearn_model

pytestmark = [pytest.mark.usefixtures("experiment"), THEIRS]


def predicted(uri: str, asked: object = TABLE) -> Any:  # noqa: ANN401 - whatever the model answers
    """Load a model as a function and ask it."""
    return mlflow.pyfunc.load_model(uri).predict(asked)


@pytest.fixture
def logged() -> tuple[str, str]:
    """Log a model of scikit-learn in a run; answer the run's id and the model's."""
    with mlflow.start_run() as run:
        mlflow.log_params({"slope": 1.0, "kind": "line"})
        mlflow.log_metric("auc", 0.91)
        info = log_sklearn()
    return run.info.run_id, str(info.model_id)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_model_that_is_logged_and_registered_at_once_predicts_as_before(
    flavour: str, tmp_path: Path
) -> None:
    name = fresh(flavour)
    kind = FLAVOURS[flavour]
    more = {"folder": tmp_path} if flavour == "transformers" else {}
    with mlflow.start_run():
        info = kind.log(registered_model_name=name, **more)
    assert str(info.registered_model_version) == "1"
    before, after = (
        predicted(info.model_uri, kind.asked),
        predicted(f"models:/{name}/1", kind.asked),
    )
    assert str(after) == str(before)


def test_a_second_version_joins_the_first(stock: MlflowClient) -> None:
    name = fresh("twice")
    with mlflow.start_run():
        log_sklearn(registered_model_name=name)
        log_sklearn(registered_model_name=name, slope=2.0)
    assert [v.version for v in stock.search_model_versions(f"name = '{name}'")] == ["2", "1"]
    first, second = (predicted(f"models:/{name}/{number}") for number in (1, 2))
    assert not np.allclose(first, second)


def test_a_version_is_loaded_by_number_alias_stage_and_as_the_latest(stock: MlflowClient) -> None:
    name = fresh("named")
    with mlflow.start_run():
        for slope in (1.0, 2.0, 3.0):
            log_sklearn(registered_model_name=name, slope=slope)
    stock.set_registered_model_alias(name, "champion", "1")
    stock.transition_model_version_stage(name, "2", "Production")
    want = {slope: sklearn_model(slope).predict(TABLE) for slope in (1.0, 2.0, 3.0)}
    found = {
        uri: mlflow.sklearn.load_model(f"models:/{name}{uri}").predict(TABLE)
        for uri in ("/1", "@champion", "/Production", "/latest")
    }
    assert np.allclose(found["/1"], want[1.0])
    assert np.allclose(found["@champion"], want[1.0])
    assert np.allclose(found["/Production"], want[2.0])
    assert np.allclose(found["/latest"], want[3.0])
    with pytest.raises(MlflowException, match="alias rival not found"):
        predicted(f"models:/{name}@rival")


def test_a_run_s_model_is_registered_by_the_run(
    logged: tuple[str, str], stock: MlflowClient
) -> None:
    name = fresh("of-run")
    made = mlflow.register_model(f"runs:/{logged[0]}/model", name, tags={"why": "trial"})
    assert (made.version, made.run_id, made.tags) == ("1", logged[0], {"why": "trial"})
    assert np.allclose(predicted(f"models:/{name}/1"), sklearn_model().predict(TABLE))
    assert "mlflow.modelVersions" in stock.get_logged_model(logged[1]).tags


def test_a_logged_model_is_registered_by_its_id(logged: tuple[str, str]) -> None:
    name = fresh("of-model")
    made = mlflow.register_model(f"models:/{logged[1]}", name)
    assert (made.version, made.source) == ("1", f"models:/{logged[1]}")
    assert np.allclose(predicted(f"models:/{name}/1"), sklearn_model().predict(TABLE))


def test_a_folder_of_this_machine_is_refused_at_once(tmp_path: Path) -> None:
    mlflow.sklearn.save_model(sklearn_model(), tmp_path / "saved", pip_requirements=["numpy"])
    with pytest.raises(MlflowException, match="Invalid model version source") as said:
        mlflow.register_model(str(tmp_path / "saved"), fresh("local"))
    assert said.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_version_is_copied_with_its_bytes(logged: tuple[str, str], stock: MlflowClient) -> None:
    name, copy = fresh("original"), fresh("copy")
    mlflow.register_model(f"models:/{logged[1]}", name)
    made = stock.copy_model_version(f"models:/{name}/1", copy)
    assert (made.name, made.version) == (copy, "1")
    assert np.allclose(predicted(f"models:/{copy}/1"), sklearn_model().predict(TABLE))


def test_the_files_of_a_version_are_downloaded(logged: tuple[str, str], tmp_path: Path) -> None:
    name = fresh("files")
    mlflow.register_model(f"runs:/{logged[0]}/model", name)
    uri = f"models:/{name}/1"
    there = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / "all")))
    assert {"MLmodel", "conda.yaml", "requirements.txt"} <= {p.name for p in there.iterdir()}
    one = Path(
        mlflow.artifacts.download_artifacts(f"{uri}/MLmodel", dst_path=str(tmp_path / "one"))
    )
    assert one.read_bytes() == (there / "MLmodel").read_bytes()
    assert mlflow.models.get_model_info(uri).flavors.keys() >= {"sklearn", "python_function"}


def test_autologging_registers_what_was_trained() -> None:
    name = fresh("auto")
    mlflow.sklearn.autolog(registered_model_name=name, log_datasets=True, silent=True)
    try:
        with mlflow.start_run() as run:
            sklearn_model()
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = mlflow.get_run(run.info.run_id)
    assert found.data.params["fit_intercept"] == "True"
    assert "training_r2_score" in found.data.metrics
    assert found.inputs is not None
    assert found.inputs.dataset_inputs
    assert np.allclose(predicted(f"models:/{name}/1"), sklearn_model().predict(TABLE))


def test_a_run_tells_what_was_logged_to_it(stock: MlflowClient) -> None:
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"depth": 3})
        for step in range(3):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.9, "f1": 0.8})
        mlflow.set_tag("team", "risk")
        mlflow.log_input(from_pandas(TABLE, name="people", source="s3://b/p.csv"))
    found = stock.get_run(run.info.run_id)
    assert (found.info.run_name, found.info.status) == ("first", "FINISHED")
    assert (found.data.params, found.data.tags["team"]) == ({"depth": "3"}, "risk")
    assert found.data.metrics == {"loss": 1.0 / 3, "auc": 0.9, "f1": 0.8}
    history = stock.get_metric_history(run.info.run_id, "loss")
    assert [(each.step, each.value) for each in history] == [(0, 1.0), (1, 0.5), (2, 1.0 / 3)]
    assert found.inputs is not None
    (given,) = found.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.source_type) == ("people", "s3")
    (again,) = stock.search_runs([found.info.experiment_id], "metrics.auc > 0.8")
    assert again.info.run_id == run.info.run_id


def test_files_of_a_run_go_up_come_down_and_are_listed(stock: MlflowClient, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights.bin").write_bytes(bytes(range(256)) * 4096)
    (folder / "note.txt").write_text("hello", encoding="utf-8")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "things")
        mlflow.log_dict({"a": 1}, "a.json")
    run_id = run.info.run_id
    assert [(f.path, f.is_dir) for f in stock.list_artifacts(run_id)] == [
        ("a.json", False), ("things", True),
    ]  # fmt: skip
    listed = {f.path: f.file_size for f in stock.list_artifacts(run_id, "things")}
    assert listed == {"things/deep": None, "things/note.txt": 5}
    out = Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(tmp_path / "out")))
    assert (out / "things" / "deep" / "weights.bin").read_bytes() == bytes(range(256)) * 4096
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/a.json") == {"a": 1}
    with pytest.raises(MlflowException, match=r"nothing\.txt"):
        mlflow.artifacts.download_artifacts(f"runs:/{run_id}/nothing.txt")


def test_a_logged_model_is_found_tagged_and_listed(
    logged: tuple[str, str], stock: MlflowClient, experiment: str
) -> None:
    run_id, model_id = logged
    found = stock.get_logged_model(model_id)
    assert (found.name, found.source_run_id, found.status) == ("model", run_id, "READY")
    (listed,) = stock.search_logged_models([experiment], "name = 'model'")
    assert listed.model_id == model_id
    stock.set_logged_model_tags(model_id, {"checked": "yes"})
    assert stock.get_logged_model(model_id).tags["checked"] == "yes"
    stock.delete_logged_model_tag(model_id, "checked")
    assert "checked" not in stock.get_logged_model(model_id).tags
    assert "MLmodel" in {f.path for f in stock.list_logged_model_artifacts(model_id)}
    with pytest.raises(MlflowException, match="not found"):
        stock.get_logged_model("m-00000000000000000000000000000000")
