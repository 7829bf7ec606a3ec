"""Tensors as JSON numbers, booleans and texts: flat in row-major order, or nested by shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from modelry.core.errors import Invalid
from modelry.serving.datatypes import BYTES, NUMPY, Array, numpy_of

_FLOATS = frozenset({"FP16", "FP32", "FP64"})
_LARGEST = {name: float(np.finfo(NUMPY[name]).max) for name in ("FP16", "FP32")}
_FEW = 200
_ENCODE = msgspec.json.Encoder().encode


def _elements(datatype: str) -> type[list[Any]]:
    if datatype in _FLOATS:
        return list[float]
    if datatype == "BOOL":
        return list[bool]
    return list[str] if datatype == BYTES else list[int]


_TYPES: Mapping[str, Any] = {
    name: _elements(name)
    for name in (
        "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
        *_FLOATS, BYTES,
    )
}  # fmt: skip
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in _TYPES.items()}
_ANYTHING = msgspec.json.Decoder()


def from_json(data: bytes, datatype: str, shape: Sequence[int], name: str) -> Array:
    """Read the data of a tensor.

    Raises `Invalid` for elements of another kind, out of the datatype's range
    (no number becomes an infinity), or fewer or more than the shape holds.
    """
    dtype = numpy_of(datatype)
    if not data:
        msg = f"{name!r} has no data"
        raise Invalid(msg)
    elements = _flat(data, datatype, shape, name)
    if len(elements) != math.prod(shape):
        msg = f"{name!r} has {len(elements)} elements; its shape {list(shape)} holds {math.prod(shape)}"
        raise Invalid(msg)
    if datatype == BYTES:
        array = np.empty(len(elements), dtype=dtype)
        array[:] = [each.encode() for each in elements]
        return array.reshape(shape)
    return _numbers(elements, datatype, name).reshape(shape)


def _flat(data: bytes, datatype: str, shape: Sequence[int], name: str) -> list[Any]:
    """Decode a flat list; where it is nested, check that it is so by the shape."""
    try:
        if not _nested(data):
            flat: list[Any] = _DECODERS[datatype].decode(data)
            return flat
        nested = _ANYTHING.decode(data)
        elements = _flattened(nested, tuple(shape), name)
        typed: list[Any] = msgspec.convert(elements, _TYPES[datatype])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        msg = f"{name!r} does not hold {datatype}: {error}"
        raise Invalid(msg) from error
    return typed


def _nested(data: bytes) -> bool:
    return data[:64].replace(b" ", b"").replace(b"\n", b"").startswith(b"[[")


def _flattened(nested: Any, shape: tuple[int, ...], name: str) -> list[Any]:  # noqa: ANN401 - JSON
    if not shape:
        return [nested]
    if not isinstance(nested, list) or len(nested) != shape[0]:
        msg = f"the nested lists of {name!r} are not of its shape"
        raise Invalid(msg)
    if len(shape) == 1:
        return nested
    return [each for part in nested for each in _flattened(part, shape[1:], name)]


def _numbers(elements: list[Any], datatype: str, name: str) -> Array:
    most = _LARGEST.get(datatype)
    if most is None or not elements:
        return _whole_numbers(elements, datatype, name)
    few = len(elements) < _FEW  # numpy's way to a maximum costs more than all of these
    wide = np.array(elements)
    high, low = (max(elements), min(elements)) if few else (float(wide.max()), float(wide.min()))
    if low < -most or high > most:
        msg = f"{name!r} holds a number that is too large for {datatype}"
        raise Invalid(msg)
    return wide.astype(NUMPY[datatype])


def _whole_numbers(elements: list[Any], datatype: str, name: str) -> Array:
    try:
        return np.array(elements, dtype=NUMPY[datatype])
    except OverflowError as error:
        msg = f"{name!r} holds a number that {datatype} does not: {error}"
        raise Invalid(msg) from error


def to_json(array: Array, datatype: str, name: str) -> list[Any]:
    """Answer the elements in row-major order.

    NaN and infinities become null when they are written, since JSON has none;
    binary answers keep them. Raises `Invalid` for bytes that are no text.
    """
    flat: list[Any] = array.ravel().tolist()
    if datatype == BYTES:
        try:
            return [each.decode() if isinstance(each, bytes) else str(each) for each in flat]
        except UnicodeDecodeError as error:
            msg = f"output {name!r} is no text; ask for it with the parameter binary_data: true"
            raise Invalid(msg) from error
    return flat


def encoded(document: Mapping[str, Any]) -> bytes:
    """Write a document."""
    return _ENCODE(document)
