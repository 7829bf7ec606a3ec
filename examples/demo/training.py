"""Three ways to read a digit, trained with scikit-learn and written to files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import inference
import numpy as np
import skl2onnx
from digits import Digits, Labels, faint
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC


@dataclass(frozen=True)
class Candidate:
    """A trained model: its file, and what a registry should know about it."""

    version: str
    title: str
    path: Path
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    answers: Labels
    """What scikit-learn itself predicts for the test pictures."""


def train(learn: Digits, test: Digits, folder: Path) -> list[Candidate]:
    """Train and export all three."""
    return [
        _baseline(learn, test, folder / "baseline.onnx"),
        _kernel(learn, test, folder / "kernel.onnx"),
        _network(learn, test, folder / "network.safetensors"),
    ]


def _baseline(learn: Digits, test: Digits, path: Path) -> Candidate:
    params = {"C": 10.0, "max_iter": 500}
    model = make_pipeline(Normalizer(), LogisticRegression(**params))
    model.fit(learn.pictures, learn.labels)
    _write_onnx(model, learn, path)
    answers = model.predict(test.pictures)
    return _candidate("1.0.0", "logistic regression", path, params, test, answers)


def _kernel(learn: Digits, test: Digits, path: Path) -> Candidate:
    params = {"C": 10.0, "gamma": 0.25, "kernel": "rbf"}
    model = SVC(**params).fit(learn.pictures, learn.labels)
    _write_onnx(model, learn, path)
    answers = model.predict(test.pictures)
    return _candidate("2.0.0", "support vectors", path, params, test, answers)


def _network(learn: Digits, test: Digits, path: Path) -> Candidate:
    """Train on every picture twice: as it is, and as a weaker pen would write it."""
    params = {"hidden": 64, "max_iter": 300, "tol": 1e-3, "least_ink": 0.2}
    ink = np.random.default_rng(0).uniform(0.2, 1.0, (len(learn), 1)).astype(np.float32)
    pictures = np.vstack([learn.pictures, learn.pictures * ink])
    model = MLPClassifier((64,), max_iter=300, tol=1e-3, random_state=0)
    model.fit(pictures, np.concatenate([learn.labels, learn.labels]))
    names = ("hidden", "output")
    weights = {f"{name}.weight": each for name, each in zip(names, model.coefs_, strict=True)}
    biases = {f"{name}.bias": each for name, each in zip(names, model.intercepts_, strict=True)}
    save_file(weights | biases, path, metadata={"activation": "relu"})
    answers = model.predict(test.pictures)
    return _candidate("3.0.0", "neural network", path, params, test, answers)


def _candidate(  # noqa: PLR0913 - a candidate has this many facts
    version: str,
    title: str,
    path: Path,
    params: Mapping[str, object],
    test: Digits,
    answers: Labels,
) -> Candidate:
    metrics = {
        "accuracy": round(test.accuracy(answers), 4),
        "f1_macro": round(float(f1_score(test.labels, answers, average="macro")), 4),
        "latency_ms": round(inference.latency_ms(inference.load(path), test.pictures), 4),
    }
    return Candidate(version, title, path, params, metrics, answers)


def _write_onnx(model: Any, learn: Digits, path: Path) -> None:  # noqa: ANN401 - untyped
    with warnings.catch_warnings():
        # The converter still reads attributes that scikit-learn is about to drop.
        warnings.simplefilter("ignore", FutureWarning)
        exported = skl2onnx.to_onnx(model, learn.pictures[:1], options={"zipmap": False})
    path.write_bytes(exported.SerializeToString())


def accuracy_by_ink(predict: inference.Predict, test: Digits, inks: list[float]) -> list[float]:
    """Answer how often a model is right on pictures of ever weaker ink."""
    return [test.accuracy(predict(faint(test.pictures, ink))) for ink in inks]
