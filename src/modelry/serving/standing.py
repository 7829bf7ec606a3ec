"""The version that answers, and the change to the next without a request that notices.

A request takes the version that stands, and gives it back. A version that was
replaced is closed when the last request that took it has given it back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelry.core.model import Version
from modelry.serving.figures import VersionFigures
from modelry.serving.runners import Runner, Spec

_LOG = logging.getLogger("modelry.serving")


@dataclass(slots=True, eq=False)
class Loaded:
    """A version in memory, with what every request needs of it ready."""

    version: Version
    runner: Runner
    figures: VersionFigures
    since: float
    inputs: Mapping[str, Spec] = field(init=False)
    outputs: tuple[str, ...] = field(init=False)
    number: str = field(init=False)
    users: int = 0
    replaced: bool = False
    owner: Standing | None = None

    def __post_init__(self) -> None:
        self.inputs = {spec.name: spec for spec in self.runner.inputs}
        self.outputs = tuple(spec.name for spec in self.runner.outputs)
        self.number = str(self.version.number)


class Standing:
    """Holds the version that answers. Safe to use from any thread."""

    def __init__(self, first: Loaded) -> None:
        self._lock = threading.Lock()
        self._drained = threading.Condition(self._lock)
        self._current = first
        first.owner = self
        self._old = 0
        self._closed = False

    @property
    def current(self) -> Loaded:
        """The version that answers now; to be looked at, not to be run."""
        return self._current

    def take(self) -> Loaded:
        """Take the version that answers now; it stays loaded until it is given back."""
        with self._lock:
            loaded = self._current
            loaded.users += 1
        return loaded

    def give_back(self, loaded: Loaded) -> None:
        """Give a version back, and close it where it was replaced and nobody else has it."""
        with self._lock:
            loaded.users -= 1
            last = loaded.replaced and not loaded.users
        if last:
            self._close(loaded)

    def replace(self, new: Loaded) -> None:
        """Let `new` answer from now on; requests that run go on with what they took."""
        with self._lock:
            old = new if self._closed else self._current
            if not self._closed:
                self._current = new
            new.owner = self
            idle = self._retire(old)
        if idle:
            self._close(old)

    def drain(self, seconds: float) -> bool:
        """Wait until versions that were replaced are closed; False where some are still running."""
        until = time.monotonic() + seconds
        with self._drained:
            return self._drained.wait_for(lambda: not self._old, max(0.0, until - time.monotonic()))

    def close(self) -> None:
        """Close the version that answers, once its requests are over."""
        with self._lock:
            self._closed = True
            loaded = self._current
            idle = self._retire(loaded)
        if idle:
            self._close(loaded)

    def _retire(self, loaded: Loaded) -> bool:
        """Mark what answers no new request; True where nobody has it any more."""
        loaded.replaced = True
        self._old += 1
        return not loaded.users

    def _close(self, loaded: Loaded) -> None:
        try:
            loaded.runner.close()
        except Exception:  # noqa: BLE001 - whatever a loader's model raises, it is gone
            _LOG.exception("closing %s failed", loaded.version.ref)
        with self._drained:
            self._old -= 1
            self._drained.notify_all()
        _LOG.info("%s is drained and freed", loaded.version.ref)
