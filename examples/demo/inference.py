"""Predicting from the files that the registry hands out; nothing here knows scikit-learn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
from digits import Labels, Pictures
from safetensors.numpy import load_file

Predict = Callable[[Pictures], Labels]


def load(path: Path) -> Predict:
    """Load a model by the kind of its file: ONNX, or the weights of the network."""
    return _network(path) if path.suffix == ".safetensors" else _onnx(path)


def latency_ms(predict: Predict, pictures: Pictures) -> float:
    """Answer the median of the milliseconds that one picture takes."""
    took: list[float] = []
    for at in range(min(200, len(pictures))):
        begin = time.perf_counter()
        predict(pictures[at : at + 1])
        took.append(time.perf_counter() - begin)
    return statistics.median(took) * 1000


def _onnx(path: Path) -> Predict:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda pictures: cast("Labels", session.run(["label"], {"X": pictures})[0])


def _network(path: Path) -> Predict:
    """Run one hidden layer with plain numpy: the file holds nothing but its tensors."""
    tensors = load_file(path)

    def predict(pictures: Pictures) -> Labels:
        hidden = np.maximum(pictures @ tensors["hidden.weight"] + tensors["hidden.bias"], 0)
        scores = hidden @ tensors["output.weight"] + tensors["output.bias"]
        return cast("Labels", scores.argmax(axis=1))

    return predict
