"""Telling people that something happened: desktop, chat, mail, webhook (S1.6), by Apprise."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from modelry.core.errors import Invalid, RegistryError
from modelry.infra.secrets import HIDDEN, masked, needs, substituted
from modelry.infra.service import Service

if TYPE_CHECKING:
    from apprise import Apprise

_LOG = logging.getLogger("modelry.infra.alerts")
_URLS = "MODELRY_ALERT_URLS"
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)\S+")
_DESKTOP = ("dbus://", "gnome://", "macosx://", "windows://")


@dataclass
class AlertsService(Service):
    """Sends alerts to every address of `urls`; prints them where there is none.

    An address is one of Apprise's: `slack://...`, `workflows://...` (Teams),
    `discord://...`, `mailto://...`, `json://host/path` (a webhook), or
    `desktop`. Without `urls` those of `$MODELRY_ALERT_URLS` count, with white
    space between; `${NAME}` in one is the environment's. An address that
    means nothing, a receiver that refuses, or one that says nothing for
    `timeout` seconds is logged: alerts never fail whoever sends them.
    """

    urls: tuple[str, ...] = field(default=(), repr=False)
    app_name: str = "modelry"
    timeout: float = 10.0
    out: TextIO | None = field(default=None, repr=False)
    _ways: list[tuple[str, Apprise]] = field(default_factory=list, init=False, repr=False)
    _started: bool = field(default=False, init=False, repr=False)

    def __repr__(self) -> str:
        """Show where alerts go, without what opens these places."""
        kinds = ", ".join(_kind(url) for url in self._addresses()) or "printed"
        return f"<AlertsService of {self.app_name}: {kinds}>"

    def start(self) -> None:
        """Prepare each address; one that means nothing is logged and left out."""
        if self._started:
            return
        if self.timeout <= 0:
            msg = f"an alert waits for more than 0 seconds, not {self.timeout}"
            raise Invalid(msg, timeout=self.timeout)
        self._ways = [way for url in self._addresses() if (way := _way(url)) is not None]
        self._started = True

    def stop(self) -> None:
        """Send no more."""
        self._ways, self._started = [], False

    def notify(self, title: str, message: str = "") -> bool:
        """Tell everybody; answer whether all of them were reached in time."""
        title, message = masked(title), masked(message)
        if not self._addresses():
            line = f"[{self.app_name}] {title}" + (f": {message}" if message else "")
            print(line, file=self.out or sys.stderr, flush=True)
            return True
        self.start()
        sends = [_Sending(kind, way, title, message) for kind, way in self._ways]
        for each in sends:
            each.start()
        whole = len(sends) == len(self._addresses())
        end = time.monotonic() + self.timeout
        told = [each.done(self.timeout, end) for each in sends]
        return all(told) and whole

    def _addresses(self) -> tuple[str, ...]:
        return self.urls or tuple(os.environ.get(_URLS, "").split())


class _Sending(threading.Thread):
    """One alert to one receiver, in a thread that nobody has to wait for."""

    def __init__(self, kind: str, way: Apprise, title: str, message: str) -> None:
        super().__init__(name=f"alert to {kind}", daemon=True)
        self._kind, self._way, self._title, self._message = kind, way, title, message
        self._sent = False

    def run(self) -> None:
        try:
            self._sent = bool(
                self._way.notify(body=self._message or self._title, title=self._title)
            )
        except Exception as error:  # noqa: BLE001 - whatever a receiver does, the caller goes on
            _LOG.warning("an alert to %s failed: %s", self._kind, type(error).__name__)

    def done(self, seconds: float, end: float) -> bool:
        """Wait for it until the time `end`, `seconds` after it began; log what went wrong."""
        self.join(max(0.0, end - time.monotonic()))
        if self.is_alive():
            _LOG.warning("an alert to %s had no answer in %g seconds", self._kind, seconds)
            return False
        if not self._sent:
            _LOG.warning("an alert to %s was not taken", self._kind)
        return self._sent


class _NoAddresses(logging.Filter):
    """Takes addresses, which open what they name, out of what Apprise says of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record through with nothing behind the scheme of an address."""
        record.msg, record.args = _ADDRESS.sub(rf"\1{HIDDEN}", record.getMessage()), ()
        return True


_QUIET = _NoAddresses()


def _way(url: str) -> tuple[str, Apprise] | None:
    """Prepare an address, None where it means nothing here."""
    try:
        from apprise import Apprise
    except ModuleNotFoundError as error:
        raise needs(error) from error
    logging.getLogger("apprise").addFilter(_QUIET)  # once, however often it is added
    try:
        given = substituted(url, "an alert's address")
    except RegistryError as error:
        _LOG.error("%s", error)
        return None
    for each in _DESKTOP if given == "desktop" else (given,):
        way = Apprise()
        try:
            known = way.add(each)
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over, the caller goes on
            _LOG.error("no alert can be sent to %s: %s", _kind(url), type(error).__name__)
            return None
        if known:
            return _kind(url), way
    _LOG.error("no alert can be sent to %s from here; look at its address", _kind(url))
    return None


def _kind(url: str) -> str:
    """Answer the scheme of an address, which opens nothing."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)|desktop\Z", url)
    return found[0] if found else HIDDEN
