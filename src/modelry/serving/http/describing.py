"""What the service tells of itself and of its model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelry.serving.runners import Spec
from modelry.serving.service import InferenceService
from modelry.serving.standing import Loaded

Document = dict[str, Any]


def server_document() -> Document:
    """Answer the server's metadata."""
    from modelry import __version__

    return {"name": "modelry", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_document(service: InferenceService, loaded: Loaded) -> Document:
    """Answer the model's metadata, and under `state` how it stands with the registry."""
    version = loaded.version
    return {
        "name": version.full_name,
        "versions": [loaded.number],
        "platform": loaded.runner.platform,
        "inputs": _tensors(loaded.runner.inputs),
        "outputs": _tensors(loaded.runner.outputs),
        "state": {
            "stage": service.stage,
            "ref": version.ref,
            "label": version.version,
            "digest": version.digest,
            "since": loaded.since,
            **_sight(service),
        },
    }


def _sight(service: InferenceService) -> Document:
    """Answer what the last look at the registry saw; times are seconds since 1970 UTC."""
    sight = service.sight
    told: Document = {
        "registry_reachable": service.reachable(),
        "registry_answered_at": sight.answered_at,
        "in_production": None if sight.wanted is None else str(sight.wanted),
    }
    if sight.trouble:
        told["registry_trouble"] = sight.trouble
    if sight.refused:
        told["refused"] = {
            "version": str(sight.refused.version),
            "reason": sight.refused.reason,
            "at": sight.refused.at,
            "again_at": sight.refused.again_at,
        }
    return told


def _tensors(specs: Sequence[Spec]) -> list[Document]:
    """Answer tensors; one of any number of dimensions shows no shape."""
    return [
        {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape or ())}
        for spec in specs
    ]
