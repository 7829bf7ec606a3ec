"""S3.1, S3.16, S3.20: an application starts with what a registry.json says is in production."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inference_site import scaled

from modelry.services import ModelRegistryService
from modelry.serving import InferenceService
from modelry.wiring import connect

NAME = "yolov8n-coco"
FILE = Path("models/registry.json")


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an application, with two models and a registry that somebody wrote by hand."""
    monkeypatch.chdir(tmp_path)
    entries = []
    for number, status in ((1, "production"), (2, "staging")):
        path = f"models/{NAME}/v{number}/model.onnx"
        scaled(tmp_path / path, number)
        entries.append({
            "model_name": NAME, "version": number, "path": path, "status": status,
            "creation_timestamp": f"2025-06-2{number}T12:00:00Z",
            "metadata": {"description": "By hand.", "metrics": {"latency_ms": 30}},
        })  # fmt: skip
    FILE.write_text(json.dumps({"models": entries}), encoding="utf-8")
    return tmp_path


def answered(service: InferenceService) -> list[list[float]]:
    found: list[list[float]] = service.predict({"x": [[1.0, 2.0]]}).outputs["y"].tolist()
    return found


@pytest.mark.usefixtures("application")
def test_the_application_starts_with_the_production_version_of_a_filled_file() -> None:
    with ModelRegistryService() as models:
        entry = models.get_production_model(NAME)
        assert entry is not None
        assert (entry["version"], entry["path"]) == (1, f"models/{NAME}/v1/model.onnx")
        with InferenceService(NAME, "json:models/registry.json", poll_seconds=0.02) as service:
            assert (service.version.number, answered(service)) == (1, [[1.0, 2.0]])
            models.activate_model_version(NAME, 2)
            assert service.follow_now()
            assert (service.version.number, answered(service)) == (2, [[2.0, 4.0]])
            text = FILE.read_text(encoding="utf-8").replace('"production"', '"archived"')
            FILE.write_text(text.replace('"staging"', '"production"'), encoding="utf-8")
            assert service.follow_now()
            assert service.version.number == 1


@pytest.mark.usefixtures("application")
def test_without_a_production_version_the_application_does_not_start() -> None:
    text = FILE.read_text(encoding="utf-8").replace('"production"', '"archived"')
    FILE.write_text(text, encoding="utf-8")
    with ModelRegistryService() as models:
        assert models.get_production_model(NAME) is None
    service = InferenceService(NAME, "json:models/registry.json")
    with pytest.raises(RuntimeError, match=r"No production model found in registry!"):
        service.start()


@pytest.mark.usefixtures("application")
def test_bytes_that_a_hand_names_are_sealed_when_they_are_seen() -> None:
    with connect("json:models/registry.json") as registry:
        version = registry.resolve(f"{NAME}:1")
        assert [file.path for file in version.files] == ["model.onnx"]
        assert version.findings is not None
        assert version.findings.format == "onnx"
        scaled(Path(version.source), 7)
        assert registry.verify(f"{NAME}:1").problems == ()
        assert registry.audit().problems == ()
        before = registry.use(f"{NAME}:1").read_bytes()
        assert before != Path(version.source).read_bytes()
        assert registry.gc(grace=0).blobs == 0
    kept = json.loads(FILE.read_bytes())["models"][0]
    assert kept["metadata"]["modelry"] == {"digest": version.digest, "size": version.size}
