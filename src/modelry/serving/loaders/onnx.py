"""ONNX, by onnxruntime. A graph of operators: loading it runs no code of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelry.core.errors import Invalid
from modelry.core.model import Version
from modelry.serving.datatypes import BYTES, Array, datatype_named
from modelry.serving.loading import file_of, format_of
from modelry.serving.refusals import Unfit
from modelry.serving.runners import UNKNOWN, Choices, Spec

_TENSOR = re.compile(r"tensor\((\w+)\)")
_NAMES = {"float": "float32", "double": "float64", "string": "string"}
_NODE = re.compile(r"while running (\w+) node")
_PLACE = re.compile(r"^/\S+:\d+ ")
_MEMORY = re.compile(r"bad_alloc|[Ff]ailed to allocate|out of memory")


class OnnxLoader:
    """Loads ONNX files, and folders that hold one."""

    name = "onnx"

    def claims(self, version: Version) -> bool:
        """Take whatever was found to be ONNX."""
        return format_of(version) == "onnx"

    def load(self, path: Path, version: Version, choices: Choices) -> OnnxRunner:
        """Make a session of the graph; weights in other files are read from beside it."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = choices.model_threads
        options.log_severity_level = 4
        file = file_of(path, version, ".onnx")
        session = onnxruntime.InferenceSession(
            str(file), options, providers=list(choices.providers)
        )
        return OnnxRunner(session, version.ref)


class OnnxRunner:
    """A session; it may run in several threads at once, and lets go of the GIL."""

    platform = "onnx_onnxv1"

    def __init__(self, session: Any, ref: str) -> None:  # noqa: ANN401 - theirs has no types
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        self._session = session
        self._run = session.run
        self._refusals = (state.InvalidArgument, state.RuntimeException, state.Fail)
        self.inputs = [_spec(each, ref) for each in session.get_inputs()]
        self.outputs = list(_tensors(session.get_outputs()))
        self._texts = [spec.name for spec in self.inputs if spec.datatype == BYTES]
        if not self.outputs:
            msg = f"{ref} answers no tensor, only sequences or maps; export it without ZipMap"
            raise Unfit(msg, ref=ref)

    def run(self, feed: Mapping[str, Array], wanted: Sequence[str]) -> Sequence[Array]:
        """Run the graph for the outputs that are wanted."""
        if self._texts:
            feed = {**feed, **{name: _text(name, feed[name]) for name in self._texts}}
        try:
            answered: Sequence[Array] = self._run(wanted, feed)
        except self._refusals as error:
            if _MEMORY.search(str(error)):
                raise
            msg = f"the model refuses these inputs: {_said(error)}"
            raise Invalid(msg) from error
        return answered

    def close(self) -> None:
        """Let go of the session and its weights."""
        self._session = self._run = None


def _spec(value: Any, ref: str) -> Spec:  # noqa: ANN401 - theirs has no types
    found = _TENSOR.fullmatch(value.type)
    if found is None:
        msg = f"{ref} takes {value.name!r} as {value.type}; only tensors can be sent to a model"
        raise Unfit(msg, ref=ref)
    return _tensor(value, found[1])


def _tensor(value: Any, element: str) -> Spec:  # noqa: ANN401 - theirs has no types
    """Answer the spec; onnxruntime says `[]` of a scalar and of what has no declared rank."""
    sizes = tuple(size if isinstance(size, int) else UNKNOWN for size in value.shape)
    return Spec(value.name, datatype_named(_NAMES.get(element, element)), sizes or None)


def _tensors(values: Iterable[Any]) -> Iterable[Spec]:
    """Leave out outputs that are no tensors, such as the maps of classifiers."""
    for value in values:
        found = _TENSOR.fullmatch(value.type)
        if found is not None:
            yield _tensor(value, found[1])


def _text(name: str, array: Array) -> Array:
    """Decode bytes, which onnxruntime takes as text."""
    import numpy as np

    try:
        texts = [each.decode() if isinstance(each, bytes) else each for each in array.ravel()]
    except UnicodeDecodeError as error:
        msg = f"input {name!r} must be UTF-8: this model takes text"
        raise Invalid(msg) from error
    return np.array(texts, dtype=np.object_).reshape(array.shape)


def _said(error: Exception) -> str:
    """Answer what onnxruntime says: which operator, and why; no places in its own source."""
    text = " ".join(str(error).split())
    node = _NODE.search(text)
    why = _PLACE.sub("", re.split(r"Status Message: | : \d+ : \w+ : ", text)[-1])
    reason = why.rpartition(" was false. ")[2].strip()[:300]
    return f"{node[1]}: {reason}" if node else reason
