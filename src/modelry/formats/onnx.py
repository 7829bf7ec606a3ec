"""ONNX: opset, inputs and outputs of the graph, and how many parameters it holds.

Field numbers are those of `onnx.proto` (https://github.com/onnx/onnx). Weights
are counted from their dimensions and passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.core.model import Findings, Signature, TensorSpec
from modelry.formats.onnx_tensors import Weights
from modelry.formats.onnx_types import value_info
from modelry.formats.protobuf import LENGTH, VARINT, Field, Wire
from modelry.formats.quoting import decoded, plain, several

if TYPE_CHECKING:
    from modelry.core.ports import SourceFile
    from modelry.core.strict_json import Json

_IR, _PRODUCER, _PRODUCER_VERSION, _DOMAIN, _MODEL_VERSION, _GRAPH, _OPSET = 1, 2, 3, 4, 5, 7, 8
_TRAINING, _FUNCTION = 20, 25
_MODEL = frozenset((_IR, _PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSET, _TRAINING, _FUNCTION))
_MODEL_WIRES = {
    **dict.fromkeys((_IR, _MODEL_VERSION), VARINT),
    **dict.fromkeys((_PRODUCER, _PRODUCER_VERSION, _DOMAIN, 6, _GRAPH, _OPSET), LENGTH),
    **dict.fromkeys((14, _TRAINING, _FUNCTION, 26), LENGTH),
}
_SHORT = frozenset((_PRODUCER, _PRODUCER_VERSION, _DOMAIN))
_SHORT_MOST = 512
_GRAPH_TAGS = frozenset((0x0A, 0x12, 0x2A, 0x52, 0x5A, 0x62, 0x6A, 0x72, 0x7A))
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE = 1, 5, 11, 12, 15
_TOP_PARTS = frozenset((_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE))
_SUB_PARTS = frozenset((_NODE, _INITIALIZER, _SPARSE))
_ATTRIBUTES, _FUNCTION_NODES = frozenset((5,)), frozenset((7,))
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 5, 6, 10, 11
_HELD = frozenset((_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS))
_BOTH = frozenset((1, 2))
_MAX_DEPTH = 32
_MAX_SPECS = 10_000


@dataclass
class _Model:
    """What the walk has seen so far."""

    ir_version: int | None = None
    producer: str = ""
    producer_version: str = ""
    opset: dict[str, Json] = field(default_factory=dict)
    graphs: int = 0
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    weights: Weights = field(default_factory=Weights)


class Onnx:
    """Walks the model's messages; content of tensors is passed over."""

    name = "onnx"

    def sniff(self, head: bytes, size: int) -> bool:
        """Recognise a ModelProto: there is no magic number, so the first fields must all fit."""
        if head[:1] and head[0] in _FIRST_TAGS:
            return _fits(Wire(BytesIO(head), len(head), "the head"), size)
        return False

    def read(self, file: SourceFile) -> Findings:
        """Answer opset, signature and parameters; refuse weights outside the folder."""
        with file.open() as source:
            wire = Wire(source, file.size, "the file")
            model = _read_model(wire)
        if model.graphs != 1:
            msg = f"the ONNX model has {model.graphs or 'no'} graphs; it must have one"
            raise Invalid(msg)
        return _findings(model)


_ML = "ai.onnx.ml"
"""The operators of classic models, whose weights are attributes and no tensors to be counted."""

_FIRST_TAGS = frozenset((number << 3 | wire) & 0xFF for number, wire in _MODEL_WIRES.items())


def _fits(wire: Wire, size: int) -> bool:
    seen: set[int] = set()
    try:
        while wire.left:
            tag = wire.varint()
            number = tag >> 3
            if _MODEL_WIRES.get(number) != tag & 7:
                return False
            seen.add(number)
            value = wire.varint()
            if number == _GRAPH and wire.peek(1) and wire.peek(1)[0] in _GRAPH_TAGS:
                return True
            if number in _SHORT and not _is_short_text(wire, value):
                return False
            if tag & 7 == LENGTH:
                wire.skip(value, "a field")
    except Invalid:
        return _IR in seen and len(seen) > 1
    return _IR in seen and len(seen) > 1 and size == wire.size


