"""The weights of an ONNX model: counted from their dimensions, never loaded.

A tensor may lie in another file (`external_data`). Runtimes join that location
to the model's folder, so one that leaves the folder reads or overwrites what is
not the model's (CVE-2022-25882, CVE-2024-27318) and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.formats.onnx_types import ELEMENTS
from modelry.formats.quoting import decoded, plain

if TYPE_CHECKING:
    from modelry.formats.protobuf import Field, Wire

_DIMS, _TYPE, _NAME, _RAW, _EXTERNAL, _LOCATION = 1, 2, 8, 9, 13, 14
_PARTS = frozenset((_DIMS, _TYPE, _NAME, _RAW, _EXTERNAL, _LOCATION))
_VALUES = 1
_BOTH = frozenset((1, 2))
_MAX_ELEMENTS = 2**63 - 1
_MAX_LOCATIONS = 10_000


@dataclass
class _Tensor:
    elements: int = 1
    type: int = 0
    name: str = ""
    raw: int | None = None
    location: str | None = None
    is_external: bool = False


@dataclass
class Weights:
    """What the tensors of a model add up to."""

    parameters: int = 0
    names: set[str] = field(default_factory=set)
    external: set[str] = field(default_factory=set)

    def tensor(self, wire: Wire, part: Field, *, counted: bool) -> None:
        """Read the description of a tensor; `counted` ones are the model's parameters."""
        tensor = _read(wire, part)
        _refuse_size(tensor)
        if tensor.is_external:
            self._external(tensor)
        if counted:
            self.parameters += tensor.elements
            self.names.add(tensor.name)

    def sparse(self, wire: Wire, part: Field, *, counted: bool) -> None:
        """Read a sparse tensor: only its values are parameters."""
        for one in wire.inside(part, _BOTH):
            self.tensor(wire, one, counted=counted and one.number == _VALUES)

    def _external(self, tensor: _Tensor) -> None:
        if tensor.location is None or leaves_folder(tensor.location):
            msg = (
                f"tensor {tensor.name!r} keeps its data in {plain(str(tensor.location))!r}; "
                "the location must be a relative path inside the model's folder"
            )
            raise Invalid(msg, tensor=tensor.name)
        if len(self.external) < _MAX_LOCATIONS:
            self.external.add(tensor.location)


def leaves_folder(location: str) -> bool:
    """Say whether a path is absolute, climbs, or means other things on other machines."""
    odd = not location or "\\" in location or ":" in location or "\0" in location
    return odd or location.startswith("/") or ".." in location.split("/")


def _read(wire: Wire, part: Field) -> _Tensor:
    tensor = _Tensor()
    for one in wire.inside(part, _PARTS):
        if one.number == _DIMS:
            for size in wire.numbers(one):
                tensor.elements = _times(tensor.elements, size)
        elif one.number == _TYPE:
            tensor.type = one.value
        elif one.number == _NAME:
            tensor.name = decoded(wire.text(one))
        elif one.number == _RAW:
            tensor.raw = one.stop - wire.at
        elif one.number == _LOCATION:
            tensor.is_external = one.value == 1
        else:
            _external_entry(wire, one, tensor)
    return tensor


def _times(elements: int, size: int) -> int:
    if size > _MAX_ELEMENTS or elements * size > _MAX_ELEMENTS:
        msg = "a tensor has a negative dimension, or more elements than 63 bits can count"
        raise Invalid(msg)
    return elements * size


def _external_entry(wire: Wire, part: Field, tensor: _Tensor) -> None:
    key, value = b"", b""
    for one in wire.inside(part, _BOTH):
        if one.number == 1:
            key = wire.text(one)
        else:
            value = wire.text(one)
    if key == b"location":
        tensor.location = value.decode("utf-8", "replace")


def _refuse_size(tensor: _Tensor) -> None:
    """Refuse raw data whose length does not follow from type and dimensions."""
    bits = ELEMENTS.get(tensor.type, ("", None))[1]
    if tensor.raw is None or bits is None or tensor.is_external:
        return
    expected = (tensor.elements * bits + 7) // 8
    if tensor.raw != expected:
        msg = (
            f"tensor {tensor.name!r} holds {tensor.raw:,} bytes, but its dimensions and type "
            f"make {expected:,}"
        )
        raise Invalid(msg, tensor=tensor.name)
