"""An inference request of the protocol, read strictly: tensors in JSON, or in binary behind it.

The form is that of the Open Inference Protocol v2, with its binary tensor data
extension. What is wrong is told by the name of the tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from modelry.core.errors import Invalid
from modelry.serving.binary_tensors import from_binary
from modelry.serving.datatypes import Array, datatype_of, numpy_of
from modelry.serving.json_tensors import from_json
from modelry.serving.runners import Spec

MOST_DIMENSIONS = 32


_NONE = msgspec.Raw(b"")


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = _NONE
    parameters: dict[str, Any] | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class _Request(msgspec.Struct):
    inputs: list[_Tensor]
    id: str | None = None
    outputs: list[_Output] | None = None
    parameters: dict[str, Any] | None = None


class _Example(msgspec.Struct):
    inputs: list[_Tensor]
    outputs: list[_Tensor] = []


_REQUEST = msgspec.json.Decoder(_Request)
_EXAMPLE = msgspec.json.Decoder(_Example)


@dataclass(slots=True)
class Asked:
    """A request: the tensors that go in, the outputs that are wanted, which of them in binary."""

    id: str | None
    feed: dict[str, Array]
    wanted: list[str]
    binary: frozenset[str] = frozenset()


def parse_request(
    body: bytes, json_length: int | None, inputs: Mapping[str, Spec], outputs: Sequence[str]
) -> Asked:
    """Read a request for a model with these inputs and outputs. Raises `Invalid`.

    `json_length` is how many bytes of `body` are JSON, None for all of them.
    """
    text, rest = _split(body, json_length)
    request = _decode(_REQUEST, text)
    feed, used = _feed(request.inputs, inputs, rest)
    if used != len(rest):
        msg = f"{len(rest) - used} bytes follow the last tensor; binary_data_size says how many"
        raise Invalid(msg)
    if request.outputs is None and request.parameters is None:
        return Asked(request.id, feed, list(outputs))
    wanted, binary = _wanted(request, outputs)
    return Asked(request.id, feed, wanted, binary)


def parse_example(text: bytes, inputs: Sequence[Spec]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Read an example: the inputs, and the outputs that it records. Raises `Invalid`."""
    try:
        example = _EXAMPLE.decode(text)
    except msgspec.DecodeError as error:
        msg = f"the example is no inference request: {error}"
        raise Invalid(msg, reason="not_a_request") from error
    feed, _ = _feed(example.inputs, {spec.name: spec for spec in inputs}, b"")
    answers = {
        each.name: from_json(bytes(each.data), each.datatype, _shape(each), each.name)
        for each in example.outputs
    }
    return feed, answers


def checked_feed(given: Mapping[str, object], inputs: Mapping[str, Spec]) -> dict[str, Array]:
    """Make arrays of what a caller in this process gave, as a model with these inputs takes them.

    Arrays stay what they are. Raises `Invalid`.
    """
    feed: dict[str, Array] = {}
    for name, value in given.items():
        spec = _known(name, inputs)
        array = feed[name] = _array(value, spec)
        datatype = datatype_of(array.dtype)
        if not spec.admits(datatype, array.shape):
            raise _mismatch(name, datatype, array.shape, spec)
    _all_there(feed, inputs)
    return feed


def _array(value: object, spec: Spec) -> Array:
    if isinstance(value, np.ndarray):
        return value
    try:
        return np.asarray(value, dtype=numpy_of(spec.datatype))
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"input {spec.name!r} cannot be made {spec}: {error}"
        raise Invalid(msg) from error


def _split(body: bytes, json_length: int | None) -> tuple[bytes, bytes]:
    if json_length is None:
        return body, b""
    if json_length > len(body):
        msg = f"Inference-Header-Content-Length is {json_length}, but there are {len(body)} bytes"
        raise Invalid(msg)
    return body[:json_length], body[json_length:]


def _decode(decoder: msgspec.json.Decoder[_Request], text: bytes) -> _Request:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        msg = f"the body is no inference request: {error}"
        raise Invalid(msg) from error
    except (RecursionError, UnicodeDecodeError) as error:
        msg = "the body is no inference request: it is nested too deeply, or is no UTF-8"
        raise Invalid(msg) from error


