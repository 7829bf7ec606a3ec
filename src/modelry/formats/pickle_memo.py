"""The memo of a pickle: which numbers are taken, and the few values worth keeping.

`MEMOIZE` takes the number of entries as its index, so the entries are counted
exactly; they are nearly always dense, which costs nothing.
"""

from __future__ import annotations

from modelry.core.errors import Invalid
from modelry.formats.pickle_opcodes import OPAQUE

_MAX_SPARSE = 500_000
_MAX_KEPT = 100_000


class Memo:
    """Remembers values by number."""

    def __init__(self) -> None:
        self._kept: dict[int, object] = {}
        self._dense = 0
        self._sparse: set[int] = set()

    def __len__(self) -> int:
        return self._dense + len(self._sparse)

    def put(self, index: int, value: object, *, keep: bool) -> None:
        """Remember `value`, or only that `index` is taken."""
        if index == self._dense:
            self._dense += 1
        elif index > self._dense:
            self._sparse.add(index)
        while self._dense in self._sparse:
            self._sparse.discard(self._dense)
            self._dense += 1
        if len(self._sparse) > _MAX_SPARSE:
            msg = "it remembers too much to be followed"
            raise Invalid(msg)
        self._kept.pop(index, None)
        if keep and len(self._kept) < _MAX_KEPT:
            self._kept[index] = value

    def get(self, index: int) -> object:
        """Answer what was remembered, opaque where it was not worth keeping."""
        if index < 0 or (index >= self._dense and index not in self._sparse):
            msg = f"it recalls {index}, which nothing remembered"
            raise Invalid(msg)
        return self._kept.get(index, OPAQUE)
