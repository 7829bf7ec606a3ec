"""Following the registry: what is in production there is soon what answers here.

One thread looks, fetches, loads and tries; requests never wait for it. What
does not load or does not answer as it says is not served: the version that
stands goes on, an alert is raised, and the same version is not tried again
before minutes have passed.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelry.core.errors import (
    Denied,
    NotFound,
    RegistryError,
    Unauthenticated,
    Unavailable,
)
from modelry.core.model import Version
from modelry.serving.alerts import Alerts, tell
from modelry.serving.loading import first_line

_LOG = logging.getLogger("modelry.serving")
FIRST_RETRY = 60.0
LONGEST_RETRY = 3600.0
"""Seconds before a version that was refused is tried again, doubled each time."""

_AWAY = (Unavailable, Unauthenticated, Denied)
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that is in production and is not served, and why; times are of `time.time`."""

    version: int
    reason: str
    at: float
    tries: int
    again_at: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What the last looks at the registry saw."""

    answered_at: float
    wanted: int | None
    trouble: str | None = None
    refused: Refused | None = None


class Follower(threading.Thread):
    """Looks every `seconds`, and hands a new version to `change`.

    `look` answers the version that the stage names and raises `NotFound` where
    it names none; `serving` the one that answers now; `change` brings another to
    answer, or raises.
    """

    def __init__(
        self,
        look: Callable[[], Version],
        serving: Callable[[], Version],
        change: Callable[[Version], None],
        alerts: Alerts,
        seconds: float,
    ) -> None:
        super().__init__(name="modelry-following", daemon=True)
        self._look, self._serving, self._change = look, serving, change
        self._alerts, self._seconds = alerts, seconds
        self._ended = threading.Event()
        self._turned = threading.Condition()
        self._turns = 0
        self.sight = Sight(time.time(), serving().number)

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._ended.wait(self._seconds * random.uniform(1 - _JITTER, 1 + _JITTER)):  # noqa: S311 - spreads load, guards nothing
            self.turn()

    def turn(self) -> None:
        """Look once, and follow. Whatever goes wrong, the next turn comes."""
        try:
            self._follow()
        except Exception:  # noqa: BLE001 - the next look may go better
            if not self._ended.is_set():  # a stop closes the registry under a look
                _LOG.exception("following the registry failed; it goes on")
        with self._turned:
            self._turns += 1
            self._turned.notify_all()

    def wait_turn(self, seconds: float) -> bool:
        """Wait for a turn that begins after now; False where none came in time."""
        with self._turned:
            goal = self._turns + 2  # the turn that is under way may have looked already
            return self._turned.wait_for(lambda: self._turns >= goal, seconds)

    def _follow(self) -> None:
        try:
            version = self._look()
        except NotFound:
            self._nothing()
            return
        except RegistryError as error:
            self._away(error)
            return
        if self.sight.trouble:
            _LOG.info("the registry answers again")
        self.sight = Sight(time.time(), version.number, None, self._still_refused(version))
        if _same(version, self._serving()) or self._too_early(version):
            return
        self._try(version)

    def _try(self, version: Version) -> None:
        try:
            self._change(version)
        except _AWAY as error:
            if isinstance(error, Denied) and error.facts.get("ref"):
                self._refuse(version, error)  # loading is not allowed: nothing to do with reaching
                return
            self._away(error)
        except Exception as error:  # noqa: BLE001 - whatever a model's runtime raises
            self._refuse(version, error)
        else:
            self.sight = replace(self.sight, refused=None)

    def _refuse(self, version: Version, error: Exception) -> None:
        before = self.sight.refused
        tries = before.tries + 1 if before else 1
        pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(tries - 1, 10))
        now, reason = time.time(), first_line(error)
        self.sight = replace(
            self.sight, refused=Refused(version.number, reason, now, tries, now + pause)
        )
        serving = self._serving().ref
        title = f"{version.ref} cannot be served"
        tell(self._alerts, title, f"{reason}. {serving} goes on serving.")

    def _still_refused(self, version: Version) -> Refused | None:
        refused = self.sight.refused
        return refused if refused and refused.version == version.number else None

    def _too_early(self, version: Version) -> bool:
        refused = self._still_refused(version)
        return refused is not None and time.time() < refused.again_at

    def _nothing(self) -> None:
        """Go on with what stands: the registry answers, and names nothing."""
        if self.sight.wanted is not None:
            serving = self._serving().ref
            title = f"nothing is in production of {self._serving().full_name}"
            tell(self._alerts, title, f"{serving} goes on serving until something is, or a stop.")
        self.sight = Sight(time.time(), None)

    def _away(self, error: RegistryError) -> None:
        if not self.sight.trouble:
            _LOG.warning("the registry cannot be asked; %s goes on serving: %s",
                         self._serving().ref, error.message)  # fmt: skip
        self.sight = replace(self.sight, trouble=first_line(error))


def _same(one: Version, other: Version) -> bool:
    return (one.number, one.digest) == (other.number, other.digest)
