"""The stock client at a real server: its own calls, its own errors, and no call repeated."""

# ruff: noqa: ANN401 - the client has no types

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import running

from modelry.remotes.client import open_client
from modelry.testing.server import Served

pytestmark = pytest.mark.filterwarnings("ignore:.*:Warning")  # MLflow's own, of its libraries


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def client(server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client with its registry here and its tracking in a file of its own."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", server.token)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return MlflowClient(f"sqlite:///{tmp_path}/tracking.db", server.url)


def test_a_model_lives_through_the_calls_of_the_client(client: Any) -> None:
    name = "kredit größe"
    client.create_registered_model(name, {"team": "risk"}, "scores")
    for number in (1, 2, 3):
        made = client.create_model_version(name, f"s3://bucket/{number}", description=f"v{number}")
        assert (made.version, made.status, made.current_stage) == (str(number), "READY", "None")
    client.set_registered_model_alias(name, "champion", "2")
    client.set_model_version_tag(name, "2", "checked", "yes")
    client.set_registered_model_tag(name, "owner", "ada")
    client.delete_registered_model_tag(name, "team")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    client.update_model_version(name, "3", "the third")
    model = client.get_registered_model(name)
    assert (model.tags, model.aliases) == ({"owner": "ada"}, {"champion": "2"})
    assert {each.current_stage: each.version for each in model.latest_versions} == {
        "None": "3", "Production": "2", "Archived": "1"}  # fmt: skip
    champion = client.get_model_version_by_alias(name, "champion")
    assert (champion.version, champion.tags, champion.user_id) == ("2", {"checked": "yes"}, "admin")
    found = client.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
    assert [each.description for each in found] == ["v1", "v2", "the third"]
    page = client.search_model_versions(f"name = '{name}'", max_results=2)
    rest = client.search_model_versions(f"name = '{name}'", max_results=2, page_token=page.token)
    assert (len(page), len(rest), rest.token or None) == (2, 1, None)
    client.rename_registered_model(name, "credit")
    renamed = client.get_registered_model("credit")
    assert (renamed.name, renamed.aliases) == ("credit", {"champion": "2"})
    client.delete_registered_model_alias("credit", "champion")
    client.delete_model_version("credit", "3")
    assert [each.name for each in client.search_registered_models("name = 'credit'")] == ["credit"]


def test_a_mistake_is_told_at_once(client: Any) -> None:
    from mlflow.exceptions import MlflowException

    client.create_registered_model("mistakes")
    client.create_model_version("mistakes", "s3://bucket/1")
    begun = time.monotonic()
    mistakes: list[tuple[str, Callable[[], Any]]] = [
        ("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model("mistakes")),
        ("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model("nothing")),
        ("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version("mistakes", "9")),
        ("INVALID_PARAMETER_VALUE", lambda: client.search_registered_models("name = 'a' OR 1")),
        ("INVALID_PARAMETER_VALUE", lambda: client.create_model_version("mistakes", "http://evil/")),
        ("INVALID_PARAMETER_VALUE", lambda: client.transition_model_version_stage(
            "mistakes", "1", "None", archive_existing_versions=True)),
    ]  # fmt: skip
    for code, wrong in mistakes:
        with pytest.raises(MlflowException) as refusal:
            wrong()
        assert refusal.value.error_code == code
    assert time.monotonic() - begun < 30, "the client repeated a call"


def test_a_client_whose_registry_alone_is_here_gets_the_sealed_bytes(
    client: Any, server: Served, tmp_path: Path
) -> None:
    import mlflow

    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "weights.bin").write_bytes(b"w" * 100)
    with open_client(server.url, home=tmp_path, token=server.token) as registry:
        registry.register("sealed", folder)
        registry.promote("sealed:1", "production")
    client.set_registered_model_alias("sealed", "champion", "1")
    client.copy_model_version("models:/sealed/1", "copied")
    mlflow.set_registry_uri(server.url)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/tracking.db")
    try:
        for uri in ("models:/sealed@champion", "models:/sealed/1", "models:/sealed/Production",
                    "models:/copied/latest"):  # fmt: skip
            to = tmp_path / uri.replace("/", "_")
            got = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(to)))
            assert (got / "data" / "weights.bin").read_bytes() == b"w" * 100
    finally:
        mlflow.set_registry_uri("")
        mlflow.set_tracking_uri("")


def test_an_address_selects_a_project_and_a_user_signs_in_by_name(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    with open_client(server.url, home=tmp_path, token=server.token) as registry:
        registry.create_project("fraud")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", server.token)
    tracking = f"sqlite:///{tmp_path}/tracking.db"
    there = MlflowClient(tracking, f"{server.url}/projects/fraud")
    there.create_registered_model("only-there")
    assert [each.name for each in there.search_registered_models()] == ["only-there"]
    with pytest.raises(MlflowException, match="not found"):
        MlflowClient(tracking, server.url).get_registered_model("only-there")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    with pytest.raises(MlflowException) as refusal:
        there.get_registered_model("only-there")
    assert refusal.value.error_code == "UNAUTHENTICATED"
