"""Takes a checkpoint every hour, in one of all the processes of a server."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelry.core.errors import Corrupt, RegistryError
from modelry.core.events import Head
from modelry.core.verbs.audit import checkpoint as take_checkpoint
from modelry.core.verbs.world import World
from modelry.server.checkpoints.keys import key_at, read_key
from modelry.server.checkpoints.places import Place, open_place
from modelry.server.checkpoints.signing import Signed, open_signed, seal
from modelry.server.checkpoints.turns import Turns

logger = logging.getLogger(__name__)
_SECOND = 1_000_000
_TURN = 300 * _SECOND
"""Microseconds after which another process goes on where one died at its turn."""
_LOOK = 60.0
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """Where checkpoints go, and what signs them.

    `place` is `file:///folder` or `s3://bucket/prefix`; `key` the file of the
    private key, None for one in `home` that is made at the first start. `every`
    is in seconds.
    """

    place: str
    home: Path
    key: Path | None = None
    every: int = 3600


class Keeper:
    """Takes checkpoints of a world. `look` is one look whether one is due."""

    def __init__(
        self, world: World, settings: CheckpointSettings, place: Place | None = None
    ) -> None:
        self._world = world
        self._every = settings.every * _SECOND
        self._key = (
            read_key(settings.key) if settings.key else key_at(settings.home / "checkpoints.key")
        )
        self._place = place or open_place(settings.place)
        self._turns = Turns(world.store, os.urandom(8).hex(), max(self._every, _TURN))
        self.newest_at: int | None = None

    def look(self) -> bool:
        """Take a checkpoint where one is due and it is our turn; say whether one was taken.

        Raises `Corrupt` where the records are behind the last checkpoint, or
        that one was forged; then none is taken.
        """
        now = self._world.clock.now()
        if not self._turns.take(now, now + min(_TURN, self._every)):
            self.newest_at = self._turns.newest_at()
            return False
        last = self._last()
        written = False
        if last is None or self._due(last.checkpoint.at, now):
            taken = take_checkpoint(self._world)
            if last is not None:
                check_follows(last, taken.heads)
            data = seal(self._key, taken, last)
            written = self._place.put_new(last.sequence + 1 if last else 1, data)
            last = self._last()
        self.newest_at = last.checkpoint.at if last else None
        self._turns.end(min(self.newest_at or now, now) + self._every, self.newest_at)
        return written

    def _due(self, at: int, now: int) -> bool:
        """Say whether a checkpoint of time `at` is old, or from a clock that is far ahead."""
        return not now - self._every < at < now + self._every

    def _last(self) -> Signed | None:
        found = self._place.newest()
        if found is None:
            return None
        sequence, data = found
        signed = open_signed(data, self._key.public_key())
        if signed.sequence != sequence:
            msg = f"checkpoint {sequence} says that it is number {signed.sequence}: it was moved"
            raise Corrupt(msg, sequence=sequence)
        return signed


def check_follows(last: Signed, heads: tuple[Head, ...]) -> None:
    """Raise `Corrupt` where the records are behind, or beside, those that `last` saw.

    It looks at the ends of the chains alone, which costs little every hour;
    `modelry audit verify` reads everything.
    """
    found = {head.chain: head for head in heads}
    for seen in last.checkpoint.heads:
        head = found.get(seen.chain)
        if head is None or head.seq < seen.seq or (head.seq == seen.seq and head.hash != seen.hash):
            msg = (
                f"the records of {seen.chain} are not those that checkpoint {last.sequence} saw: "
                "records were removed or replaced. No checkpoint is taken. Run modelry audit "
                "verify --checkpoint; after restoring a backup name a new place for checkpoints"
            )
            raise Corrupt(msg, chain=seen.chain, sequence=last.sequence)


class Running:
    """A keeper in a thread of its own."""

    def __init__(self, keeper: Keeper, told: Callable[[Keeper, bool], None]) -> None:
        self._keeper = keeper
        self._told = told
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            failed = False
            try:
                if self._keeper.look():
                    logger.info("a checkpoint of the records was written")
            except RegistryError as error:
                failed = True
                logger.error("no checkpoint: %s", error.message, extra={"code": error.code})  # noqa: TRY400 - a refusal says all; no traceback
            except Exception:
                failed = True
                logger.exception("no checkpoint")
            self._told(self._keeper, failed)
            self._over.wait(_LOOK)

    def stop(self) -> None:
        """End the thread; a checkpoint on its way is let through."""
        self._over.set()
        self._thread.join(_PATIENCE)


def start(world: World, settings: CheckpointSettings) -> Running:
    """Take checkpoints in the background until `stop`. Raises where key or place are unusable."""
    return Running(Keeper(world, settings), _tell)


def _tell(keeper: Keeper, failed: bool) -> None:  # noqa: FBT001 - a callback's second value
    from modelry.telemetry.metrics import metrics

    if failed:
        metrics().checkpoint_failures.inc()
    if keeper.newest_at is not None:
        metrics().checkpoint_at.set(keeper.newest_at / _SECOND)
