"""Logs: the standard logging module, uvicorn's and other libraries' records too, in one form.

Lines go to standard output, one record a line, each in one write, so that
lines of several workers do not mix. Secrets are taken out of every line.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from modelry.core.redaction import redact
from modelry.telemetry import request_ids
from modelry.telemetry.options import TelemetrySettings

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}
_CHATTY = ("botocore", "httpcore", "httpx", "sqlalchemy", "urllib3", "asyncio")


def write_line(line: str) -> None:
    """Write a line to standard output at once."""
    sys.stdout.write(line)
    sys.stdout.flush()


def configure(settings: TelemetrySettings) -> None:
    """Send every record of the logging module to standard output, in the form that is set.

    Takes the place of whatever was configured. uvicorn's own line per request
    is switched off: ours says more.
    """
    form = settings.form()
    handler = _Lines()
    handler.setFormatter(TextLines() if form == "text" else JsonLines())
    least = logging.WARNING if form == "off" else _LEVELS[settings.level]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(least)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
        logger.setLevel(logging.NOTSET)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
    # It tells of a pipeline that ends when a statement in it fails: the refusal says so already.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_line(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - logging's own rule: a log never breaks the work
            self.handleError(record)


class JsonLines(logging.Formatter):
    """One JSON object a record; what was given as `extra` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record as one line."""
        line: dict[str, object] = {
            "time": _stamp(record.created),
            "level": record.levelname.lower(),
            "event": "log",
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if request_id := request_ids.current.get():
            line["request_id"] = request_id
        for key, value in record.__dict__.items():
            if key not in _STANDARD and key not in line:
                line[key] = _plain(value)
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, separators=(",", ":"))


class TextLines(logging.Formatter):
    """Records for somebody who reads along."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record, with its traceback below."""
        stamp = _stamp(record.created)
        line = f"{stamp} {record.levelname.lower():7} {record.name}: {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


def _stamp(at: float) -> str:
    second = int(at)
    day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return f"{day}.{int((at - second) * 1000):03d}Z"


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | None) else redact(str(value))
