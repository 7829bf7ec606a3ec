"""ONNX: signature, opset and parameters; garbled and escaping files are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import onnx as real_onnx
import pytest
from format_files import (
    Counting,
    Memory,
    content,
    external,
    found,
    initializer,
    inspect,
    number,
    onnx,
    varint,
)
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from modelry.core.errors import Invalid
from modelry.core.model import TensorSpec
from modelry.formats.onnx import Onnx

if TYPE_CHECKING:
    from pathlib import Path


def test_a_classifier_exported_from_scikit_learn_tells_its_signature() -> None:
    x, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(5, random_state=0).fit(x, y)
    model = to_onnx(forest, x[:1].astype(np.float32), target_opset=17)
    findings = found(model.SerializeToString())
    assert findings.framework == "onnx"
    assert findings.parameters is None
    assert findings.signature is not None
    assert findings.signature.inputs == (TensorSpec("X", "float32", (None, 4)),)
    assert findings.signature.outputs[1].dtype == "sequence<map<int64,float32>>"
    assert findings.details["opset"] == {"": 17, "ai.onnx.ml": 1}
    assert str(findings.details["producer"]).startswith("skl2onnx ")


def _network() -> real_onnx.ModelProto:
    weight = real_onnx.numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [weight],
    )
    return helper.make_model(graph)


def test_parameters_are_counted_and_initializers_are_not_inputs() -> None:
    findings = found(_network().SerializeToString())
    assert findings.parameters == 12
    assert findings.signature is not None
    assert findings.signature.inputs == (TensorSpec("x", "float32", ("batch", 4)),)
    assert findings.signature.outputs == (TensorSpec("y", "float32", ("batch", 3)),)


def test_packed_dimensions_and_sparse_weights_count_too() -> None:
    packed = content(5, content(1, varint(5), varint(2)), number(2, 1), content(8, b"p"))
    values = content(1, number(1, 7), number(2, 1), content(8, b"s"))
    indices = content(2, number(1, 7), number(2, 7))
    assert found(onnx(packed, content(15, values, indices))).parameters == 17


def test_types_of_every_kind_have_a_name() -> None:
    tensor = content(1, number(1, 1))
    for body, dtype in (
        (content(9, content(1, tensor)), "optional<float32>"),
        (content(8, number(1, 16)), "bfloat16"),
        (content(5, number(1, 8), content(2, tensor)), "map<string,float32>"),
        (content(1, number(1, 99)), "type 99"),
        (b"", "unknown"),
    ):
        findings = found(onnx(content(11, content(1, b"x"), content(2, body))))
        assert findings.signature is not None
        assert findings.signature.inputs == (TensorSpec("x", dtype),)


def test_weights_in_another_file_are_told() -> None:
    findings = found(onnx(external(b"weights/model.bin")))
    assert findings.details["external_data"] == ["weights/model.bin"]
    assert findings.notes == ("its weights are in other files: weights/model.bin",)
    assert findings.parameters == 3


@pytest.mark.parametrize(
    "location", [b"/etc/passwd", b"../up", b"a/../../b", b"c:\\x", b"", b"a\0"]
)
def test_row_30_weights_outside_the_folder_are_refused(location: bytes) -> None:
    with pytest.raises(Invalid, match="inside the model's folder"):
        inspect(onnx(external(location)))


def test_row_30_weights_outside_the_folder_are_found_in_constants_and_functions() -> None:
    held = external(b"/etc/passwd")[2:]
    constant = content(1, content(5, content(1, b"value"), content(5, held)))
    node = content(7, constant[2:])
    for model in (onnx(constant), onnx(extra=content(25, node))):
        with pytest.raises(Invalid, match="inside the model's folder"):
            inspect(model)


def _nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = content(1, content(5, content(6, graph)))
    return graph


WRONG = {
    "claims": onnx()[:-1],
    "no graphs": number(1, 8) + content(2, b"test") + content(8, number(2, 17)),
    "2 graphs": onnx(extra=content(7, content(2, b"g"))),
    "opens no protobuf field": onnx(content(2, b"g"), extra=b"\x0b\x00"),
    "longer than 64 bits": onnx(extra=b"\x28" + b"\xff" * 10 + b"\x01"),
    "its dimensions and type make 16": onnx(initializer(b"w", [4], b"xxx")),
    "negative dimension": onnx(initializer(b"w", [2**64 - 1], b"")),
    "63 bits": onnx(initializer(b"w", [2**40, 2**40], b"")),
    "nested deeper": onnx(_nested(40)),
    "should be a message": onnx(number(5, 1)),
    "should be text": onnx(content(11, number(1, 5))),
}


@pytest.mark.parametrize("reason", WRONG)
def test_row_33_a_garbled_model_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        inspect(WRONG[reason])
    assert reason in refusal.value.message


def test_row_36_a_model_cut_short_anywhere_is_never_taken_for_whole() -> None:
    whole = _network().SerializeToString()
    for length in range(20, len(whole)):
        try:
            findings = inspect(whole[:length])
        except Invalid:
            continue
        # a cut between two fields of the model leaves a model that lacks its last fields
        assert findings is None or "opset" not in findings.details or not findings.details["opset"]


def test_other_protobuf_files_are_not_taken_for_models() -> None:
    saved_model = number(1, 1) + content(2, content(1, content(5, b"serve")))
    assert inspect(saved_model) is None
    assert inspect(b"\x08\x01") is None


def test_half_a_gigabyte_of_weights_is_passed_over(tmp_path: Path) -> None:
    size = 500 * 1024 * 1024
    dims = number(1, size // 4) + number(2, 1) + content(8, b"w") + b"\x4a" + varint(size)
    graph = b"\x2a" + varint(len(dims) + size) + dims
    head = number(1, 8) + b"\x3a" + varint(len(graph) + size) + graph
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)

    class Big(Memory):
        size = len(head) + 500 * 1024 * 1024

        def open(self) -> BinaryIO:
            return cast("BinaryIO", counting)

    counting = Counting(path)
    assert Onnx().read(Big("big", b"")).parameters == size // 4
    assert counting.count < 1024 * 1024


def test_long_runs_of_unpacked_numbers_are_passed_over() -> None:
    run = number(8, 300) * 400_000 + b"\x3d\0\0\0\0" * 100_000 + content(9, b"BRANCH_LEQ") * 50_000
    model = onnx(content(1, content(5, content(1, b"nodes"), run)))
    assert found(model).format == "onnx"


def test_row_33_types_and_shapes_beyond_reason_are_refused() -> None:
    kind = content(1, number(1, 1))
    for _ in range(20):
        kind = content(4, content(1, kind))
    wide = content(1, content(2, content(1, b"") * 2000))
    for body, reason in ((kind, "type is nested deeper"), (wide, "2,000 dimensions")):
        with pytest.raises(Invalid, match=reason):
            inspect(onnx(content(11, content(1, b"x"), content(2, body))))
    with pytest.raises(Invalid, match="inputs or outputs"):
        inspect(onnx(content(11, content(1, b"x")) * 10_001))


def test_training_graphs_are_walked_and_their_weights_count() -> None:
    training = content(20, content(1, initializer(b"t", [3], bytes(12))))
    assert found(onnx(content(2, b"g"), extra=training)).parameters == 3
