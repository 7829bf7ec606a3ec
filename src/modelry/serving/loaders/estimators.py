"""scikit-learn estimators as models that take and answer tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelry.core.errors import Invalid
from modelry.core.model import Version
from modelry.serving.datatypes import Array
from modelry.serving.loading import first_line
from modelry.serving.refusals import Unfit
from modelry.serving.runners import UNKNOWN, Spec, spec_like

_METHODS = ("predict", "predict_proba", "transform")


class EstimatorRunner:
    """An estimator: `input` holds rows of numbers; each of its methods is an output."""

    platform = "sklearn"

    def __init__(self, estimator: Any, version: Version) -> None:  # noqa: ANN401 - theirs has no types
        features = getattr(estimator, "n_features_in_", None)
        methods = [name for name in _METHODS if hasattr(estimator, name)]
        if not isinstance(features, int) or not methods:
            msg = (
                f"{version.ref} holds a {type(estimator).__name__}, which does not say how many "
                "numbers it takes; save it as ONNX or as an MLflow folder with a signature"
            )
            raise Unfit(msg, ref=version.ref)
        self._estimator = estimator
        self._columns = getattr(estimator, "feature_names_in_", None)
        self.inputs = [Spec("input", "FP64", (UNKNOWN, features))]
        row = {"input": np.zeros((1, features))}
        answered = self.run(row, methods)
        self.outputs = [spec_like(name, each) for name, each in zip(methods, answered, strict=True)]

    def run(self, feed: Mapping[str, Array], wanted: Sequence[str]) -> Sequence[Array]:
        """Call the methods that are wanted on the rows."""
        rows = self._rows(feed["input"])
        try:
            return [np.asarray(getattr(self._estimator, name)(rows)) for name in wanted]
        except ValueError as error:
            msg = f"the model refuses these inputs: {first_line(error)}"
            raise Invalid(msg) from error

    def _rows(self, rows: Array) -> Any:  # noqa: ANN401 - theirs has no types
        """Answer the rows as the estimator was trained on them: with names where it knows some."""
        if self._columns is None:
            return rows
        import pandas as pd

        return pd.DataFrame(rows, columns=self._columns)

    def close(self) -> None:
        """Let go of the estimator."""
        self._estimator = None
