"""Memory for bytes on their way: two pieces each, of which one moves while the other is filled."""

from __future__ import annotations

from mmap import mmap
from weakref import WeakSet

PIECE = 2 * 1024 * 1024
"""Bytes of a piece."""

WIDE = 8 * 1024 * 1024
"""Bytes of a piece of something large. Each costs a few changes of thread, of whatever size it is."""

LARGE = 64 * 1024 * 1024
"""Bytes of something large."""

_WIDEST = 2
"""How many at a time have pieces that are wide."""

_KEPT = 32
"""Buffers that are kept for the next bytes; none of the wide ones."""

_FREE: list[mmap] = []
_WIDE: WeakSet[Buffers] = WeakSet()


class Buffers:
    """Two buffers, of which one is filled while the other is emptied, for `size` bytes.

    They begin at a page of memory, so that a disk can take them as they lie. `piece`
    is how many bytes each has.
    """

    def __init__(self, size: int) -> None:
        wide = size >= LARGE and len(_WIDE) < _WIDEST
        self.piece = WIDE if wide else PIECE
        if wide:
            _WIDE.add(self)
        self._mine = [self._one() for _ in range(2)]

    def _one(self) -> mmap:
        return _FREE.pop() if _FREE and self.piece == PIECE else mmap(-1, self.piece)

    def next(self) -> memoryview:
        """Answer the buffer that was answered the time before last."""
        self._mine.reverse()
        return memoryview(self._mine[0])

    def give_back(self) -> None:
        """Let others have them; to be called once nobody reads or fills them any more."""
        if self.piece == PIECE:
            _FREE.extend(self._mine[: max(0, _KEPT - len(_FREE))])
        _WIDE.discard(self)
        self._mine = []
