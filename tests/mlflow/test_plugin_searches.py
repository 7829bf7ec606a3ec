"""What the plug-in leaves to a server's database: searches by MLflow's filters, and renaming."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.rest_store import RestStore
from mlflow.utils.rest_utils import MlflowHostCreds
from stock_site import THEIRS, Site, fresh

from modelry.integrations.mlflow.lists import Search, search_models, search_versions
from modelry.integrations.mlflow.store import ModelryStore

pytestmark = THEIRS
at_a_server = pytest.mark.parametrize("plugged", ["server", "host"], indirect=True)
embedded = pytest.mark.parametrize("plugged", ["embedded"], indirect=True)
Asked = tuple[str, int, list[str]]
Page = Callable[[str | None], PagedList[Any]]

MODELS = [
    ("name LIKE '{word}%'", []),
    ("name ILIKE '{WORD}%'", ["name DESC"]),
    ("name LIKE '{word}%' AND tags.team = 'risk'", ["name ASC"]),
    ("name LIKE '{word}%' AND tags.team != 'risk'", []),
    ("name = '{word}-b'", []),
    ("name LIKE '{word}%'", ["last_updated_timestamp DESC", "name ASC"]),
    ("name = 'nobody'", []),
]
VERSIONS = [
    ("name LIKE '{word}%'", ["name ASC", "version_number ASC"]),
    ("name = '{word}-a'", []),
    ("name IN ('{word}-a', '{word}-b') AND version_number > 1", ["version_number DESC"]),
    ("name LIKE '{word}%' AND tags.n = '0'", ["name DESC"]),
    ("name LIKE '{word}%' AND tags.`n` LIKE '%1'", []),
    ("name LIKE '{word}%' AND run_id = 'run-2'", ["creation_timestamp ASC"]),
    ("name = 'nobody'", []),
]


@pytest.fixture
def plug(plugged: MlflowClient) -> ModelryStore:
    """Answer the store of the plug-in."""
    del plugged  # it is what makes the address one of the plug-in
    return ModelryStore(mlflow.get_registry_uri())


@pytest.fixture
def stock(ours: Site) -> RestStore:
    """Answer MLflow's own store at the same server."""
    return RestStore(lambda: MlflowHostCreds(ours.url, token=ours.token))


@pytest.fixture
def word(plugged: MlflowClient, tmp_path: Path) -> str:
    """Make two models of three versions each and one without any; answer how their names begin."""
    word = fresh("found")
    for letter, team in (("a", "risk"), ("b", "growth")):
        name = f"{word}-{letter}"
        plugged.create_registered_model(name, {"team": team}, f"The model {letter}")
        for number in range(3):
            file = tmp_path / f"{letter}{number}.bin"
            file.write_bytes(f"{letter}{number}".encode())
            plugged.create_model_version(
                name, str(file), f"run-{number}", {"z": "z", "n": str(number)}, "http://run/1",
                description=f"version {number}",
            )  # fmt: skip
        plugged.set_registered_model_alias(name, "champion", "2")
        plugged.set_registered_model_alias(name, "best", "2")
        plugged.transition_model_version_stage(name, "1", "Production")
    plugged.create_registered_model(f"{word}-c")
    return word


def named(text: str, word: str) -> str:
    return text.replace("{word}", word).replace("{WORD}", word.upper())


def pages(page_at: Page) -> Iterator[list[tuple[str, str]]]:
    """Answer the names, and the numbers of versions, of every page."""
    token = None
    while True:
        page = page_at(token)
        yield [(each.name, str(getattr(each, "version", ""))) for each in page]
        token = page.token
        if not token:
            return


def told(entity: ModelVersion | RegisteredModel) -> dict[str, object]:
    """Answer all that an entity tells but when it last changed, which only the server knows."""
    facts = dict(entity)
    facts.pop("last_updated_timestamp")
    facts["latest_versions"] = [told(each) for each in facts.get("latest_versions") or ()]
    return facts


@at_a_server
@pytest.mark.parametrize("most", [1, 2, 100])
def test_models_are_found_as_mlflow_s_own_client_and_this_process_find_them(
    plug: ModelryStore, stock: RestStore, word: str, most: int
) -> None:
    for text, order in MODELS:
        asked = (named(text, word), most, order)
        here = partial(searched_here, search_models, plug, asked)
        found = list(pages(partial(plug.search_registered_models, *asked)))
        assert found == list(pages(partial(stock.search_registered_models, *asked))), asked
        assert found == list(pages(here)), asked


