"""Keras 3: a zip of `config.json`, `metadata.json` and weights.

The layout is that of `keras/src/saving/saving_lib.py`. A Lambda layer carries
bytecode, and a module outside Keras is imported when the model is loaded
(CVE-2024-3660, CVE-2025-1550, CVE-2025-9905); both are noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.model import Findings, Signature, TensorSpec
from modelry.formats import foreign_json
from modelry.formats.quoting import plain, several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelry.core.strict_json import Json
    from modelry.formats.archive import Archive

_CONFIG, _METADATA = "config.json", "metadata.json"
_MOST = 16 * 1024 * 1024
_OWN = ("keras", "builtins", "keras_hub", "keras_cv", "keras_nlp")
_MAX_TOLD = 100


def describe(archive: Archive) -> Findings | None:
    """Answer class, layers, version and inputs, None where it is not of Keras."""
    if not {_CONFIG, _METADATA} <= archive.entries.keys():
        return None
    config = foreign_json.load_object(archive.small(_CONFIG, _MOST), _CONFIG)
    metadata = foreign_json.load_object(archive.small(_METADATA, _MOST), _METADATA)
    if "class_name" not in config or "keras_version" not in metadata:
        return None
    layers = [one for one in _objects(config) if isinstance(one.get("class_name"), str)]
    details: dict[str, Json] = {
        "keras_version": _text(metadata["keras_version"]),
        "class_name": _text(config["class_name"]),
        "layers": _layer_count(config),
    }
    return Findings(
        format="keras",
        framework="keras",
        signature=_signature(layers),
        details=details,
        notes=(*_notes(layers), *archive.hidden()),
    )


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    """Answer every object in the document; its depth was bounded when it was read."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for one in inner:  # type: ignore[union-attr]
            yield from _objects(one)


def _text(value: Json) -> str:
    return plain(value) if isinstance(value, str) else ""


def _layer_count(config: dict[str, Json]) -> int | None:
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    return len(layers) if isinstance(layers, list) else None


def _signature(layers: list[dict[str, Json]]) -> Signature | None:
    found = [one["config"] for one in layers if one["class_name"] == "InputLayer"]
    inputs = tuple(_input(one) for one in found[:_MAX_TOLD] if isinstance(one, dict))
    return Signature(inputs) if inputs else None


def _input(config: dict[str, Json]) -> TensorSpec:
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    sizes = tuple(_size(one) for one in shape) if isinstance(shape, list) else None
    return TensorSpec(_text(config.get("name")), _text(config.get("dtype")) or "float32", sizes)


def _size(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _notes(layers: list[dict[str, Json]]) -> list[str]:
    notes = []
    if any(one["class_name"] in ("Lambda", "__lambda__") for one in layers):
        notes.append("it has a Lambda layer, which carries Python code that loading would run")
    modules = {_text(one.get("module")) for one in layers} - {""}
    foreign = sorted(one for one in modules if one.split(".")[0] not in _OWN)
    if foreign:
        notes.append(f"loading it would import {several(foreign)}")
    return notes
