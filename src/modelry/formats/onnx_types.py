"""The type messages of ONNX: elements, tensors, sequences and maps as plain names.

Numbers and names are those of `onnx.proto` (TensorProto.DataType, TypeProto).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.core.model import TensorSpec
from modelry.formats.quoting import decoded

if TYPE_CHECKING:
    from modelry.formats.protobuf import Field, Wire

ELEMENTS = {
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    8: ("string", None),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8e4m3fn", 8),
    18: ("float8e4m3fnuz", 8),
    19: ("float8e5m2", 8),
    20: ("float8e5m2fnuz", 8),
    21: ("uint4", 4),
    22: ("int4", 4),
    23: ("float4e2m1", 4),
    24: ("float8e8m0", 8),
}
_TENSOR, _SEQUENCE, _MAP, _SPARSE, _OPTIONAL = 1, 4, 5, 8, 9
_TYPES = frozenset((_TENSOR, _SEQUENCE, _MAP, _SPARSE, _OPTIONAL))
_WRAPPERS = {_SEQUENCE: "sequence", _OPTIONAL: "optional"}
_ONE, _BOTH = frozenset((1,)), frozenset((1, 2))
_MAX_DEPTH = 16
_MAX_RANK = 1024

Shape = tuple[int | str | None, ...] | None


def element(number: int) -> str:
    """Name an element type; a newer one keeps its number."""
    return ELEMENTS.get(number, (f"type {number}", None))[0]


def value_info(wire: Wire, field: Field) -> TensorSpec:
    """Read a ValueInfoProto: the name, type and shape of an input or output."""
    name, dtype, shape = "", "unknown", None
    for part in wire.inside(field, _BOTH):
        if part.number == 1:
            name = decoded(wire.text(part))
        else:
            dtype, shape = _type(wire, part, 0)
    return TensorSpec(name, dtype, shape)


def _type(wire: Wire, field: Field, depth: int) -> tuple[str, Shape]:
    if depth > _MAX_DEPTH:
        msg = f"a type is nested deeper than {_MAX_DEPTH} levels"
        raise Invalid(msg, at=wire.at)
    answer: tuple[str, Shape] = ("unknown", None)
    for part in wire.inside(field, _TYPES):
        if part.number in (_TENSOR, _SPARSE):
            answer = _tensor(wire, part)
        elif part.number == _MAP:
            answer = _map(wire, part, depth), None
        else:
            answer = f"{_WRAPPERS[part.number]}<{_element_of(wire, part, depth)}>", None
    return answer


def _element_of(wire: Wire, field: Field, depth: int) -> str:
    inner = "unknown"
    for part in wire.inside(field, _ONE):
        inner = _type(wire, part, depth + 1)[0]
    return inner


def _map(wire: Wire, field: Field, depth: int) -> str:
    key, value = "unknown", "unknown"
    for part in wire.inside(field, _BOTH):
        if part.number == 1:
            key = element(part.value)
        else:
            value = _type(wire, part, depth + 1)[0]
    return f"map<{key},{value}>"


def _tensor(wire: Wire, field: Field) -> tuple[str, Shape]:
    dtype, shape = "unknown", None
    for part in wire.inside(field, _BOTH):
        if part.number == 1:
            dtype = element(part.value)
        else:
            shape = tuple(_dimension(wire, one) for one in wire.inside(part, _ONE))
            _refuse_rank(len(shape))
    return dtype, shape


def _dimension(wire: Wire, field: Field) -> int | str | None:
    size: int | str | None = None
    for part in wire.inside(field, _BOTH):
        if part.number == 1:
            size = part.value if part.value < 2**63 else None
        else:
            size = decoded(wire.text(part)) or None
    return size


def _refuse_rank(rank: int) -> None:
    if rank > _MAX_RANK:
        msg = f"a tensor has {rank:,} dimensions; at most {_MAX_RANK:,} are read"
        raise Invalid(msg)