@at_a_server
@pytest.mark.parametrize("most", [1, 2, 100])
def test_versions_are_found_as_mlflow_s_own_client_and_this_process_find_them(
    plug: ModelryStore, stock: RestStore, word: str, most: int
) -> None:
    for text, order in VERSIONS:
        asked = (named(text, word), most, order)
        here = partial(searched_here, search_versions, plug, asked)
        found = list(pages(partial(plug.search_model_versions, *asked)))
        assert found == list(pages(partial(stock.search_model_versions, *asked))), asked
        if order:  # by default the latest change comes first, which this process does not know
            assert found == list(pages(here)), asked


def searched_here(
    search: Callable[..., PagedList[Any]], plug: ModelryStore, asked: Asked, token: str | None
) -> PagedList[Any]:
    """Search in this process, as the plug-in does in an embedded registry."""
    return search(plug._registry, plug._place, Search(*asked, token))


@at_a_server
def test_what_is_found_looks_as_what_is_looked_up(plug: ModelryStore, word: str) -> None:
    models = plug.search_registered_models(f"name LIKE '{word}%'")
    assert [each.name for each in models] == [f"{word}-a", f"{word}-b", f"{word}-c"]
    for model in models:
        assert told(model) == told(plug.get_registered_model(model.name))
    versions = plug.search_model_versions(f"name LIKE '{word}%'")
    assert len(versions) == 6
    for version in versions:
        assert told(version) == told(plug.get_model_version(version.name, version.version))


@at_a_server
def test_versions_are_found_by_the_source_that_the_plug_in_shows(
    plug: ModelryStore, word: str
) -> None:
    source = plug.get_model_version(f"{word}-a", "2").source
    assert source is not None
    assert source.startswith("modelry://")
    (found,) = plug.search_model_versions(f"source_path = '{source}'")
    assert (found.name, found.version) == (f"{word}-a", "2")


@at_a_server
def test_found_versions_are_fetched(plug: ModelryStore, word: str) -> None:
    for version in plug.search_model_versions(f"name LIKE '{word}%'"):
        assert version.source is not None
        by_source = Path(get_artifact_repository(version.source).download_artifacts(""))
        uri = f"models:/{version.name}/{version.version}"
        by_name = Path(mlflow.artifacts.download_artifacts(uri))
        want = f"{version.name[-1]}{int(version.version) - 1}".encode()
        assert [each.read_bytes() for each in by_source.iterdir()] == [want]
        assert [each.read_bytes() for each in by_name.iterdir()] == [want]


