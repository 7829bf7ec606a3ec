"""The inference service starts from a `registry.json` that is filled already (S3.20)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inference_site import MODEL, answering, row, scaled

from modelry.services import ModelRegistryService
from modelry.serving import InferenceService, NoProductionModel

FILE = "models/registry.json"


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MODELRY_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    with ModelRegistryService(FILE) as service:
        for number in (1, 2):
            path = scaled(tmp_path / f"m{number}.onnx", number)
            service.register_model(MODEL, number, str(path), {"description": f"times {number}"})
    return tmp_path / FILE


def test_s3_20_the_production_version_of_a_filled_file_answers(filled: Path) -> None:
    with pytest.raises(NoProductionModel, match=r"^No production model found in registry!$"):
        InferenceService(MODEL, f"json:{FILE}").start()
    with ModelRegistryService(FILE) as registry:
        registry.activate_model_version(MODEL, 2)
    service = InferenceService(MODEL, f"json:{filled}")
    with answering(service) as caller, service:
        assert caller.infer(row(1, 2)).json["outputs"][0]["data"] == [2, 4]


def test_a_status_that_a_person_set_in_the_file_is_what_starts(filled: Path) -> None:
    document = json.loads(filled.read_text(encoding="utf-8"))
    document["models"][0]["status"] = "production"
    filled.write_text(json.dumps(document), encoding="utf-8")
    with InferenceService(MODEL, f"json:{FILE}") as service:
        assert service.predict([[1, 2]]).outputs["y"].tolist() == [[1, 2]]
