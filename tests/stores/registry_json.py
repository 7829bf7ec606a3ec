"""A `registry.json` for tests: the example of the design, and a hand that edits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelry.core.events import Event
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

NAME = "yolov8n-coco"
EXAMPLE = """{
  "models": [
    {
      "model_name": "yolov8n-coco",
      "version": 1,
      "path": "models/yolov8n-coco/v1/model.onnx",
      "status": "production",
      "creation_timestamp": "2025-06-25T12:00:00Z",
      "metadata": {
        "description": "Initial YOLOv8 Nano model trained on COCO.",
        "metrics": {
          "accuracy": 0.78,
          "latency_ms": 30
        }
      }
    },
    {
      "model_name": "yolov8n-coco",
      "version": 2,
      "path": "models/yolov8n-coco/v2/model.onnx",
      "status": "staging",
      "creation_timestamp": "2025-07-01T15:30:00Z",
      "metadata": {
        "description": "Retrained with additional data.",
        "metrics": {
          "accuracy": 0.82,
          "latency_ms": 32
        }
      }
    }
  ]
}
"""
Entries = list[dict[str, Any]]


def opened(path: Path) -> RegistryRepository:
    return connect(f"json:{path}", home=path.parent / "home")


def entries(path: Path) -> Entries:
    found: Entries = json.loads(path.read_bytes())["models"]
    return found


def edit(path: Path, change: Callable[[Entries], object]) -> None:
    """Edit the file as an editor does: in place, with its own taste of white space."""
    found = entries(path)
    change(found)
    path.write_text(json.dumps({"models": found}), encoding="utf-8")


def told(registry: RegistryRepository, name: str = NAME) -> list[Event]:
    """Answer what happened, oldest first, where the whole history is sound."""
    assert registry.audit().problems == ()
    return list(registry.history(name))[::-1]


def sentences(events: list[Event]) -> list[tuple[str, int | None]]:
    return [(str(event.kind), event.number) for event in events]
