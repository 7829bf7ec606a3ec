"""Before a version answers anybody: does it take and answer what it says?

It is run on the example that it brings, or on zeros of the shapes that it
takes, several times, which also warms it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from modelry.core.errors import Invalid
from modelry.core.model import Version
from modelry.serving.datatypes import BYTES, Array, datatype_named, datatype_of
from modelry.serving.examples import Example, made_examples, own_example
from modelry.serving.loading import first_line
from modelry.serving.refusals import Unfit
from modelry.serving.runners import Runner, Spec

_WARM_RUNS = 3
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5
"""How far an answer may be from a recorded one: processors add in different orders."""


def check(runner: Runner, path: Path, version: Version) -> None:
    """Raise `Unfit` where a loaded version is not what it says, or does not answer."""
    _check_signature(runner, version)
    try:
        example = own_example(path, version, runner.inputs)
    except Invalid as error:
        msg = f"the example in {version.ref} does not fit its model: {error.message}"
        raise Unfit(msg, ref=version.ref) from error
    if example is not None:
        _try(runner, example, version)
        return
    _try_any(runner, version)


def _check_signature(runner: Runner, version: Version) -> None:
    """Compare what the loaded model takes with what was sealed with the version."""
    if runner.platform != "onnx_onnxv1" or version.findings is None:
        return  # other formats are loaded by their signature, or have none
    signature = version.findings.signature
    sealed = (
        {spec.name: datatype_named(spec.dtype) for spec in signature.inputs} if signature else {}
    )
    if sealed and sealed != {spec.name: spec.datatype for spec in runner.inputs}:
        msg = f"{version.ref} takes other inputs than the signature that was sealed with it"
        raise Unfit(msg, ref=version.ref)


def _try_any(runner: Runner, version: Version) -> None:
    """Try made examples, from the smallest, until the model takes one."""
    reason = "its inputs are too large to be made"
    for example in made_examples(runner.inputs):
        try:
            _run(runner, example, version)
        except Invalid as error:
            if isinstance(error, Unfit):
                raise
            reason = error.message
            continue
        _try(runner, example, version)
        return
    msg = (
        f"{version.ref} takes no input of zeros ({reason}); "
        "put an input_example.json that it takes beside the model"
    )
    raise Unfit(msg, ref=version.ref)


def _try(runner: Runner, example: Example, version: Version) -> None:
    try:
        for _ in range(_WARM_RUNS):
            answered = _run(runner, example, version)
    except Invalid as error:
        if isinstance(error, Unfit):
            raise
        msg = f"{version.ref} refuses its own example: {error.message}"
        raise Unfit(msg, ref=version.ref) from error
    for name, recorded in example.answers.items():
        if name not in answered or not _close(answered[name], recorded):
            msg = f"{version.ref} does not answer its example as recorded: output {name!r}"
            raise Unfit(msg, ref=version.ref)


def _run(runner: Runner, example: Example, version: Version) -> Mapping[str, Array]:
    """Run an example once; what is no refusal of the values makes the version unfit."""
    wanted = [spec.name for spec in runner.outputs]
    try:
        answered = runner.run(example.feed, wanted)
    except Invalid:
        raise
    except Exception as error:
        msg = f"{version.ref} fails on an example: {first_line(error)}"
        raise Unfit(msg, ref=version.ref) from error
    _check_outputs(runner.outputs, answered, version)
    return dict(zip(wanted, answered, strict=True))


def _check_outputs(specs: Sequence[Spec], answered: Sequence[Array], version: Version) -> None:
    for spec, array in zip(specs, answered, strict=True):
        datatype = datatype_of(array.dtype)
        if not spec.admits(datatype, array.shape):
            msg = (
                f"{version.ref} answers {spec.name!r} as {datatype} {list(array.shape)}, "
                f"where it says {spec}"
            )
            raise Unfit(msg, ref=version.ref)


def _close(answered: Array, recorded: Array) -> bool:
    if answered.shape != recorded.shape:
        return False
    if datatype_of(recorded.dtype) == BYTES:
        return bool(_texts(answered) == _texts(recorded))
    return bool(np.allclose(answered, recorded, _RELATIVE, _ABSOLUTE, equal_nan=True))


def _texts(array: Array) -> list[str]:
    return [each.decode() if isinstance(each, bytes) else str(each) for each in array.ravel()]
