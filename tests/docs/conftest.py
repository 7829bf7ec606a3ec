"""A folder with the files that the pages speak of, and a registry of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    (place / "model.onnx").write_bytes(_onnx("baseline"))
    (place / "better.onnx").write_bytes(_onnx("better"))
    (place / "train.csv").write_text("age,income\n41,2000\n", encoding="utf-8")
    monkeypatch.chdir(place)
    for name in ("MODELRY_URI", "MODELRY_BLOBS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELRY_HOME", str(tmp_path / "home"))
    bin_folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", bin_folder + os.pathsep + os.environ["PATH"])
    return place


def _onnx(name: str) -> bytes:
    """Make a small network of one layer."""
    known = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], name, [known], [answer])
    opset = helper.make_opsetid("", 17)
    made: bytes = helper.make_model(graph, opset_imports=[opset]).SerializeToString()
    onnx.checker.check_model(made)
    return made
