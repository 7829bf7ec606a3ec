"""What a version that MLflow registered has here, and has not in MLflow: a seal, an author, rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
from mlflow.exceptions import MlflowException
from stock_site import THEIRS, Site, fresh, pointed
from tiny_models import TABLE, log_sklearn, sklearn_model
from typer.testing import CliRunner

from modelry.cli.app import app
from modelry.core.model import Version
from modelry.remotes.client.client import Client

pytestmark = THEIRS


@pytest.fixture
def native(site: Site) -> Iterator[Client]:
    """Open the registry by its own client."""
    if not site.ours:
        pytest.skip("MLflow's own server has none of this")
    with site.native() as client:
        yield client


@pytest.fixture
def stock(native: Client, site: Site) -> Iterator[MlflowClient]:
    del native  # it says whose server this is
    with pointed(site, site.url):
        mlflow.set_experiment(fresh("experiment"))
        yield MlflowClient()


def registered(name: str, **more: object) -> str:
    """Log a model in a run that knows a lot, and register it; answer the run's id."""
    with mlflow.start_run() as run:
        mlflow.log_params({"slope": 1.0, "kind": "line"})
        mlflow.log_metric("auc", 0.91)
        mlflow.log_input(from_pandas(TABLE, name="people", source="s3://b/p.csv"))
        log_sklearn(registered_model_name=name, **more)
    return str(run.info.run_id)


def as_account(site: Site, native: Client, role: str) -> Site:
    """Answer the server as somebody with a role sees it, whose name is the role's and new."""
    account = fresh(role)
    native.admin.create_account(account)
    native.admin.set_member("default", account, role)
    secret = native.admin.create_token(account, "mlflow").secret
    return Site(site.url, secret, site.kind, site.home)


def test_a_version_knows_its_run_s_parameters_metrics_and_data(
    stock: MlflowClient, native: Client
) -> None:
    name = fresh("lineage")
    run_id = registered(name)
    version = native.resolve(f"{name}:1")
    assert (version.run_id, version.metrics) == (run_id, {"auc": 0.91})
    assert version.params == {"slope": "1.0", "kind": "line"}
    assert [(each.name, bool(each.digest)) for each in version.datasets] == [("people", True)]
    assert version.findings is not None
    assert version.findings.framework == "scikit-learn"
    registered(name, slope=2.0)
    compared = native.compare(f"{name}:1", f"{name}:2")
    assert [each.number for each in compared.versions] == [1, 2]
    assert stock.get_model_version(name, "1").run_id == run_id


def test_show_and_compare_tell_what_the_run_knew(
    stock: MlflowClient, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del stock
    name = fresh("shown")
    run_id = registered(name)
    registered(name)
    monkeypatch.setenv("MODELRY_URI", site.url)
    monkeypatch.setenv("MODELRY_TOKEN", site.token)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path))
    shown = CliRunner().invoke(app, ["show", f"{name}:1"])
    assert shown.exit_code == 0, shown.output
    assert {"auc", "slope", "people", run_id} <= set(shown.output.replace("│", " ").split())
    compared = CliRunner().invoke(app, ["compare", f"{name}:1", f"{name}:2"])
    assert compared.exit_code == 0, compared.output
    assert "auc" in compared.output


def test_what_is_logged_later_does_not_change_a_version(
    stock: MlflowClient, native: Client, tmp_path: Path
) -> None:
    name = fresh("sealed")
    mlflow.sklearn.save_model(sklearn_model(), tmp_path / "one", pip_requirements=["numpy"])
    mlflow.sklearn.save_model(sklearn_model(5.0), tmp_path / "two", pip_requirements=["numpy"])
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(tmp_path / "one"), "model")
    mlflow.register_model(f"runs:/{run.info.run_id}/model", name)
    before = native.resolve(f"{name}:1").digest
    stock.log_artifacts(run.info.run_id, str(tmp_path / "two"), "model")
    after = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model").predict(TABLE)
    assert np.allclose(after, sklearn_model(5.0).predict(TABLE))
    sealed = mlflow.sklearn.load_model(f"models:/{name}/1").predict(TABLE)
    assert np.allclose(sealed, sklearn_model().predict(TABLE))
    assert native.resolve(f"{name}:1").digest == before
    assert native.verify(f"{name}:1").problems == ()


