"""What a stock client does with the registry alone: models, versions, stages, aliases, tags."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException, RestException
from stock_site import THEIRS, fresh

pytestmark = THEIRS


def version_of(stock: MlflowClient, name: str) -> ModelVersion:
    """Make a version that names bytes elsewhere."""
    return stock.create_model_version(name, "s3://bucket/model", tags={"team": "risk"})


@pytest.fixture
def name(stock: MlflowClient) -> str:
    name = fresh("credit")
    stock.create_registered_model(name, tags={"team": "risk"}, description="Who pays back")
    return name


def test_a_model_has_its_tags_and_description(stock: MlflowClient, name: str) -> None:
    found = stock.get_registered_model(name)
    assert (found.name, found.description, found.tags) == (name, "Who pays back", {"team": "risk"})
    assert found.latest_versions == []
    stock.update_registered_model(name, "Who pays back in time")
    stock.set_registered_model_tag(name, "owner", "amy")
    stock.delete_registered_model_tag(name, "team")
    stock.delete_registered_model_tag(name, "never was")
    found = stock.get_registered_model(name)
    assert (found.description, found.tags) == ("Who pays back in time", {"owner": "amy"})


def test_a_name_is_taken_once_and_an_unknown_one_is_not_found(
    stock: MlflowClient, name: str
) -> None:
    with pytest.raises(
        RestException, match=rf"Registered Model \(name={name}\) already exists"
    ) as said:
        stock.create_registered_model(name)
    assert said.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with pytest.raises(RestException, match="Registered Model with name=nobody not found") as said:
        stock.get_registered_model("nobody")
    assert said.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException, match="Invalid model name"):
        stock.create_registered_model("a/b")


def test_versions_are_numbered_and_a_deleted_number_is_not_given_out_again(
    stock: MlflowClient, name: str
) -> None:
    made = [version_of(stock, name) for _ in range(3)]
    assert [each.version for each in made] == ["1", "2", "3"]
    assert {each.status for each in made} == {"READY"}
    stock.delete_model_version(name, "3")
    with pytest.raises(RestException, match=rf"Model Version \(name={name}, version=3\) not found"):
        stock.get_model_version(name, "3")
    assert version_of(stock, name).version == "4"


def test_a_version_is_described_and_tagged(stock: MlflowClient, name: str) -> None:
    version_of(stock, name)
    stock.update_model_version(name, "1", "The first one")
    stock.set_model_version_tag(name, "1", "checked", "yes")
    stock.delete_model_version_tag(name, "1", "team")
    found = stock.get_model_version(name, "1")
    assert (found.description, found.tags) == ("The first one", {"checked": "yes"})
    assert found.source == "s3://bucket/model"
    assert stock.get_model_version_download_uri(name, "1") == "s3://bucket/model"


def test_stages_move_as_mlflow_moves_them(stock: MlflowClient, name: str) -> None:
    for _ in range(3):
        version_of(stock, name)
    moved = stock.transition_model_version_stage(name, "1", "staging")
    assert moved.current_stage == "Staging"
    stock.transition_model_version_stage(name, "2", "Production")
    stock.transition_model_version_stage(name, "3", "Production", archive_existing_versions=True)
    stages = {v.version: v.current_stage for v in stock.search_model_versions(f"name = '{name}'")}
    assert stages == {"1": "Staging", "2": "Archived", "3": "Production"}
    latest = stock.get_latest_versions(name)
    assert {v.current_stage: v.version for v in latest} == {
        "Staging": "1", "Archived": "2", "Production": "3",
    }  # fmt: skip
    (live,) = stock.get_latest_versions(name, ["Production"])
    assert live.version == "3"
    with pytest.raises(RestException, match="Invalid Model Version stage: Shadow"):
        stock.transition_model_version_stage(name, "3", "Shadow")


def test_an_alias_moves_and_goes(stock: MlflowClient, name: str) -> None:
    for _ in range(2):
        version_of(stock, name)
    stock.set_registered_model_alias(name, "champion", "1")
    stock.set_registered_model_alias(name, "champion", "2")
    found = stock.get_model_version_by_alias(name, "champion")
    assert (found.version, found.aliases) == ("2", ["champion"])
    assert stock.get_registered_model(name).aliases == {"champion": "2"}
    assert stock.get_model_version_by_alias(name, "latest").version == "2"
    stock.delete_registered_model_alias(name, "champion")
    stock.delete_registered_model_alias(name, "champion")
    with pytest.raises(RestException, match="Registered model alias champion not found") as said:
        stock.get_model_version_by_alias(name, "champion")
    assert said.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException, match="reserved"):
        stock.set_registered_model_alias(name, "v1", "1")


def test_search_understands_names_tags_numbers_and_pages(stock: MlflowClient, name: str) -> None:
    other = f"{name}-b"
    stock.create_registered_model(other, tags={"team": "growth"})
    for _ in range(5):
        version_of(stock, name)
    found = stock.search_registered_models(f"name LIKE '{name}%'", order_by=["name DESC"])
    assert [each.name for each in found] == [other, name]
    found = stock.search_registered_models(f"name ILIKE '{name.upper()}%' and tags.team = 'growth'")
    assert [each.name for each in found] == [other]
    numbers: list[str] = []
    token = None
    while True:
        page = stock.search_model_versions(
            f"name = '{name}' and version_number > 1", max_results=2,
            order_by=["version_number ASC"], page_token=token,
        )  # fmt: skip
        numbers += [str(each.version) for each in page]
        if not (token := page.token):
            break
    assert numbers == ["2", "3", "4", "5"]
    with pytest.raises(RestException, match="Invalid clause"):
        stock.search_model_versions(f"name = '{name}' OR name = 'b'")


def test_a_model_is_renamed_with_all_that_it_has(stock: MlflowClient, name: str) -> None:
    version_of(stock, name)
    stock.set_registered_model_alias(name, "champion", "1")
    new = fresh("renamed")
    stock.rename_registered_model(name, new)
    assert stock.get_registered_model(new).name == new
    assert stock.get_model_version_by_alias(new, "champion").version == "1"
    with pytest.raises(RestException, match="not found"):
        stock.get_registered_model(name)
    version_of(stock, new)
    assert stock.get_latest_versions(new)[0].version == "2"


def test_a_deleted_model_is_gone_with_its_versions(stock: MlflowClient, name: str) -> None:
    version_of(stock, name)
    stock.delete_registered_model(name)
    assert stock.search_model_versions(f"name = '{name}'") == []
    with pytest.raises(RestException, match="not found"):
        stock.get_model_version(name, "1")
    with pytest.raises(RestException, match="not found"):
        stock.delete_registered_model(name)


def test_a_version_is_copied_to_another_model(stock: MlflowClient, name: str) -> None:
    first = version_of(stock, name)
    copy = fresh("copy")
    made = stock.copy_model_version(f"models:/{name}/1", copy)
    assert (made.name, made.version, made.tags) == (copy, "1", first.tags)
    assert made.source == f"models:/{name}/1"
    assert stock.get_model_version_download_uri(copy, "1") == "s3://bucket/model"
