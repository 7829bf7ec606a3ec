"""MLflow folders, by the `python_function` that every flavour has; allowed by name only.

Whatever the flavour, loading runs code of the folder: most hold a pickle, and
all may name a module to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelry.core.errors import Invalid, Unsupported
from modelry.core.model import Version
from modelry.serving.datatypes import Array, datatype_named
from modelry.serving.loading import allowed, first_line, format_of
from modelry.serving.refusals import Unfit
from modelry.serving.runners import UNKNOWN, Choices, Spec

_COLUMN = {"double": "float64", "float": "float32", "integer": "int32", "long": "int64",
           "boolean": "bool", "string": "string", "binary": "bytes"}  # fmt: skip
_UNNAMED = "input-0"
_ANSWER = "output-0"


class MlflowLoader:
    """Loads folders that `log_model` or `save_model` of MLflow wrote."""

    name = "mlflow"

    def claims(self, version: Version) -> bool:
        """Take folders with an MLmodel file."""
        return format_of(version) == "mlflow"

    def load(self, path: Path, version: Version, choices: Choices) -> MlflowRunner:
        """Load the `python_function`, which runs code; only where this model is allowed."""
        allowed(version, choices, "an MLflow folder")
        try:
            import mlflow.pyfunc
        except ModuleNotFoundError as error:
            msg = f"loading {version.ref} needs {error.name}: pip install 'modelry[mlflow]'"
            raise Unsupported(msg, package=error.name) from error
        return MlflowRunner(mlflow.pyfunc.load_model(str(path)), version)


class MlflowRunner:
    """A `python_function`: columns become a frame, tensors an array or a mapping of arrays."""

    platform = "mlflow_pyfunc"

    def __init__(self, model: Any, version: Version) -> None:  # noqa: ANN401 - theirs has no types
        schema = model.metadata.get_input_schema()
        if schema is None:
            msg = f"{version.ref} has no signature; log the model again with signature="
            raise Unfit(msg, ref=version.ref)
        self._model, self._tabular = model, not schema.is_tensor_spec()
        self.inputs = [_spec(each, _UNNAMED) for each in schema.inputs]
        answered = model.metadata.get_output_schema()
        several = answered is not None and all(each.name for each in answered.inputs)
        if answered is None:
            self.outputs = [Spec(_ANSWER, *_like(self._zeros()))]
        elif several:
            self.outputs = [_spec(each, _ANSWER) for each in answered.inputs]
        else:
            self.outputs = [_spec(answered.inputs[0], _ANSWER)]

    def run(self, feed: Mapping[str, Array], wanted: Sequence[str]) -> Sequence[Array]:
        """Predict, and pick the outputs that are wanted."""
        try:
            answered = self._model.predict(self._given(feed))
        except (ValueError, TypeError) as error:
            msg = f"the model refuses these inputs: {first_line(error)}"
            raise Invalid(msg) from error
        except Exception as error:
            if type(error).__name__ != "MlflowException":
                raise
            msg = f"the model refuses these inputs: {first_line(error)}"
            raise Invalid(msg) from error
        return [_part(answered, name, len(self.outputs)) for name in wanted]

    def _given(self, feed: Mapping[str, Array]) -> Any:  # noqa: ANN401 - what pyfunc takes
        if not self._tabular:
            only = self.inputs[0].name
            return feed[only] if [spec.name for spec in self.inputs] == [_UNNAMED] else dict(feed)
        import pandas as pd

        return pd.DataFrame({name: _column(array) for name, array in feed.items()})

    def _zeros(self) -> Any:  # noqa: ANN401 - what pyfunc answers
        from modelry.serving.examples import zeros

        return self._model.predict(self._given(zeros(self.inputs, 1)))

    def close(self) -> None:
        """Let go of the model."""
        self._model = None


def _spec(each: Any, otherwise: str) -> Spec:  # noqa: ANN401 - theirs has no types
    name = each.name or otherwise
    if hasattr(each, "shape"):
        return Spec(name, datatype_named(str(each.type)), tuple(each.shape))
    kind = str(getattr(each.type, "name", each.type)).lower()
    return Spec(name, datatype_named(_COLUMN.get(kind, kind)), (UNKNOWN,))


def _like(answered: Any) -> tuple[str, tuple[int, ...] | None]:  # noqa: ANN401 - theirs
    from modelry.serving.datatypes import datatype_of

    array = np.asarray(answered)
    return datatype_of(array.dtype), (UNKNOWN, *array.shape[1:])


def _column(array: Array) -> Array:
    """Answer a column; text comes as bytes and goes in as text."""
    flat = array.reshape(-1)
    if array.dtype.kind != "O":
        return flat
    return np.array([each.decode() if isinstance(each, bytes) else each for each in flat])


def _part(answered: Any, name: str, several: int) -> Array:  # noqa: ANN401 - what pyfunc answers
    if several > 1 or (hasattr(answered, "keys") and name in answered):
        return np.asarray(answered[name])
    return np.asarray(answered)
