"""PyTorch: weights into a module that the operator names.

Weights come from safetensors, or from `torch.save` by torch's own reader that
unpickles tensors alone. Files that carry programs are not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from modelry.core.errors import Invalid, Unsupported
from modelry.core.model import Version
from modelry.serving.datatypes import Array
from modelry.serving.loading import file_of, first_line, format_of
from modelry.serving.refusals import Unfit
from modelry.serving.runners import Choices, Spec

_WEIGHTS = frozenset({"safetensors", "torch"})


class TorchLoader:
    """Loads weights into what the factory makes."""

    name = "torch"

    def claims(self, version: Version) -> bool:
        """Take safetensors, and files of torch.save."""
        return format_of(version) in _WEIGHTS

    def load(self, path: Path, version: Version, choices: Choices) -> TorchRunner:
        """Make the module, on the processor, ready to answer."""
        try:
            import torch as _  # noqa: F401 - safetensors says less of what is missing
        except ModuleNotFoundError as error:
            msg = f"loading {version.ref} needs torch: pip install 'modelry[torch]'"
            raise Unsupported(msg, package=error.name) from error
        module = _factory(choices, version)()
        module.load_state_dict(_weights(path, version))
        return TorchRunner(module.eval(), version)


def _factory(choices: Choices, version: Version) -> Any:  # noqa: ANN401 - the operator's function
    if choices.factory is None:
        msg = (
            f"{version.ref} holds weights alone; name the function that makes the module they "
            "belong to: --factory package.module:function"
        )
        raise Unsupported(msg, ref=version.ref)
    module, colon, function = choices.factory.partition(":")
    if not colon:
        msg = f"{choices.factory!r} names no function; write package.module:function"
        raise Unsupported(msg)
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        msg = f"the factory {choices.factory} cannot be imported: {first_line(error)}"
        raise Unsupported(msg) from error


def _weights(path: Path, version: Version) -> Mapping[str, Any]:
    if format_of(version) == "safetensors":
        from safetensors.torch import load_file

        return load_file(file_of(path, version, ".safetensors"))
    import torch

    file = file_of(path, version, ".pt", ".pth", ".bin")
    weights: Mapping[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return weights


class TorchRunner:
    """A module, called with its inputs by position.

    Weights have no signature: the module says what it takes and answers, in an
    attribute `serving_signature`.
    """

    platform = "pytorch"

    def __init__(self, module: Any, version: Version) -> None:  # noqa: ANN401 - theirs has no types
        self._module = module
        told = getattr(module, "serving_signature", None)
        if told is None:
            msg = (
                f"{version.ref} does not say what it takes and answers; give the module of the "
                "factory an attribute serving_signature: "
                '({"x": ("FP32", [-1, 4])}, {"y": ("FP32", [-1, 2])})'
            )
            raise Unfit(msg, ref=version.ref)
        self.inputs, self.outputs = _told(told)

    def run(self, feed: Mapping[str, Array], wanted: Sequence[str]) -> Sequence[Array]:
        """Call the module without gradients."""
        import torch

        tensors = [torch.from_numpy(np.ascontiguousarray(feed[spec.name])) for spec in self.inputs]
        try:
            with torch.inference_mode():
                answered = self._module(*tensors)
        except (RuntimeError, IndexError, ValueError) as error:
            msg = f"the model refuses these inputs: {first_line(error)}"
            raise Invalid(msg) from error
        parts = answered if isinstance(answered, tuple | list) else [answered]
        named = dict(zip([spec.name for spec in self.outputs], parts, strict=True))
        return [named[name].numpy() for name in wanted]

    def close(self) -> None:
        """Let go of the weights."""
        self._module = None


def _told(told: Any) -> tuple[tuple[Spec, ...], tuple[Spec, ...]]:  # noqa: ANN401 - the operator's
    taken, answered = told
    return _specs(taken), _specs(answered)


def _specs(named: Mapping[str, tuple[str, Sequence[int]]]) -> tuple[Spec, ...]:
    return tuple(Spec(name, kind, tuple(shape)) for name, (kind, shape) in named.items())
