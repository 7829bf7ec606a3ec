"""One line per request, written at its end.

It does not pass the standard logging module, whose records cost several times
as much; the lines look alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted

from modelry.core.redaction import redact
from modelry.telemetry.finished import Finished
from modelry.telemetry.logs import write_line
from modelry.telemetry.options import TelemetrySettings

Write = Callable[[str], None]

_LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_SERVER_ERROR = 500
_LONGEST = 256
_QUIET = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/metrics")


class RequestLines:
    """Writes the lines in the form that the settings ask for."""

    def __init__(self, settings: TelemetrySettings, write: Write = write_line) -> None:
        form = settings.form()
        self._write = write
        self._text = form == "text"
        self._least = _LEVELS[settings.level] if form != "off" else len(_LEVELS)
        self._second = 0
        self._stamp = ""

    def tell(self, request: Finished) -> None:
        """Write the line of a request, unless its level is too low.

        What fails inside the server is an error, every other answer an `info`;
        the questions of probes are `debug` while they are answered well.
        """
        level = "info"
        if request.status >= _SERVER_ERROR:
            level = "error"
        elif request.route in _QUIET:
            level = "debug"
        if _LEVELS[level] < self._least:
            return
        self._write(self._as_text(request, level) if self._text else self._as_json(request, level))

    def _as_json(self, request: Finished, level: str) -> str:
        line = (
            f'{{"time":"{self._now()}","level":"{level}","event":"request",'
            f'"request_id":"{request.request_id}","method":{quoted(request.method[:16])},'
            f'"route":{quoted(request.route[:_LONGEST])},"status":{request.status},'
            f'"duration_ms":{request.seconds * 1000:.3f},"bytes_in":{request.received},'
            f'"bytes_out":{request.sent},"actor":{quoted(request.actor[:_LONGEST])},'
            f'"address":{quoted(request.address[:_LONGEST])}'
        )
        if request.trace_id:
            line += f',"trace_id":"{request.trace_id}"'
        if request.path:
            line += f',"path":{quoted(_shown(request.path))}'
        return line + "}\n"

    def _as_text(self, request: Finished, level: str) -> str:
        path = _shown(request.path or request.route)
        who = f" {_shown(request.actor)}" if request.actor else ""
        return (
            f"{self._now()} {level:7} {request.status} {_shown(request.method)} {path} "
            f"{request.seconds * 1000:.1f} ms {request.sent} B{who} {request.request_id}\n"
        )

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"


def _shown(text: str) -> str:
    """Answer a text from outside so that it can neither break a line nor paint a terminal."""
    cut = redact(text[:_LONGEST])
    return cut if cut.isprintable() else quoted(cut)[1:-1]
