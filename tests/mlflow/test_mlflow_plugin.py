"""`modelry://` as MLflow's registry: an embedded one, and a server's; runs stay on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from stock_site import THEIRS, Site, fresh
from tiny_models import TABLE, log_sklearn, sklearn_model

import modelry
from modelry.core.errors import RegistryError
from modelry.integrations.mlflow.refusals import CODES

pytestmark = THEIRS


def logged(name: str, slope: float = 1.0) -> str:
    """Log a model with its run's facts, and register it; answer the run's id."""
    with mlflow.start_run() as run:
        mlflow.log_params({"slope": slope})
        mlflow.log_metric("auc", 0.9)
        mlflow.log_metric("never", float("nan"))
        mlflow.log_input(from_pandas(TABLE, name="people", source="s3://b/p.csv"))
        log_sklearn(registered_model_name=name, slope=slope)
    return str(run.info.run_id)


def test_a_logged_model_is_uploaded_sealed_and_loaded(plugged: MlflowClient, ours: Site) -> None:
    name = fresh("plugged")
    run_id = logged(name)
    with modelry.connect(_uri_of(ours)) as registry:
        version = registry.resolve(f"{name}:1")
        assert registry.verify(f"{name}:1").problems == ()
    assert (version.run_id, version.metrics) == (run_id, {"auc": 0.9})
    assert version.params == {"slope": "1.0"}
    assert [each.name for each in version.datasets] == ["people"]
    assert version.findings is not None
    assert version.findings.format == "mlflow"
    plugged.set_registered_model_alias(name, "champion", "1")
    plugged.transition_model_version_stage(name, "1", "Production")
    want = sklearn_model().predict(TABLE)
    for uri in ("/1", "@champion", "/Production", "/latest"):
        model = mlflow.pyfunc.load_model(f"models:/{name}{uri}")
        assert np.allclose(model.predict(TABLE), want)


def _uri_of(ours: Site) -> str | None:
    """Answer where the registry of the test is: the embedded one has no address."""
    uri = mlflow.get_registry_uri()
    return ours.url if ours.url.removeprefix("http://") in uri else None


def test_runs_folders_and_versions_are_registered_by_their_files(
    plugged: MlflowClient, tmp_path: Path
) -> None:
    run_id = logged(fresh("first"))
    name = fresh("again")
    made = mlflow.register_model(f"runs:/{run_id}/model", name, tags={"why": "trial"})
    assert (made.version, made.run_id, made.tags) == ("1", run_id, {"why": "trial"})
    mlflow.sklearn.save_model(sklearn_model(2.0), tmp_path / "saved", pip_requirements=["numpy"])
    assert mlflow.register_model(str(tmp_path / "saved"), name).version == "2"
    copy = plugged.copy_model_version(f"models:/{name}/1", fresh("copy"))
    assert copy.run_id == run_id
    for uri, slope in ((f"{name}/1", 1.0), (f"{name}/2", 2.0), (f"{copy.name}/1", 1.0)):
        found = mlflow.sklearn.load_model(f"models:/{uri}").predict(TABLE)
        assert np.allclose(found, sklearn_model(slope).predict(TABLE))


def test_the_registry_is_managed_in_mlflow_s_words(plugged: MlflowClient, tmp_path: Path) -> None:
    name = fresh("managed")
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    plugged.create_registered_model(name, {"team": "risk"}, "Who pays back")
    with pytest.raises(MlflowException, match="already exists") as said:
        plugged.create_registered_model(name)
    assert said.value.error_code == "RESOURCE_ALREADY_EXISTS"
    for number in range(3):
        plugged.create_model_version(name, str(folder), tags={"n": str(number)})
    plugged.transition_model_version_stage(name, "1", "Production")
    plugged.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    plugged.set_registered_model_alias(name, "champion", "3")
    plugged.set_registered_model_alias(name, "champion", "2")
    model = plugged.get_registered_model(name)
    assert (model.aliases, model.tags) == ({"champion": "2"}, {"team": "risk"})
    stages = {each.current_stage: each.version for each in model.latest_versions}
    assert stages == {"None": "3", "Production": "2", "Archived": "1"}
    (live,) = plugged.get_latest_versions(name, ["Production"])
    assert live.aliases == ["champion"]
    found = plugged.search_model_versions(
        f"name = '{name}' and tags.n != '0'", max_results=1, order_by=["version_number DESC"]
    )
    assert [each.version for each in found] == ["3"]
    assert found.token
    (model,) = plugged.search_registered_models(f"name LIKE '{name}%' and tags.team = 'risk'")
    assert model.description == "Who pays back"
    plugged.update_registered_model(name, "Who pays back in time")
    plugged.update_model_version(name, "3", "The last")
    plugged.set_registered_model_tag(name, "a", "b")
    plugged.delete_registered_model_tag(name, "a")
    plugged.set_model_version_tag(name, "3", "a", "b")
    plugged.delete_model_version_tag(name, "3", "n")
    third = plugged.get_model_version(name, "3")
    assert (third.description, third.tags) == ("The last", {"a": "b"})
    plugged.delete_registered_model_alias(name, "champion")
    plugged.delete_registered_model_alias(name, "champion")
    plugged.delete_model_version(name, "3")
    with pytest.raises(MlflowException, match=rf"\(name={name}, version=3\) not found"):
        plugged.get_model_version(name, "3")


def test_refusals_are_mlflow_s(plugged: MlflowClient, tmp_path: Path) -> None:
    name = fresh("refused")
    (tmp_path / "model.bin").write_bytes(b"weights")
    plugged.create_registered_model(name)
    plugged.create_model_version(name, str(tmp_path / "model.bin"))
    for asked, said in (
        (lambda: plugged.get_registered_model("nobody"), "name=nobody not found"),
        (lambda: plugged.create_model_version("nobody", "s3://b/m"), "name=nobody not found"),
        (lambda: plugged.get_model_version(name, "9"), "version=9"),
        (lambda: plugged.get_model_version_by_alias(name, "rival"), "alias rival not found"),
        (lambda: plugged.transition_model_version_stage(name, "1", "Shadow"), "Invalid Model"),
        (
            lambda: plugged.transition_model_version_stage(
                name, "1", "None", archive_existing_versions=True
            ),
            "not an Active stage",
        ),
        (lambda: plugged.search_model_versions("name = 'a' OR name = 'b'"), "Invalid clause"),
        (lambda: plugged.search_model_versions("", max_results=0), "max_results"),
    ):
        with pytest.raises(MlflowException, match=said):
            asked()


def test_the_files_of_a_version_are_listed_fetched_and_never_written(
    plugged: MlflowClient, tmp_path: Path
) -> None:
    name = fresh("files")
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights.bin").write_bytes(b"weights")
    (folder / "note.txt").write_text("hello", encoding="utf-8")
    plugged.create_registered_model(name)
    plugged.create_model_version(name, str(folder))
    uri = plugged.get_model_version_download_uri(name, "1")
    files = get_artifact_repository(uri)
    assert [(f.path, f.is_dir, f.file_size) for f in files.list_artifacts()] == [
        ("deep", True, None), ("note.txt", False, 5),
    ]  # fmt: skip
    assert [f.path for f in files.list_artifacts("deep")] == ["deep/weights.bin"]
    assert files.list_artifacts("note.txt") == []
    there = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/1/deep"))
    assert (there / "weights.bin").read_bytes() == b"weights"
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").touch()
    files.download_artifacts("", str(full))
    assert {path.name for path in full.iterdir()} == {"mine", "deep", "note.txt"}
    with pytest.raises(MlflowException, match="No such artifact"):
        files.download_artifacts("nothing")
    with pytest.raises(MlflowException, match="leaves the version"):
        files.download_artifacts("../model")
    for write, given in (
        (files.log_artifact, str(folder / "note.txt")),
        (files.log_artifacts, str(folder)),
        (files.delete_artifacts, "note.txt"),
    ):
        with pytest.raises(MlflowException, match="is sealed"):
            write(given)


@pytest.mark.usefixtures("plugged")
def test_prompts_are_kept_too() -> None:
    name = fresh("prompt")
    mlflow.genai.register_prompt(name, "Sum up: {{text}}")
    mlflow.genai.register_prompt(name, "Sum up briefly: {{text}}")
    mlflow.genai.set_prompt_alias(name, "live", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@live").template == "Sum up: {{text}}"
    assert mlflow.genai.load_prompt(name, version=2).template == "Sum up briefly: {{text}}"
    assert name in {each.name for each in mlflow.genai.search_prompts()}
    assert mlflow.search_registered_models(filter_string=f"name = '{name}'") == []


@pytest.mark.parametrize(
    "uri", ["modelry://a b", "modelry://host/project/more", "modelry://me:secret@host/project"]
)
def test_what_is_no_address_is_refused_and_tells_no_secret(uri: str) -> None:
    with pytest.raises(MlflowException) as said:
        MlflowClient(registry_uri=uri).get_registered_model("any")
    assert "secret" not in str(said.value)


def test_every_refusal_of_ours_has_a_code_of_mlflow_s() -> None:
    assert set(RegistryError.__subclasses__()) == set(CODES)


def test_importing_modelry_imports_nothing_of_mlflow() -> None:
    code = "import modelry, sys; modelry.connect; print([m for m in sys.modules if 'mlflow' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
