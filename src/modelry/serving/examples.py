"""Inputs to try a version with: an example that it brings, else one made from its inputs.

A folder may hold `input_example.json` in the form of an inference request:
`{"inputs": [...]}`, and with `"outputs": [...]` what the model should answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modelry.core.errors import Invalid
from modelry.core.model import Version
from modelry.serving.asking import parse_example
from modelry.serving.datatypes import BYTES, NUMPY, Array
from modelry.serving.runners import Spec

NAME = "input_example.json"
_MOST_BYTES = 16 * 1024 * 1024
_SIZES = (1, 8, 32, 224)
"""Sizes tried for dimensions that may have any: a convolution needs more than one."""

_MOST_NUMBERS = 50_000_000


@dataclass(frozen=True, slots=True)
class Example:
    """Inputs, and the outputs that belong to them where somebody recorded some."""

    feed: Mapping[str, Array]
    answers: Mapping[str, Array] = field(default_factory=dict)


def own_example(path: Path, version: Version, inputs: Sequence[Spec]) -> Example | None:
    """Answer the example that a version brings, None where it brings none of ours.

    MLflow writes files of this name in forms of its own; those are left alone.
    """
    named = {file.path: file.size for file in version.files}
    if version.kind == "file" or not 0 < named.get(NAME, 0) <= _MOST_BYTES:
        return None
    try:
        feed, answers = parse_example((path / NAME).read_bytes(), inputs)
    except Invalid as error:
        if error.facts.get("reason") == "not_a_request":
            return None
        raise
    return Example(feed, answers)


def made_examples(inputs: Sequence[Spec]) -> Iterator[Example]:
    """Answer examples of zeros, with ever larger sizes where a dimension may have any."""
    free = any(spec.shape is None or -1 in spec.shape[1:] for spec in inputs)
    for size in _SIZES if free else _SIZES[:1]:
        shapes = [_shape(spec, size) for spec in inputs]
        if sum(int(np.prod(shape, dtype=np.int64)) for shape in shapes) <= _MOST_NUMBERS:
            yield Example(zeros(inputs, size))


def zeros(inputs: Sequence[Spec], size: int) -> dict[str, Array]:
    """Answer zeros, or empty texts, for each input; one row, `size` for other free dimensions."""
    return {spec.name: _zero(spec, size) for spec in inputs}


def _zero(spec: Spec, size: int) -> Array:
    shape = _shape(spec, size)
    if spec.datatype == BYTES:
        return np.full(shape, b"", dtype=np.object_)
    return np.zeros(shape, dtype=NUMPY[spec.datatype])


def _shape(spec: Spec, size: int) -> tuple[int, ...]:
    if spec.shape is None:
        return (size,)
    row = [1 if one < 0 else one for one in spec.shape[:1]]
    return (*row, *(size if one < 0 else one for one in spec.shape[1:]))
