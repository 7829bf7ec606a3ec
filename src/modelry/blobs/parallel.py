"""Does one thing to many items in a few threads, the caller's among them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from modelry.blobs.meter import Meter, Stopped

T = TypeVar("T")

THREADS = min(4, max(2, os.cpu_count() or 2))


def each(work: Callable[[T], None], items: Iterable[T], meter: Meter) -> None:
    """Call `work` once per item, in the order of `items`, and wait for all.

    The first failure stops the others and is raised. Threads are made only
    where there is a second item, and no more than are of use.
    """
    line = _Line(work, list(items), meter)
    threads = [
        threading.Thread(target=line.run, name="modelry-bytes", daemon=True)
        for _ in range(min(THREADS, len(line)) - 1)
    ]
    for thread in threads:
        thread.start()
    line.run()
    line.wait(threads)
    if line.failure is not None:
        raise line.failure


class _Line:
    """Items that several threads take from, until none is left or one failed."""

    def __init__(self, work: Callable[[T], None], items: list[T], meter: Meter) -> None:
        self.failure: BaseException | None = None
        self._work: Callable[[T], None] = work
        self._size = len(items)
        self._items: Iterator[T] = iter(items)
        self._meter = meter
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._size

    def run(self) -> None:
        """Take items until the end, or until somebody failed."""
        try:
            while self.failure is None:
                with self._lock:
                    item = next(self._items)
                self._work(item)
        except (StopIteration, Stopped):
            return
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            self._fail(error)

    def wait(self, threads: list[threading.Thread]) -> None:
        """Wait for the other threads; an interrupt stops them first."""
        for thread in threads:
            try:
                thread.join()
            except BaseException as error:  # noqa: BLE001 - raised by `each` once all are still
                self._fail(error)
                thread.join()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self.failure = self.failure or error
        self._meter.stop()
