"""S3.17: the file on a persistent volume, as its compose file has it, outlives the container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import yaml
from deployed import CHECKOUT

from modelry.testing.server import served

FILE = CHECKOUT / "deploy" / "json" / "compose.yaml"
MODELS = "/api/v1/registry/models"
NAME = "yolov8n-coco"


def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]["registry"]
    return found


def test_everything_that_lasts_lies_on_the_named_volume() -> None:
    (volume,) = service()["volumes"]
    assert volume == "models:/data"
    assert yaml.safe_load(FILE.read_text(encoding="utf-8"))["volumes"] == {"models": {}}
    places = service()["environment"]
    assert places["MODELRY_URI"] == "json:/data/models/registry.json"
    assert json.loads(places["MODELRY_SOURCE_FOLDERS"]) == ["/data/models"]
    assert places["MODELRY_HOME"].startswith("/data/")
    assert (CHECKOUT / "deploy" / "json" / service()["build"] / "Dockerfile").is_file()


def test_the_container_may_do_little_and_is_reached_from_this_machine_alone() -> None:
    told = service()
    assert (told["read_only"], told["cap_drop"], told["user"]) == (True, ["ALL"], "10001:10001")
    assert "no-new-privileges:true" in told["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in told["ports"])


def test_versions_and_what_is_in_production_are_there_after_a_restart(tmp_path: Path) -> None:
    environment = {
        name: value.replace("/data", str(tmp_path / "data"))
        for name, value in service()["environment"].items()
    }
    uri = environment.pop("MODELRY_URI")
    folder = tmp_path / "data" / "models" / NAME / "v1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"weights")
    path = f"models/{NAME}/v1/model.onnx"
    blobs = (tmp_path / "data" / "models" / "blobs").as_uri()
    with served(uri, blobs, **environment) as first:
        headers = {"Authorization": f"Bearer {first.token}"}
        body = {"model_name": NAME, "version": 1, "path": path}
        assert httpx.post(f"{first.url}{MODELS}", json=body, headers=headers).status_code == 201
        activate = f"{first.url}{MODELS}/{NAME}/1/activate"
        made = httpx.put(activate, headers=headers).json()
        assert (made["status"], made["path"]) == ("production", path)
        leak = {**body, "version": 2, "path": "models/registry.history.jsonl"}
        assert httpx.post(f"{first.url}{MODELS}", json=leak, headers=headers).status_code == 404
    with served(uri, blobs, **environment) as second:
        assert httpx.get(f"{second.url}{MODELS}", headers=headers).json() == {"models": [made]}
        assert second.token == ""
