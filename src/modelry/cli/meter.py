"""A progress bar for work that takes longer than a moment."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 1.0

Unit = Literal["bytes", "chains", "rows", "unknown"]


class Meter:
    """Shows how far work is, once it has taken a second and where a person is watching.

    It is what the core calls as `progress(what, done, total)`, from any
    thread. `unit` says what is counted; `unknown` is bytes without an end.
    """

    def __init__(self, unit: Unit = "bytes", *, color: bool = True) -> None:
        self._unit = unit
        self._color = color
        self._watched = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._timer = threading.Timer(_PATIENCE, self._show)
        self._timer.daemon = True
        self._latest: tuple[str, int, int] | None = None
        self._due = False
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self._watched:
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._watched = False
            if self._bar is not None:
                self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take in how far the work is; the core's `Progress`."""
        if not self._watched:
            return
        with self._lock:
            self._latest = (what, done, total)
            if self._due:
                self._draw()

    def _show(self) -> None:
        with self._lock:
            self._due = True
            if self._watched and self._latest is not None:
                self._draw()

    def _draw(self) -> None:
        if self._latest is None or not self._watched:
            return
        what, done, total = self._latest
        if self._bar is None:
            self._bar = self._new_bar()
            self._bar.start()
        known = None if self._unit == "unknown" else total
        if what not in self._tasks:
            for task in self._tasks.values():
                self._bar.remove_task(task)
            self._tasks = {what: self._bar.add_task(what, total=known)}
        self._bar.update(self._tasks[what], completed=done, total=known)

    def _new_bar(self) -> Progress:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        console = Console(stderr=True, color_system="auto" if self._color else None)
        about = TextColumn("{task.description}", markup=False)
        left = TimeRemainingColumn(compact=True)
        middle = [MofNCompleteColumn()] if self._unit in {"chains", "rows"} else [
            DownloadColumn(), TransferSpeedColumn()]  # fmt: skip
        return Progress(about, BarColumn(None), *middle, left, console=console, transient=True)
