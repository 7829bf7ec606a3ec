"""Memory for bytes on their way: two pieces each, of which one moves while the other is filled."""

from __future__ import annotations

from mmap import mmap

PIECE = 2 * 1024 * 1024

_KEPT = 32
"""Buffers that are kept for the next bytes."""

_FREE: list[mmap] = []


class Buffers:
    """Two buffers, of which one is filled while the other is emptied.

    They begin at a page of memory, so that a disk can take them as they lie.
    """

    def __init__(self) -> None:
        self._mine = [_FREE.pop() if _FREE else mmap(-1, PIECE) for _ in range(2)]

    def next(self) -> memoryview:
        """Answer the buffer that was answered the time before last."""
        self._mine.reverse()
        return memoryview(self._mine[0])

    def give_back(self) -> None:
        """Let others have them; to be called once nobody reads or fills them any more."""
        _FREE.extend(self._mine[: max(0, _KEPT - len(_FREE))])
        self._mine = []
