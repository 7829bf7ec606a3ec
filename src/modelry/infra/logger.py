"""What an application says of itself: to a stream or a file, as text or JSON (S1.5)."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TextIO

from modelry.core.errors import Invalid, Unavailable
from modelry.infra.secrets import masked, needs
from modelry.infra.service import Service

if TYPE_CHECKING:
    from loguru import Message

Sink = str | Path | TextIO
_LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "SUCCESS": 25, "WARNING": 30, "ERROR": 40,
           "CRITICAL": 50}  # fmt: skip
_FIELDS = {"time": "", "level": "", "name": "", "message": "", "line": 0}
_TEXT = "{time} {level:<8} {name}: {message}"


@dataclass(frozen=True, slots=True)
class _Record:
    at: datetime
    level: str
    name: str
    message: str
    line: int
    error: str

    def render(self, template: str, *, as_json: bool) -> str:
        time = self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: dict[str, Any] = {"time": time, "level": self.level, "name": self.name,
                                  "message": masked(self.message), "line": self.line}  # fmt: skip
        error = masked(self.error)
        if as_json:
            more = {"error": error} if error else {}
            return json.dumps({**fields, **more}, ensure_ascii=False) + "\n"
        return template.format(**fields) + "\n" + error


@dataclass
class LoggerService(Service):
    """Writes the log of a process to `sink`: `stderr`, `stdout`, a file or a stream.

    `level` is the least that is told; `format` is a template with `{time}`,
    `{level}`, `{name}`, `{message}` and `{line}`; with `json` each record is one
    JSON object on a line. `backend` is `loguru`, whose own records are told
    then too, or `stdlib`; None takes loguru where it is installed. What looks
    like a secret is not written, and no values of variables are.
    """

    sink: Sink = "stderr"
    level: str = "INFO"
    format: str = _TEXT
    json: bool = False
    backend: Literal["loguru", "stdlib"] | None = None
    _undo: contextlib.ExitStack | None = field(default=None, init=False, repr=False)
    _loguru_default: ClassVar[int] = 0

    def start(self) -> None:
        """Begin to write. Raises `Invalid` for a level or a format that means nothing."""
        if self._undo is not None:
            return
        level = self._level()
        try:
            self.format.format(**_FIELDS)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            msg = f"the format knows {', '.join(f'{{{name}}}' for name in _FIELDS)}, not {error}"
            raise Invalid(msg, format=self.format) from error
        with contextlib.ExitStack() as stack:
            write = self._writer(stack)
            handler = _Handler(self, write)
            handler.setLevel(level)
            if self._backend() == "loguru":
                self._take_loguru(stack, write)
            root = logging.getLogger()
            before = root.level
            root.addHandler(handler)
            root.setLevel(min(level, before) if before else level)
            stack.callback(root.setLevel, before)
            stack.callback(root.removeHandler, handler)
            self._undo = stack.pop_all()

    def stop(self) -> None:
        """Write no more, and close the file."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo.close()

    def logger(self, name: str = "modelry") -> logging.Logger:
        """Answer a logger that writes here, as the standard library has it."""
        return logging.getLogger(name)

    def _level(self) -> int:
        level = _LEVELS.get(self.level.upper())
        if level is None:
            msg = f"{self.level!r} is no level; there are {', '.join(_LEVELS)}"
            raise Invalid(msg, level=self.level)
        return level

    def _backend(self) -> str:
        if self.backend is not None:
            return self.backend
        from importlib.util import find_spec

        return "stdlib" if find_spec("loguru") is None else "loguru"

    def _writer(self, stack: contextlib.ExitStack) -> Callable[[str], None]:
        if self.sink in {"stdout", "stderr"}:
            return _Standard(str(self.sink))
        if not isinstance(self.sink, str | Path):
            return _Stream(self.sink)
        try:
            stream = Path(self.sink).open("a", encoding="utf-8")  # noqa: SIM115 - closed by the stack
        except OSError as error:
            msg = f"the log cannot be written to {self.sink}: {error.strerror}"
            raise Unavailable(msg, sink=str(self.sink)) from error
        return _Stream(stack.enter_context(stream))

    def _take_loguru(self, stack: contextlib.ExitStack, write: Callable[[str], None]) -> None:
        """Tell loguru's records too, in place of its own way to standard error."""
        try:
            from loguru import logger
        except ModuleNotFoundError as error:
            raise needs(error) from error

        def tell(message: Message) -> None:
            record = message.record
            caught = record["exception"]
            error = _traceback(caught.value) if caught and caught.value else ""
            told = _Record(record["time"], record["level"].name, record["name"] or "",
                           record["message"], record["line"], error)  # fmt: skip
            write(told.render(self.format, as_json=self.json))

        with contextlib.suppress(ValueError):  # whoever removed it does not want it back
            logger.remove(LoggerService._loguru_default)
            stack.callback(_restore_loguru)
        number = logger.add(tell, level=self.level.upper(), format="{message}", backtrace=False,
                            diagnose=False, catch=True)  # fmt: skip
        stack.callback(logger.remove, number)


def _restore_loguru() -> None:
    """Give loguru its own way to standard error back."""
    from loguru import logger

    LoggerService._loguru_default = logger.add(_Standard("stderr"))  # noqa: SLF001 - of this file


class _Standard:
    """Writes to standard output or error as it is at that moment: tests and notebooks put others there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, text: str) -> None:
        getattr(sys, self._name).write(text)


class _Stream:
    """Any stream, flushed with every record."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class _Handler(logging.Handler):
    """Writes records of the standard library."""

    def __init__(self, service: LoggerService, write: Callable[[str], None]) -> None:
        super().__init__()
        self._service, self._write = service, write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; what cannot be written is reported as logging does."""
        try:
            caught = record.exc_info[1] if record.exc_info else None
            told = _Record(datetime.fromtimestamp(record.created, UTC), record.levelname,
                           record.name, record.getMessage(), record.lineno,
                           _traceback(caught) if caught else "")  # fmt: skip
            self._write(told.render(self._service.format, as_json=self._service.json))
        except Exception:  # noqa: BLE001 - a log fails nobody
            self.handleError(record)


def _traceback(error: BaseException) -> str:
    text = io.StringIO()
    traceback.print_exception(error, file=text)
    return text.getvalue()
