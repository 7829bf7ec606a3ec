"""How much the server says of itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

LogForm = Literal["json", "text", "off"]


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """The settings of logs.

    `log` is the form of what is written to standard output; without one it is
    text on a terminal and JSON elsewhere. `off` leaves requests out, and only
    warnings and errors are written. `paths` adds the path of a request, which
    names models and versions; the query string is never written.
    """

    log: LogForm | None = None
    level: Literal["debug", "info", "warning", "error"] = "info"
    paths: bool = False

    def form(self) -> LogForm:
        """Answer the form that is written here."""
        return self.log or ("text" if sys.stdout.isatty() else "json")