@at_a_server
def test_a_search_asks_the_server_once_and_not_for_every_model(
    plug: ModelryStore, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("everything is read")

    registry = plug._registry
    monkeypatch.setattr(type(registry), "models", never)
    monkeypatch.setattr(type(registry), "versions", never)
    assert len(plug.search_registered_models(f"name LIKE '{word}%'")) == 3
    assert len(plug.search_model_versions(f"name = '{word}-a'")) == 3


@at_a_server
def test_a_title_is_found_under_the_name_that_the_plug_in_takes(
    plug: ModelryStore, stock: RestStore
) -> None:
    title = f"Wer zahlt {os.getpid()} {fresh('titled')}"
    stock.create_registered_model(title)
    stock.create_model_version(title, "s3://bucket/model")
    (found,) = plug.search_registered_models(f"name = '{title}'")
    assert told(found) == told(plug.get_registered_model(found.name))
    (version,) = plug.search_model_versions(f"name = '{title}'")
    assert told(version) == told(plug.get_model_version(found.name, "1"))


@at_a_server
def test_stages_are_called_as_their_project_calls_them(
    plugged: MlflowClient, ours: Site, tmp_path: Path
) -> None:
    del plugged  # it is what gives the plug-in its token
    project = fresh("staged").lower()
    (tmp_path / "model.bin").write_bytes(b"weights")
    with ours.native() as registry:
        registry.create_project(project)
        registry.configure_stages(["draft", {"name": "live", "exclusive": True}], project)
        for label in ("1.0", "2.0"):
            registry.register(f"{project}/model", tmp_path / "model.bin", version=label)
        registry.promote(f"{project}/model:1", "live")
    store = ModelryStore(ours.url.replace("http://", "modelry://") + f"/{project}")
    found = {each.version: each for each in store.search_model_versions("name = 'model'")}
    assert {number: each.current_stage for number, each in found.items()} == {
        "1": "live", "2": "draft",
    }  # fmt: skip
    (model,) = store.search_registered_models()
    assert told(model) == told(store.get_registered_model("model"))


@at_a_server
def test_a_model_is_renamed_with_all_that_it_has(
    plugged: MlflowClient, plug: ModelryStore, word: str
) -> None:
    old, new = f"{word}-a", fresh("renamed")
    renamed = plug.rename_registered_model(old, new)
    assert (renamed.name, renamed.aliases) == (new, {"champion": "2", "best": "2"})
    assert renamed.tags == {"team": "risk"}
    assert renamed.description == "The model a"
    versions = plugged.search_model_versions(f"name = '{new}'", order_by=["version_number ASC"])
    assert [(each.version, each.run_id) for each in versions] == [
        ("1", "run-0"), ("2", "run-1"), ("3", "run-2"),
    ]  # fmt: skip
    assert [each.tags["n"] for each in versions] == ["0", "1", "2"]
    assert plugged.get_model_version(new, "1").current_stage == "Production"
    (file,) = Path(mlflow.artifacts.download_artifacts(f"models:/{new}@champion")).iterdir()
    assert file.read_bytes() == b"a1"
    assert plugged.search_registered_models(f"name = '{old}'") == []
    assert code_of(lambda: plugged.get_registered_model(old)) == "RESOURCE_DOES_NOT_EXIST"


def code_of(asked: Callable[[], object]) -> str:
    """Answer the code with which something is refused."""
    with pytest.raises(MlflowException) as said:
        asked()
    return str(said.value.error_code)


@at_a_server
def test_refusals_to_rename_and_to_search_have_mlflow_s_codes(
    plugged: MlflowClient, word: str
) -> None:
    rename, search = plugged.rename_registered_model, plugged.search_model_versions
    assert code_of(lambda: rename(f"{word}-a", f"{word}-b")) == "RESOURCE_ALREADY_EXISTS"
    plugged.delete_registered_model(f"{word}-c")
    assert code_of(lambda: rename(f"{word}-a", f"{word}-c")) == "RESOURCE_ALREADY_EXISTS"
    assert code_of(lambda: rename("nobody", fresh("any"))) == "RESOURCE_DOES_NOT_EXIST"
    assert code_of(lambda: rename(f"{word}-a", "no name/of ours")) == "INVALID_PARAMETER_VALUE"
    assert code_of(lambda: search("", order_by=["colour ASC"])) == "INVALID_PARAMETER_VALUE"
    assert code_of(lambda: search("colour = 'red'")) == "INVALID_PARAMETER_VALUE"
    assert code_of(lambda: search("", 10, [], "none")) == "INVALID_PARAMETER_VALUE"
    assert plugged.get_registered_model(f"{word}-a").name == f"{word}-a"


@at_a_server
def test_a_stranger_and_a_reader_are_refused(
    plugged: MlflowClient, word: str, ours: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ours.native() as registry:
        account = fresh("reader")
        registry.admin.create_account(account)
        registry.admin.set_member("default", account, "reader")
        secret = registry.admin.create_token(account, "mlflow").secret
    monkeypatch.setenv("MODELRY_TOKEN", secret)
    assert len(plugged.search_registered_models(f"name LIKE '{word}%'")) == 3
    asked = partial(plugged.rename_registered_model, f"{word}-a", fresh("any"))
    assert code_of(asked) == "PERMISSION_DENIED"
    monkeypatch.setenv("MODELRY_TOKEN", "modelry_nobody")
    assert code_of(plugged.search_registered_models) == "UNAUTHENTICATED"
    assert code_of(asked) == "UNAUTHENTICATED"


@embedded
def test_an_embedded_registry_searches_here_and_renames_nothing(
    plugged: MlflowClient, plug: ModelryStore, word: str
) -> None:
    found = plug.search_registered_models(f"name LIKE '{word}%'", 2, ["name DESC"])
    assert [each.name for each in found] == [f"{word}-c", f"{word}-b"]
    assert found.token
    numbers = plug.search_model_versions(f"name = '{word}-a' AND version_number > 1")
    assert [each.version for each in numbers] == ["3", "2"]
    with pytest.raises(MlflowException, match="keeps its name") as said:
        plugged.rename_registered_model(f"{word}-a", "other")
    assert said.value.error_code == "NOT_IMPLEMENTED"
