"""What a server does by itself now and then: note uses, forget what is past its time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from modelry.core.errors import RegistryError, Unavailable
from modelry.server.checkpoints.keeping import CheckpointSettings, Running, start
from modelry.server.desk import Desk

_LOG = logging.getLogger("modelry.server")
_USES = 60.0
_SWEEPS = 10


class Upkeep:
    """A thread that looks after the registry while the server runs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelry-upkeep", daemon=True)
        self._checkpoints: Running | None = None

    def start(self) -> None:
        """Begin. Raises where checkpoints are wanted and their key or place make no sense."""
        try:
            self._begin_checkpoints()
        except Unavailable as error:  # tried again every minute
            _LOG.warning("checkpoints cannot be taken yet: %s", error.message)
        self._thread.start()

    def _begin_checkpoints(self) -> None:
        settings = self._desk.settings
        if settings.checkpoints is None or self._checkpoints is not None:
            return
        home = settings.home.expanduser()
        wanted = CheckpointSettings(
            settings.checkpoints, home, settings.checkpoint_key, settings.checkpoint_seconds
        )
        self._checkpoints = start(self._desk.world, wanted)

    def stop(self) -> None:
        """End, after what is being done is done."""
        self._over.set()
        self._thread.join()
        if self._checkpoints is not None:
            self._checkpoints.stop()
        self._try("noting when tokens were used", self._desk.callers.note_uses)

    def _run(self) -> None:
        rounds = 0
        while not self._over.wait(_USES):
            rounds += 1
            self._try("noting when tokens were used", self._desk.callers.note_uses)
            self._try("taking checkpoints", self._begin_checkpoints)
            if rounds % _SWEEPS == 0:
                self._try("forgetting what is past its time", self._forget)

    def _forget(self) -> None:
        world, settings = self._desk.world, self._desk.settings
        world.store.change(lambda unit: unit.expire(world.clock.now()))
        world.blobs.uploads.sweep(settings.upload_hours * 3600)

    def _try(self, what: str, work: Callable[[], object]) -> None:
        """Do what can be done another time; say so where it could not be done now."""
        try:
            work()
        except RegistryError as error:
            _LOG.warning("%s did not work: %s", what, error.message)
