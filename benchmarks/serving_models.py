"""Small networks to measure the inference service with, and a request to each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_SEEDED = np.random.default_rng(7)


@dataclass(frozen=True)
class Network:
    """A network, the shape of one row that it takes, and how many weights it has."""

    name: str
    file: Path
    shape: tuple[int, ...]
    weights: int

    @property
    def body(self) -> bytes:
        """A request of one row."""
        numbers = [round(float(each), 4) for each in _SEEDED.random(int(np.prod(self.shape)))]
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, *self.shape], "data": numbers}
        return json.dumps({"inputs": [tensor]}).encode()


def networks(folder: Path) -> Sequence[Network]:
    """Make them, from the smallest."""
    return [
        _layers(folder / "linear.onnx", "linear, 4 to 3", [4, 3]),
        _layers(folder / "small.onnx", "3 layers of 256", [32, 256, 256, 10]),
        _layers(folder / "wide.onnx", "4 layers of 1,024", [64, 1024, 1024, 1024, 10]),
        _convolutions(folder / "digits.onnx"),
    ]


def _layers(file: Path, name: str, sizes: Sequence[int]) -> Network:
    nodes, weights, last = [], [], "x"
    for at, (before, after) in enumerate(pairwise(sizes)):
        weights += [_weight(f"w{at}", before, after), _weight(f"b{at}", after)]
        end = at == len(sizes) - 2
        nodes.append(
            helper.make_node("Gemm", [last, f"w{at}", f"b{at}"], ["y" if end else f"h{at}"])
        )
        if not end:
            last = f"r{at}"
            nodes.append(helper.make_node("Relu", [f"h{at}"], [last]))
    return _network(file, name, (sizes[0],), nodes, weights)


def _convolutions(file: Path) -> Network:
    """Two convolutions and two layers, as one would have for digits of 28 x 28."""
    weights = [
        _weight("w1", 32, 1, 3, 3), _weight("w2", 64, 32, 3, 3), _weight("w3", 9216, 128),
        _weight("b3", 128), _weight("w4", 128, 10), _weight("b4", 10),
    ]  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("MaxPool", ["r2"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["h"]),
        helper.make_node("Relu", ["h"], ["r3"]),
        helper.make_node("Gemm", ["r3", "w4", "b4"], ["y"]),
    ]
    return _network(file, "2 convolutions, 28 x 28", (1, 28, 28), nodes, weights)


def _weight(name: str, *shape: int) -> Any:  # noqa: ANN401 - theirs has no types
    return numpy_helper.from_array((_SEEDED.normal(size=shape) * 0.05).astype(np.float32), name)


def _network(
    file: Path, name: str, shape: tuple[int, ...], nodes: Sequence[Any], weights: Sequence[Any]
) -> Network:
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])
    answered = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "g", [taken], [answered], list(weights))
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), file)
    return Network(name, file, shape, sum(int(np.prod(each.dims)) for each in weights))
