"""S3.8 to S3.12 and S3.18: the service around one `registry.json`, case by case as it was designed."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from modelry.core.errors import Conflict, Invalid
from modelry.services import ModelRegistryService
from modelry.wiring import connect

NAME = "yolov8n-coco"
SAID = {"description": "Initial model.", "metrics": {"accuracy": 0.78, "latency_ms": 30}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an application, which is where it runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def service(folder: Path) -> Iterator[ModelRegistryService]:
    del folder
    with ModelRegistryService() as made:
        yield made


def path_of(version: int) -> str:
    return f"models/{NAME}/v{version}/model.onnx"


def on_disk() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path("models/registry.json").read_bytes())["models"]
    return found


def test_register_new_model(service: ModelRegistryService) -> None:
    entry = service.register_model(NAME, 1, path_of(1), SAID)
    assert list(entry) == [
        "model_name", "version", "path", "status", "creation_timestamp", "metadata",
    ]  # fmt: skip
    assert (entry["model_name"], entry["version"], entry["path"]) == (NAME, 1, path_of(1))
    assert (entry["status"], entry["metadata"]) == ("none", SAID)
    assert datetime.fromisoformat(entry["creation_timestamp"]).tzinfo is not None
    (kept,) = on_disk()
    assert kept.pop("metadata").items() >= SAID.items()
    assert kept == {key: value for key, value in entry.items() if key != "metadata"}


def test_register_duplicate_version_fails(service: ModelRegistryService) -> None:
    service.register_model(NAME, 1, path_of(1), SAID)
    before = Path("models/registry.json").read_bytes()
    for path in (path_of(1), path_of(2)):
        with pytest.raises(Conflict, match=f"{NAME}:1|{NAME} 1 is taken"):
            service.register_model(NAME, 1, path, {})
    assert Path("models/registry.json").read_bytes() == before


def test_list_models(service: ModelRegistryService) -> None:
    assert service.list_models() == []
    made = [service.register_model(NAME, n, path_of(n), {}) for n in (1, 2)]
    made.append(service.register_model("zoo", 1, "models/zoo.onnx", {"owner": "ada"}))
    assert service.list_models() == made


def test_list_models_by_name(service: ModelRegistryService) -> None:
    made = [service.register_model(NAME, n, path_of(n), {}) for n in (1, 2, 3)]
    service.register_model("zoo", 1, "models/zoo.onnx", {})
    assert service.list_models(NAME) == service.list_models(model_name=NAME) == made
    assert service.list_models("nothing") == []


def test_activate_model(service: ModelRegistryService) -> None:
    service.register_model(NAME, 1, path_of(1), {})
    entry = service.activate_model_version(NAME, 1)
    assert entry is not None
    assert entry["status"] == "production"
    assert service.list_models() == [entry]
    assert service.activate_model_version(NAME, 1) == entry
    assert service.activate_model_version(NAME, 2) is None
    assert service.activate_model_version("nothing", 1) is None


def test_activate_demotes_old_production(service: ModelRegistryService) -> None:
    for number in (1, 2, 3):
        service.register_model(NAME, number, path_of(number), {})
    for number in (1, 2):
        service.activate_model_version(NAME, number)
    assert [each["status"] for each in service.list_models()] == ["staging", "production", "none"]
    assert [each["status"] for each in on_disk()] == ["staging", "production", "none"]


def test_get_production_model(service: ModelRegistryService) -> None:
    assert service.get_production_model(NAME) is None
    service.register_model(NAME, 1, path_of(1), {})
    assert service.get_production_model(NAME) is None
    active = service.activate_model_version(NAME, 1)
    service.register_model(NAME, 2, path_of(2), {})
    assert service.get_production_model(NAME) == active
    with ModelRegistryService() as restarted:
        assert restarted.get_production_model(NAME) == active


def test_file_locking(service: ModelRegistryService) -> None:
    def work(model: str) -> None:
        for number in range(1, 6):
            service.register_model(model, number, f"models/{model}/{number}", {})

    threads = [threading.Thread(target=work, args=(f"thread-{at}",)) for at in range(4)]
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_register, args=(f"process-{at}",)) for at in range(4)]
    for child in children:
        child.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    found = {(each["model_name"], each["version"]) for each in on_disk()}
    names = [f"{kind}-{at}" for kind in ("process", "thread") for at in range(4)]
    assert found == {(name, number) for name in names for number in range(1, 6)}
    assert len(service.list_models()) == 40


def _register(model: str) -> None:
    with ModelRegistryService() as own:
        for number in range(1, 6):
            own.register_model(model, number, f"models/{model}/{number}", {})


def test_the_registry_is_made_empty_where_there_is_none(folder: Path) -> None:
    with ModelRegistryService("deep/models/registry.json") as service:
        assert service.registry_path == "deep/models/registry.json"
        text = (folder / "deep" / "models" / "registry.json").read_text(encoding="utf-8")
        assert json.loads(text) == {"models": []}
        assert service.list_models() == []


def test_bytes_that_are_there_are_sealed_and_served_under_their_path(
    service: ModelRegistryService,
) -> None:
    Path(path_of(1)).parent.mkdir(parents=True)
    Path(path_of(1)).write_bytes(b"weights")
    entry = service.register_model(NAME, 1, path_of(1), SAID)
    assert (entry["path"], entry["metadata"]) == (path_of(1), SAID)
    Path(path_of(1)).write_bytes(b"other weights")
    with connect("json:models/registry.json") as registry:
        assert registry.use(f"{NAME}:1").read_bytes() == b"weights"
        assert registry.audit().problems == ()
    with pytest.raises(Conflict, match="is taken"):
        service.register_model(NAME, 1, path_of(1), SAID)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (("../x", 1, "p", {}), "not a project name"),
        ((NAME, 0, "p", {}), "not a version number"),
        ((NAME, "1", "p", {}), "whole number"),
        ((NAME, True, "p", {}), "whole number"),
        ((NAME, 1, "p\0", {}), "U\\+0000"),
        ((NAME, 1, "p", {"metrics": {"auc": "high"}}), "a metric is a number"),
        ((NAME, 1, "p", {"metrics": {"auc": float("nan")}}), "finite"),
        ((NAME, 1, "p", {"metrics": [1]}), "map of numbers"),
        ((NAME, 1, "p", {"modelry": {}}), "the registry's own"),
        ((NAME, 1, "p", "text"), "metadata is a map"),
    ],
)
def test_what_breaks_a_rule_leaves_the_file_as_it_is(
    service: ModelRegistryService, facts: tuple[Any, ...], why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        service.register_model(*facts)
    assert on_disk() == []


def test_numbers_rise_and_never_come_back(service: ModelRegistryService) -> None:
    service.register_model(NAME, 3, path_of(3), {})
    with pytest.raises(Conflict, match="the next is 4, not 2"):
        service.register_model(NAME, 2, path_of(2), {})
    assert [each["version"] for each in service.list_models()] == [3]


def test_s3_4_the_storage_behind_the_service_can_be_swapped(folder: Path) -> None:
    answers = []
    for address in ("models/registry.json", f"sqlite:///{folder}/registry.db"):
        with ModelRegistryService(address) as service:
            for number in (1, 2):
                service.register_model(NAME, number, path_of(number), SAID)
                service.activate_model_version(NAME, number)
            found = [*service.list_models(), service.get_production_model(NAME)]
            answers.append([{**(each or {}), "creation_timestamp": ""} for each in found])
    assert answers[0] == answers[1]
    assert [each["status"] for each in answers[0]] == ["staging", "production", "production"]
