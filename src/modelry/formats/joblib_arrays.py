"""The raw arrays that joblib writes between the instructions of a pickle.

`joblib.dump` pickles a `NumpyArrayWrapper` (shape, dtype, alignment) and puts
the array's bytes right behind the instruction that gives the wrapper its state
(joblib/numpy_pickle.py). To follow the pickle to its end they must be passed
over. An array of objects is a whole pickle at that place instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelry.core.errors import Invalid
from modelry.formats.pickle_acts import follow
from modelry.formats.pickle_machine import Global, Machine, Made, Pairs

if TYPE_CHECKING:
    from modelry.formats.forward import Forward

_WRAPPERS = frozenset(
    (
        Global("joblib.numpy_pickle", "NumpyArrayWrapper"),
        Global("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper"),
    )
)
_MAX_DEPTH = 8
_MAX_BYTES = 2**63 - 1
_SIZE_IN_STATE, _FLAGS_IN_STATE = 5, 7
_HAS_OBJECTS = 1
_FLEXIBLE = "USV"


class JoblibMachine(Machine):
    """A machine that passes over joblib's arrays and follows the pickles among them."""

    def __init__(self, stream: Forward, depth: int = 0) -> None:
        super().__init__(stream, self._array)
        self.arrays = 0
        self._depth = depth

    def _array(self, made: Made) -> None:
        if made.of not in _WRAPPERS or not isinstance(made.state, Pairs):
            return
        self.arrays += 1
        state = made.state.items
        dtype = state.get("dtype")
        if not isinstance(dtype, Made):
            msg = f"the array at byte {self.stream.at:,} has an unknown dtype"
            raise Invalid(msg, at=self.stream.at)
        if _has_objects(dtype):
            self._follow_inner()
        else:
            self._skip_data(state, _item_size(dtype))

    def _skip_data(self, state: dict[str, object], item: int) -> None:
        size = _elements(state.get("shape")) * item
        if isinstance(state.get("numpy_array_alignment_bytes"), int):
            self.stream.skip(self.stream.byte(), "the padding of an array")
        self.stream.skip(size, "an array")

    def _follow_inner(self) -> None:
        if self._depth >= _MAX_DEPTH:
            msg = f"arrays of objects are nested deeper than {_MAX_DEPTH} levels"
            raise Invalid(msg)
        inner = JoblibMachine(self.stream, self._depth + 1)
        inner.steps = self.steps
        try:
            follow(inner)
        finally:
            self.steps = inner.steps
            self.arrays += inner.arrays
            self.calls += inner.calls
            self.nested += inner.nested
            self.unresolved += inner.unresolved
            self.globals |= inner.globals


def _elements(shape: object) -> int:
    if not isinstance(shape, tuple):
        msg = "an array has an unknown shape"
        raise Invalid(msg)
    elements = 1
    for size in shape:
        if not isinstance(size, int) or size < 0 or elements * size > _MAX_BYTES:
            msg = "an array has an unknown shape"
            raise Invalid(msg)
        elements *= size
    return elements


def _item_size(dtype: Made) -> int:
    """Answer the bytes of one element, from `dtype('f8')` or from the state of a record type."""
    code = _code(dtype)
    state = dtype.state
    if code[:1] in _FLEXIBLE and isinstance(state, tuple) and len(state) > _SIZE_IN_STATE:
        size = state[_SIZE_IN_STATE]
        if isinstance(size, int) and size >= 0:
            return size
    digits = code[1:]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):  # noqa: PLR2004
        msg = f"an array has elements of unknown size ({code!r})"
        raise Invalid(msg)
    return int(digits) * (4 if code[0] == "U" else 1)


def _has_objects(dtype: Made) -> bool:
    state = dtype.state
    flags = state[_FLAGS_IN_STATE] if isinstance(state, tuple) and len(state) > 7 else 0  # noqa: PLR2004
    return _code(dtype)[:1] == "O" or (isinstance(flags, int) and bool(flags & _HAS_OBJECTS))


def _code(dtype: Made) -> str:
    arguments = dtype.arguments
    if isinstance(arguments, tuple) and arguments and isinstance(arguments[0], str):
        return arguments[0]
    msg = "an array has elements of unknown type"
    raise Invalid(msg)
