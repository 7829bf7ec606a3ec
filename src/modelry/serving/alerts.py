"""Telling people that a version in production cannot be served."""

from __future__ import annotations

import logging
from typing import Protocol

_LOG = logging.getLogger("modelry.serving")


class Alerts(Protocol):
    """Whoever tells people. It never fails its caller."""

    def notify(self, title: str, message: str) -> object:
        """Tell people that something happened."""
        ...


class LoggedAlerts:
    """Tells the log, where nothing else was given."""

    def notify(self, title: str, message: str) -> None:
        """Write one line at level error."""
        _LOG.error("%s: %s", title, message)


def tell(alerts: Alerts, title: str, message: str) -> None:
    """Raise an alert; one that cannot be raised is logged, and serving goes on."""
    try:
        alerts.notify(title, message)
    except Exception:  # noqa: BLE001 - whoever tells people, serving goes on
        _LOG.exception("an alert could not be raised: %s: %s", title, message)
