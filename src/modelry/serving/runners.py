"""What a loader makes of a version, and what it is told: the seam for plug-ins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelry.core.model import Version
from modelry.serving.datatypes import Array, datatype_of

UNKNOWN = -1
"""A dimension of any size, as the protocol writes it."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A tensor that a model takes or answers: its datatype of the protocol, its shape.

    A dimension of any size is -1; a shape of None has any number of dimensions.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] | None

    def __str__(self) -> str:
        shape = "any shape" if self.shape is None else str(list(self.shape))
        return f"{self.datatype} {shape}"

    def admits(self, datatype: str, shape: Sequence[int]) -> bool:
        """Say whether a tensor of this datatype and shape is one of these."""
        if datatype != self.datatype:
            return False
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            wanted in (UNKNOWN, size) for wanted, size in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator decided about loading.

    `allow_code` names the models whose files may run code when they are
    loaded: pickles and MLflow folders. `trusted_types` are the types
    that a skops file may hold beside those that skops trusts. `factory`
    (`module:function`) makes the torch module that weights are loaded into.
    `model_threads` is how many threads one run of a model may use, 0 for as
    many as its runtime takes by itself.
    """

    loader: str | None = None
    allow_code: frozenset[str] = frozenset()
    trusted_types: tuple[str, ...] = ()
    factory: str | None = None
    model_threads: int = 1
    providers: tuple[str, ...] = ("CPUExecutionProvider",)


class Runner(Protocol):
    """A model in memory. Safe to run from several threads at once."""

    platform: str
    inputs: Sequence[Spec]
    outputs: Sequence[Spec]

    def run(self, feed: Mapping[str, Array], wanted: Sequence[str]) -> Sequence[Array]:
        """Answer the outputs that are `wanted`, in that order.

        `feed` has exactly the tensors of `inputs`, as they admit them; BYTES
        are arrays of `object` that hold `bytes`. Raises `Invalid` where the
        model refuses these values; whatever else it raises is a fault.
        """
        ...

    def close(self) -> None:
        """Give back what the model holds; nothing runs any more."""
        ...


class Loader(Protocol):
    """Loads versions of some formats."""

    name: str

    def claims(self, version: Version) -> bool:
        """Say whether it can load `version`, by what the registry knows of it."""
        ...

    def load(self, path: Path, version: Version, choices: Choices) -> Runner:
        """Load what lies at `path`, verified. Raises `Unsupported`, `Denied` or `Unfit`."""
        ...


def spec_like(name: str, array: Array) -> Spec:
    """Answer the spec of tensors like `array`, whose first dimension is free."""
    return Spec(name, datatype_of(array.dtype), (UNKNOWN, *array.shape[1:]))
