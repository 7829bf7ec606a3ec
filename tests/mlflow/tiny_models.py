"""Models of each flavour, as small as they get, made here and logged once they are asked for."""

# ruff: noqa: ANN401 - MLflow, scikit-learn and transformers have no types here

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own type hints, while it is imported
    import mlflow.pyfunc
    from mlflow.pyfunc.utils import pyfunc

TABLE = pd.DataFrame({"age": [20.0, 40.0, 60.0], "income": [1.0, 3.0, 2.0]})
NOTHING: list[str] = ["numpy"]
"""The requirements that are written down: MLflow would load the model again to find out."""


@dataclass(frozen=True)
class Flavour:
    """How a model of one kind is logged, and what it takes."""

    log: Callable[..., Any]
    asked: Any


def sklearn_model(slope: float = 1.0) -> Any:
    """Fit a line."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(TABLE, slope * TABLE["age"] + TABLE["income"])


def log_sklearn(**more: Any) -> Any:
    """Log a model of scikit-learn into the active run."""
    import mlflow.sklearn

    slope = more.pop("slope", 1.0)
    given = {"name": "model", "pip_requirements": NOTHING, "input_example": TABLE.head(1), **more}
    return mlflow.sklearn.log_model(sklearn_model(slope), **given)


def _torch(**more: Any) -> Any:
    import mlflow.pytorch
    import torch

    torch.manual_seed(7)
    model = torch.nn.Linear(2, 1)
    return mlflow.pytorch.log_model(
        model, name="model", pip_requirements=NOTHING, serialization_format="pickle", **more
    )


def _onnx(**more: Any) -> Any:
    import mlflow.onnx
    from onnx import TensorProto, helper

    known = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [known], [answer])
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    return mlflow.onnx.log_model(model, name="model", pip_requirements=NOTHING, **more)


@pyfunc  # type: ignore[untyped-decorator]  # of MLflow
def doubled(model_input: list[float]) -> list[float]:
    """Answer twice what is asked."""
    return [2 * each for each in model_input]


def _pyfunc(**more: Any) -> Any:
    return mlflow.pyfunc.log_model(
        name="model", python_model=doubled, pip_requirements=NOTHING, **more
    )


def _transformers(**more: Any) -> Any:
    import mlflow.transformers

    folder = Path(more.pop("folder"))
    return mlflow.transformers.log_model(
        tiny_pipeline(folder), name="model", pip_requirements=NOTHING, **more
    )


def tiny_pipeline(folder: Path) -> Any:
    """Make a classifier of a few thousand random weights, and a tokenizer of ten words."""
    import torch
    from transformers import (  # type: ignore[attr-defined]  # the tokenizer comes on import
        BertConfig,
        BertForSequenceClassification,
        BertTokenizerFast,
        pipeline,
    )

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "loan", "risk", "##s"]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(words), encoding="utf-8")
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=16,
    )  # fmt: skip
    tokenizer = BertTokenizerFast(vocab_file=str(vocabulary))
    return pipeline(
        "text-classification", model=BertForSequenceClassification(config), tokenizer=tokenizer
    )


FLAVOURS = {
    "sklearn": Flavour(log_sklearn, TABLE),
    "pytorch": Flavour(_torch, np.array([[1.0, 2.0]], dtype=np.float32)),
    "onnx": Flavour(_onnx, np.array([[1.0, -2.0]], dtype=np.float32)),
    "pyfunc": Flavour(_pyfunc, [1.0, 2.0]),
    "transformers": Flavour(_transformers, ["good loan"]),
}
