"""What runs before a version is registered, promoted or deployed: a command, or a callable."""

from __future__ import annotations

import contextlib
import importlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modelry.core.errors import Invalid, NotFound, Unavailable
from modelry.infra.config import parse_file, to_object
from modelry.infra.secrets import masked

_STANDARD_ERROR = 2
_ANSWERS = ("path", "metrics", "params")


def work(run: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Run it in `folder`, and answer what a callable said; a command says nothing.

    What it prints goes to standard error. Raises `Invalid` where it fails.
    """
    if "command" in run:
        _command(run, folder)
        return {}
    return _call(run, folder)


def values_of(given: Mapping[str, Any] | str | None, folder: Path, what: str) -> Mapping[str, Any]:
    """Answer metrics or parameters: as they are given, or out of a JSON or YAML file."""
    if given is None:
        return {}
    if not isinstance(given, str):
        return given
    found = to_object(parse_file(folder / given))
    if not isinstance(found, dict):
        msg = f"{folder / given} holds no {what} by name"
        raise Invalid(msg, path=given)
    return found


def _command(run: Mapping[str, Any], folder: Path) -> None:
    given = run["command"]
    words = shlex.split(given) if isinstance(given, str) else [str(each) for each in given]
    if not words:
        msg = "the command is empty"
        raise Invalid(msg)
    env = {**os.environ, **{name: str(value) for name, value in run.get("env", {}).items()}}
    try:
        process = subprocess.Popen(  # noqa: S603 - the file's own command, which no shell looks at
            words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=_STANDARD_ERROR,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        msg = f"the command {words[0]} cannot be started: {error.strerror}"
        raise NotFound(msg, command=words[0]) from error
    _wait(process, words[0], run.get("timeout_seconds"))


def _wait(process: subprocess.Popen[bytes], name: str, seconds: float | None) -> None:
    """Wait for a command; nothing that it started goes on after a timeout or an interruption."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        msg = f"the command {name} was ended after {seconds:g} seconds"
        raise Unavailable(msg, command=name) from error
    except BaseException:
        _end(process)
        raise
    if code != 0:
        how = f"ended with {code}" if code > 0 else f"was killed by signal {-code}"
        msg = f"the command {name} {how}"
        raise Invalid(msg, command=name, code=code)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _call(run: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    where = str(run["call"])
    room, _, name = where.partition(":")
    with _inside(folder):
        try:
            found: Any = importlib.import_module(room)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            msg = f"{where} cannot be imported: {masked(str(error))}"
            raise NotFound(msg, call=where) from error
        except (Exception, SystemExit) as error:
            raise _raised(room, error) from error
        try:
            answer = found(**run.get("args", {}))
        except (Exception, SystemExit) as error:
            raise _raised(where, error) from error
    if answer is None:
        return {}
    if not isinstance(answer, Mapping) or not set(answer) <= set(_ANSWERS):
        msg = f"{where} answers nothing, or a mapping of {', '.join(_ANSWERS)}"
        raise Invalid(msg, call=where)
    for name in {"metrics", "params"} & set(answer):
        if not isinstance(answer[name], Mapping):
            msg = f"the {name} that {where} answers are no mapping"
            raise Invalid(msg, call=where)
    return answer


def _raised(what: str, error: BaseException) -> Invalid:
    msg = f"{what} raised {type(error).__name__}: {masked(str(error))}"
    return Invalid(msg)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Import from `folder` first, work in it, and print to standard error."""
    before = Path.cwd()
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.chdir(before)
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