def test_the_author_is_recorded_and_history_and_audit_tell_it(
    stock: MlflowClient, native: Client, site: Site
) -> None:
    name = fresh("authored")
    amy = as_account(site, native, "publisher")
    with pointed(amy, amy.url):
        registered(name)
    stock.transition_model_version_stage(name, "1", "Staging")
    stock.set_registered_model_alias(name, "champion", "1")
    version = native.resolve(f"{name}@champion")
    assert version.author.startswith("publisher-")
    told = {str(each.kind): each.actor for each in native.history(name).events}
    assert {"version.registered", "version.promoted", "alias.set"} <= told.keys()
    assert told["version.registered"] == version.author != told["version.promoted"]
    assert native.audit(name).problems == ()
    assert stock.get_model_version(name, "1").current_stage == "Staging"


def test_production_is_one_version_however_many_carry_the_stage(
    stock: MlflowClient, native: Client
) -> None:
    name = fresh("live")
    for _ in range(3):
        registered(name)
    for number in ("1", "2"):
        stock.transition_model_version_stage(name, number, "Production")
    both = {v.version for v in stock.search_model_versions(f"name = '{name}'")
            if v.current_stage == "Production"}  # fmt: skip
    assert both == {"1", "2"}
    assert native.resolve(f"{name}@production").number == 2
    stock.transition_model_version_stage(name, "3", "Production", archive_existing_versions=True)
    stages = {v.version: v.current_stage for v in stock.search_model_versions(f"name = '{name}'")}
    assert stages == {"1": "Archived", "2": "Archived", "3": "Production"}
    assert native.rollback(name).number == 2


def test_what_the_stages_of_a_project_forbid_is_refused_in_mlflow_s_shape(
    stock: MlflowClient, native: Client
) -> None:
    name = fresh("ruled")
    registered(name)
    usual = native.stages()
    rules = [_as_given(each) for each in usual.stages]
    next(each for each in rules if each["name"] == "production")["after"] = ["staging"]
    native.configure_stages(rules)
    try:
        with pytest.raises(MlflowException, match="comes to production from staging only") as said:
            stock.transition_model_version_stage(name, "1", "Production")
        assert 400 <= said.value.get_http_status_code() < 500
        stock.transition_model_version_stage(name, "1", "Staging")
        stock.transition_model_version_stage(name, "1", "Production")
    finally:
        native.configure_stages([_as_given(each) for each in usual.stages])
    assert native.resolve(f"{name}@production").number == 1


def _as_given(stage: object) -> dict[str, object]:
    fields = ("name", "exclusive", "pointed", "displaced", "four_eyes")
    given = {name: getattr(stage, name) for name in fields}
    after = stage.after  # type: ignore[attr-defined]  # a stage has it
    return {**given, "after": None if after is None else sorted(after)}


def test_who_may_only_read_cannot_register_but_can_load(
    stock: MlflowClient, native: Client, site: Site
) -> None:
    name = fresh("guarded")
    registered(name)
    reader = as_account(site, native, "reader")
    with pointed(reader, reader.url):
        assert mlflow.pyfunc.load_model(f"models:/{name}/1").predict(TABLE) is not None
        for change in (
            lambda: stock.create_model_version(name, "s3://bucket/model"),
            lambda: stock.set_registered_model_alias(name, "champion", "1"),
            lambda: stock.create_experiment(fresh("no")),
        ):
            with pytest.raises(MlflowException) as said:
                change()
            assert said.value.error_code == "PERMISSION_DENIED"
    assert len(native.versions(name)) == 1


def test_nobody_comes_in_without_a_token_and_a_password_is_one(
    stock: MlflowClient, native: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = fresh("signed")
    stock.create_registered_model(name)
    amy = as_account(site, native, "publisher")
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    with pytest.raises(MlflowException) as said:
        stock.get_registered_model(name)
    assert said.value.error_code == "UNAUTHENTICATED"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "token")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", amy.token)
    stock.create_model_version(name, "s3://bucket/model")
    version: Version = native.resolve(f"{name}:1")
    assert version.author.startswith("publisher-")


def test_a_project_is_a_path_of_the_address(
    stock: MlflowClient, native: Client, site: Site
) -> None:
    name, project = fresh("apart"), fresh("team")
    native.create_project(project)
    there = f"{site.url}/projects/{project}"
    with pointed(site, there, registry=there):
        mlflow.set_experiment(fresh("experiment"))
        registered(name)
        assert mlflow.pyfunc.load_model(f"models:/{name}/1").predict(TABLE) is not None
    assert native.resolve(f"{project}/{name}:1").project == project
    assert stock.search_registered_models(f"name = '{name}'") == []
