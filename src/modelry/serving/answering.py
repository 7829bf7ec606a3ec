"""The answer to an inference request: a JSON document, and binary tensors behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelry.serving.asking import Asked
from modelry.serving.binary_tensors import to_binary
from modelry.serving.datatypes import Array, datatype_of
from modelry.serving.json_tensors import encoded, to_json


def write_answer(
    asked: Asked, answered: Sequence[Array], model: str, version: str
) -> tuple[bytes, int | None]:
    """Answer the body, and how many bytes of it are JSON (None: all of them)."""
    outputs: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for name, array in zip(asked.wanted, answered, strict=True):
        datatype = datatype_of(array.dtype)
        output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
        if name in asked.binary:
            tail.append(to_binary(array, datatype))
            output["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            output["data"] = to_json(array, datatype, name)
        outputs.append(output)
    document: dict[str, Any] = {"model_name": model, "model_version": version}
    if asked.id is not None:
        document["id"] = asked.id
    document["outputs"] = outputs
    head = encoded(document)
    return (head + b"".join(tail), len(head)) if tail else (head, None)