def _feed(
    tensors: Sequence[_Tensor], inputs: Mapping[str, Spec], rest: bytes
) -> tuple[dict[str, Array], int]:
    """Answer the tensors by name, and how many bytes of `rest` they took."""
    feed: dict[str, Array] = {}
    at = 0
    for tensor in tensors:
        name = tensor.name
        if name in feed:
            msg = f"input {name!r} stands there more than once"
            raise Invalid(msg)
        spec = _known(name, inputs)
        shape = _shape(tensor)
        if not spec.admits(tensor.datatype, shape):
            numpy_of(tensor.datatype)
            raise _mismatch(name, tensor.datatype, shape, spec)
        size = _binary_size(tensor)
        if size is None:
            feed[name] = from_json(bytes(tensor.data), tensor.datatype, shape, name)
        else:
            feed[name] = from_binary(rest[at : at + size], size, tensor.datatype, shape, name)
            at += size
    _all_there(feed, inputs)
    return feed, at


def _known(name: str, inputs: Mapping[str, Spec]) -> Spec:
    spec = inputs.get(name)
    if spec is None:
        msg = f"the model has no input {name[:100]!r}; it takes {_told(inputs)}"
        raise Invalid(msg)
    return spec


def _all_there(feed: Mapping[str, Array], inputs: Mapping[str, Spec]) -> None:
    if len(feed) != len(inputs):
        missing = ", ".join(repr(name) for name in inputs if name not in feed)
        msg = f"input {missing} is missing; the model takes {_told(inputs)}"
        raise Invalid(msg)


def _mismatch(name: str, datatype: str, shape: Sequence[int], spec: Spec) -> Invalid:
    msg = f"input {name!r} is {datatype} {list(shape)}; the model takes {spec}"
    return Invalid(msg)


def _told(inputs: Mapping[str, Spec]) -> str:
    return ", ".join(f"{name!r} ({spec})" for name, spec in list(inputs.items())[:20]) or "nothing"


def _shape(tensor: _Tensor) -> list[int]:
    """Answer the shape. Raises `Invalid` for a negative size or too many dimensions."""
    shape = tensor.shape
    if len(shape) > MOST_DIMENSIONS or any(not 0 <= size < 2**40 for size in shape):
        msg = f"input {tensor.name!r} has a shape that no tensor has: {str(shape)[:200]}"
        raise Invalid(msg)
    return shape


def _binary_size(tensor: _Tensor) -> int | None:
    if tensor.parameters is None:
        return None
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        msg = f"binary_data_size of input {tensor.name!r} must be a number of bytes"
        raise Invalid(msg)
    if bytes(tensor.data):
        msg = f"input {tensor.name!r} has data and binary_data_size; send one of them"
        raise Invalid(msg)
    return size


def _wanted(request: _Request, outputs: Sequence[str]) -> tuple[list[str], frozenset[str]]:
    """Answer the outputs that are asked for, and which of them as binary."""
    every = _flag(request.parameters, "binary_data_output", otherwise=False)
    if request.outputs is None:
        return list(outputs), frozenset(outputs) if every else frozenset()
    wanted = [each.name for each in request.outputs]
    unknown = [name for name in wanted if name not in outputs]
    if unknown or len(set(wanted)) != len(wanted):
        problem = f"has no output {unknown[0][:100]!r}" if unknown else "gives each output once"
        msg = f"the model {problem}; it answers {', '.join(map(repr, outputs))}"
        raise Invalid(msg)
    binary = [each.name for each in request.outputs
              if _flag(each.parameters, "binary_data", otherwise=every)]  # fmt: skip
    return wanted or list(outputs), frozenset(binary)


def _flag(parameters: Mapping[str, Any] | None, name: str, *, otherwise: bool) -> bool:
    value = otherwise if parameters is None else parameters.get(name, otherwise)
    if not isinstance(value, bool):
        msg = f"{name} must be true or false"
        raise Invalid(msg)
    return value
