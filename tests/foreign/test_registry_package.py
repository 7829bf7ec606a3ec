"""One suite of the registry package over MLflow, the Hub and Modelry (S0)."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
from mlflow_place import MlflowPlace

import modelry
from modelry.core.errors import Invalid, NotFound, RegistryError
from modelry.infra.config import parse_string, to_object
from modelry.registry import (
    Loader,
    ModelInfo,
    ModelVersion,
    Register,
    RegistryRepository,
    Repository,
    Saver,
    loader_of,
    register_of,
    saver_of,
)
from modelry.testing.hub import Hub

KINDS = ("Mlflow", "HuggingFace", "Modelry")


@dataclass(frozen=True)
class Parts:
    """The parts of one kind, chosen by a configuration, and the address of their registry."""

    saver: Saver
    register: Register
    loader: Loader
    uri: str


@pytest.fixture(params=KINDS)
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parts]:
    kind = str(request.param)
    given = {
        "Mlflow": ("", ""),
        "HuggingFace": ("repo: ann/churn", "namespace: ann"),
        "Modelry": ("", f"uri: sqlite:///{tmp_path}/ours/registry.db"),
    }[kind]
    text = f"""
        saver: {{KIND: {kind}Saver, {given[0]}}}
        register: {{KIND: {kind}Register, tags: {{team: risk}}, {given[1]}}}
        loader: {{KIND: {kind}Loader, {given[1] if kind == "Modelry" else ""}}}
    """
    read = to_object(parse_string(text))
    assert isinstance(read, dict)
    uri = _address(request, kind, tmp_path)
    yield Parts(
        saver_of(read["saver"]), register_of(read["register"]), loader_of(read["loader"]), uri
    )
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # MLflow's own way to forget it
    mlflow.set_registry_uri("")
    os.environ.pop("MLFLOW_REGISTRY_URI", None)


def _address(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> str:
    if kind == "HuggingFace":
        hub: Hub = request.getfixturevalue("at_hub")
        assert hub.url
        return "hf://ann"
    if kind == "Modelry":
        return f"sqlite:///{tmp_path}/ours/registry.db"
    place: MlflowPlace = request.getfixturevalue("mlflow_place")
    uri = place.make("registry")
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return f"mlflow:{uri}"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "made" / "deep").mkdir(parents=True)
    (tmp_path / "made" / "deep" / "w.bin").write_bytes(b"weights" * 100)
    return tmp_path / "made"


def test_a_pipeline_saves_registers_and_loads_whichever_registry_it_is(
    parts: Parts, model: Path
) -> None:
    info = parts.saver.save(model)
    assert isinstance(info, ModelInfo)
    assert bool(info.run_id) == info.model_uri.startswith("models:/m-")
    version = parts.register.register("churn", info.model_uri)
    assert isinstance(version, ModelVersion)
    assert (version.name, version.version, version.stage) == ("churn", "1", "None")
    again = parts.register.register("churn", parts.saver.save(model).model_uri)
    assert again.version == "2"
    loaded = parts.loader.load(version.model_uri)
    assert (loaded / "deep" / "w.bin").read_bytes() == b"weights" * 100
    with modelry.connect(parts.uri) as registry:
        assert registry.resolve("churn:1").tags == {"team": "risk"}


def test_a_version_is_promoted_through_the_four_stages(parts: Parts, model: Path) -> None:
    with modelry.connect(parts.uri) as registry:
        repository: RegistryRepository = Repository(registry)
        made = repository.register("churn", str(model))
        assert made.stage == "None"
        for stage in ("Staging", "Production", "Archived", "None"):
            assert repository.promote("churn", made.version, stage).stage == stage
        with pytest.raises(Invalid, match="there is no stage"):
            repository.promote("churn", made.version, "Somewhere")
        with pytest.raises(NotFound):
            repository.promote("churn", "9", "Staging")


def test_what_is_not_there_is_refused_in_the_same_way(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file or folder at"):
        parts.saver.save(tmp_path / "absent")
    with pytest.raises(RegistryError):
        parts.loader.load("models:/absent/1")


@pytest.mark.parametrize("choose", [register_of, saver_of, loader_of])
def test_a_configuration_that_is_none_is_refused_by_its_field(
    choose: type[object],
) -> None:
    for given in ({}, {"KIND": "OtherRegister"}, {"KIND": "MlflowRegister", "extra": 1}):
        with pytest.raises(Invalid, match="the configuration is not right at"):
            choose(given)  # type: ignore[call-arg]  # a function


def test_the_parts_are_classes_of_our_own() -> None:
    for kind in (ModelVersion, ModelInfo, Register, Saver, Loader):
        assert kind.__module__.startswith("modelry.registry")
    for part in (Register, Saver, Loader):
        assert inspect.isabstract(part)
    assert ModelVersion.__slots__ == ("name", "version", "model_uri", "stage")
    assert ModelInfo.__slots__ == ("model_uri", "run_id")