def _is_short_text(wire: Wire, length: int) -> bool:
    text = wire.peek(min(length, 64)).decode("utf-8", "replace")
    return length <= _SHORT_MOST and text.isprintable()


def _read_model(wire: Wire) -> _Model:
    model = _Model()
    for part in wire.fields(wire.size, _MODEL):
        if part.number == _IR:
            model.ir_version = part.value
        elif part.number == _PRODUCER:
            model.producer = decoded(wire.text(part))
        elif part.number == _PRODUCER_VERSION:
            model.producer_version = decoded(wire.text(part))
        elif part.number == _OPSET:
            _opset(wire, part, model)
        elif part.number == _GRAPH:
            model.graphs += 1
            _graph(wire, part, model, 0)
        else:
            _other_code(wire, part, model)
    return model


def _opset(wire: Wire, part: Field, model: _Model) -> None:
    domain, version = "", 0
    for one in wire.inside(part, _BOTH):
        if one.number == 1:
            domain = decoded(wire.text(one))
        else:
            version = min(one.value, 2**63 - 1)
    if len(model.opset) < _MAX_SPECS:
        model.opset[domain] = version


def _graph(wire: Wire, graph: Field, model: _Model, depth: int) -> None:
    """Walk a graph; only the top one (depth 0) speaks of inputs and outputs."""
    if depth > _MAX_DEPTH:
        msg = f"graphs are nested deeper than {_MAX_DEPTH} levels"
        raise Invalid(msg, at=wire.at)
    for part in wire.inside(graph, _SUB_PARTS if depth else _TOP_PARTS):
        if part.number == _NODE:
            _node(wire, part, model, depth)
        elif part.number == _INITIALIZER:
            model.weights.tensor(wire, part, counted=True)
        elif part.number == _SPARSE:
            model.weights.sparse(wire, part, counted=True)
        else:
            specs = model.inputs if part.number == _INPUT else model.outputs
            specs.append(value_info(wire, part))
            _refuse_many(len(specs))


def _node(wire: Wire, node: Field, model: _Model, depth: int) -> None:
    for attribute in wire.inside(node, _ATTRIBUTES):
        for held in wire.inside(attribute, _HELD):
            if held.number in (_TENSOR, _TENSORS):
                model.weights.tensor(wire, held, counted=False)
            else:
                _graph(wire, held, model, depth + 1)


def _other_code(wire: Wire, part: Field, model: _Model) -> None:
    """Walk functions and training graphs, which may point at files too."""
    if part.number == _FUNCTION:
        for node in wire.inside(part, _FUNCTION_NODES):
            _node(wire, node, model, 1)
    else:
        for graph in wire.inside(part, _BOTH):
            _graph(wire, graph, model, 1)


def _refuse_many(count: int) -> None:
    if count > _MAX_SPECS:
        msg = f"the graph has more than {_MAX_SPECS:,} inputs or outputs"
        raise Invalid(msg)


def _findings(model: _Model) -> Findings:
    weights = model.weights
    inputs = tuple(spec for spec in model.inputs if spec.name not in weights.names)
    details: dict[str, Json] = {"opset": dict(sorted(model.opset.items()))}
    if model.ir_version is not None:
        details["ir_version"] = min(model.ir_version, 2**63 - 1)
    producer = plain(f"{model.producer} {model.producer_version}".strip())
    if producer:
        details["producer"] = producer
    notes: tuple[str, ...] = ()
    if weights.external:
        locations: list[Json] = [plain(one) for one in sorted(weights.external)]
        details["external_data"] = locations
        notes = (f"its weights are in other files: {several(sorted(weights.external))}",)
    return Findings(
        format=Onnx.name,
        framework="onnx",
        parameters=None if _ML in model.opset else weights.parameters or None,
        signature=Signature(inputs, tuple(model.outputs)),
        details=details,
        notes=notes,
    )
