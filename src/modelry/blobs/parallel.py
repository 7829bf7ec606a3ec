"""Does one thing to many items in a few threads, the caller's among them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from modelry.blobs.meter import Meter, Stopped

T = TypeVar("T")

THREADS = min(4, max(2, os.cpu_count() or 2))


def each(
    work: Callable[[T], None], items: Iterable[T], meter: Meter, threads: int = THREADS
) -> None:
    """Call `work` once per item, beginning in the order of `items`, and wait for all.

    The first failure stops the others and is raised. Threads are made only
    where there is a second item.
    """
    line = _Line(work, items, meter)
    others = [
        threading.Thread(target=line.run, name="modelry-bytes", daemon=True)
        for _ in range(min(threads, len(line.items)) - 1)
    ]
    for thread in others:
        thread.start()
    line.run()
    for thread in others:
        line.wait(thread)
    if line.failure is not None:
        raise line.failure


class _Line(Generic[T]):
    """Items that several threads take from, until none is left or one failed."""

    def __init__(self, work: Callable[[T], None], items: Iterable[T], meter: Meter) -> None:
        self.items = deque(items)
        self.failure: BaseException | None = None
        self._work = work
        self._meter = meter

    def run(self) -> None:
        """Take items until the end, or until somebody failed."""
        while self.failure is None:
            try:
                item = self.items.popleft()
            except IndexError:
                return
            try:
                self._work(item)
            except Stopped:
                return
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                self._fail(error)

    def wait(self, thread: threading.Thread) -> None:
        """Wait for another thread; an interrupt stops all of them first."""
        try:
            thread.join()
        except BaseException as error:  # noqa: BLE001 - raised by `each` once all are still
            self._fail(error)
            thread.join()

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self._meter.stop()
