"""Takes items in a thread of its own, a few ahead of who wants them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Queue
from typing import Generic, TypeVar

T = TypeVar("T")

_AHEAD = 4


def ahead(given: Iterable[T]) -> Iterator[T]:
    """Answer the items of `given`, which another thread takes; its exceptions are raised here.

    obstore runs an iterator that it is given inside its own event loop, where
    nothing may ask obstore for anything. An iterator from here may be given
    to it even though its items come from the store.
    """
    taker = _Taker(given)
    taker.start()
    try:
        while (got := taker.queue.get()) is not None:
            yield got[0]
    finally:
        taker.stop()
    if taker.failure is not None:
        raise taker.failure


class _Taker(threading.Thread, Generic[T]):
    """Puts items into a short queue, and None at the end."""

    def __init__(self, given: Iterable[T]) -> None:
        super().__init__(name="modelry-ahead", daemon=True)
        self.queue: Queue[tuple[T] | None] = Queue(_AHEAD)
        self.failure: BaseException | None = None
        self._given = given
        self._stopped = False

    def run(self) -> None:
        """Take until the end, a failure, or `stop`."""
        try:
            for item in self._given:
                if self._stopped:
                    break
                self.queue.put((item,))
        except BaseException as error:  # noqa: BLE001 - raised in the other thread
            self.failure = error
        self.queue.put(None)

    def stop(self) -> None:
        """Let the thread end, wherever it is, and wait for it."""
        self._stopped = True
        while self.is_alive():
            while not self.queue.empty():
                self.queue.get()
            self.join(0.05)
