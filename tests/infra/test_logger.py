"""An application's log goes where it is to, in the form that is wanted (S1.5)."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Literal

import pytest
from loguru import logger as loguru

from modelry.core.errors import Invalid, Unavailable
from modelry.infra import LoggerService, Service

BACKENDS = ["loguru", "stdlib"]
Backend = Literal["loguru", "stdlib"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_told_reaches_the_sink_from_the_level_on(backend: Backend) -> None:
    out = io.StringIO()
    with LoggerService(out, "WARNING", "{level} {name} {message}", backend=backend) as service:
        service.logger("trainer").info("not told")
        service.logger("trainer").warning("epoch %d diverges", 3)
    service.logger("trainer").warning("after the end")
    assert out.getvalue() == "WARNING trainer epoch 3 diverges\n"


@pytest.mark.parametrize("backend", BACKENDS)
def test_json_is_one_object_on_a_line_with_the_error_in_it(backend: Backend) -> None:
    out = io.StringIO()
    with LoggerService(out, json=True, backend=backend) as service:
        try:
            raise ValueError("two\nlines")  # noqa: EM101, TRY003, TRY301 - the log shows it
        except ValueError:
            service.logger("trainer").exception("it broke")
    (line,) = out.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["name"], told["message"]) == ("ERROR", "trainer", "it broke")
    assert told["error"].endswith("ValueError: two\nlines\n")
    assert told["time"].endswith("Z")


def test_what_loguru_is_told_is_in_the_same_log_and_not_after_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.log"
    for _ in range(2):
        with LoggerService(file, format="{level} {message}"):
            pass
        loguru.warning("beside it")
    assert capsys.readouterr().err.count("beside it") == 2
    with LoggerService(file, format="{level} {message}"):
        loguru.success("trained {} epochs", 3)
        try:
            raise KeyError("lr")  # noqa: EM101, TRY301 - the log shows it
        except KeyError:
            loguru.exception("it broke")
    lines = file.read_text().splitlines()
    assert lines[:2] == ["SUCCESS trained 3 epochs", "ERROR it broke"]
    assert lines[-1] == "KeyError: 'lr'"


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_secret_is_written(backend: Backend) -> None:
    out = io.StringIO()
    password = "sesame"  # noqa: S105 - no value of a variable is written
    with LoggerService(out, backend=backend) as service:
        log = service.logger("trainer")
        log.info("see https://ada:%s@host/x?api_key=sesame", password)
        try:
            raise RuntimeError("Authorization: Bearer sesame-sesame")  # noqa: EM101, TRY003, TRY301 - the log shows it
        except RuntimeError:
            log.exception("refused")
            loguru.opt(exception=True).error("refused")
    assert "https://********@host/x?api_key=********" in out.getvalue()
    assert "sesame" not in out.getvalue()


@pytest.mark.parametrize("sink", ["stdout", "stderr"])
def test_standard_streams_are_sinks(sink: str, capsys: pytest.CaptureFixture[str]) -> None:
    with LoggerService(sink) as service:
        service.logger().error("told")
    assert "ERROR    modelry: told" in getattr(capsys.readouterr(), sink[3:])


def test_started_twice_is_started_once() -> None:
    out = io.StringIO()
    service = LoggerService(out, format="{message}")
    service.start()
    service.start()
    service.logger().warning("once")
    service.stop()
    service.stop()
    assert out.getvalue() == "once\n"
    assert isinstance(service, Service)


def test_what_means_nothing_is_refused_before_anything_changes(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="'LOUD' is no level; there are TRACE, DEBUG"):
        LoggerService(level="LOUD").start()
    with pytest.raises(Invalid, match="the format knows"):
        LoggerService(format="{colour} {message}").start()
    with pytest.raises(Unavailable, match="cannot be written to"):
        LoggerService(tmp_path / "absent" / "app.log").start()
