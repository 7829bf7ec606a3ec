"""The standard logging module writes in the same form, and secrets stay out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from modelry.telemetry import TelemetrySettings, logs, request_ids

TOKEN = "modelry_abcdefghijkl_" + "s" * 43


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    """Leave logging as it was: it belongs to the whole process."""
    loggers = [logging.getLogger(name) for name in
               ("", "uvicorn", "uvicorn.error", "uvicorn.access", *logs._CHATTY)]  # fmt: skip
    before = [(each, each.handlers[:], each.level, each.propagate) for each in loggers]
    yield
    logging.captureWarnings(capture=False)
    for each, handlers, level, propagate in before:
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


def test_a_record_is_one_json_object_with_its_extras(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings("json"))
    request_ids.current.set("r1")
    extra = {"size_bytes": 7, "address": f"https://x?token={TOKEN}"}
    logging.getLogger("a.b").info("stored\n%s", TOKEN, extra=extra)
    request_ids.current.set("")
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "info", "event": "log", "logger": "a.b",
        "message": "stored\nmodelry_abcdefghijkl_***", "request_id": "r1",
        "size_bytes": 7, "address": "https://x?token=***",
    }  # fmt: skip


def test_an_extra_cannot_take_the_place_of_a_field(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings("json"))
    logging.getLogger("a").info("said", extra={"level": "none", "event": "none"})
    told = json.loads(capsys.readouterr().out)
    assert (told["level"], told["event"]) == ("info", "log")


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_traceback_of_a_failure_has_no_secret(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(TelemetrySettings(form))  # type: ignore[arg-type]  # both are forms
    try:
        int(TOKEN)
    except ValueError:
        logging.getLogger("a").exception("failed")
    out = capsys.readouterr().out
    assert "ValueError" in out
    assert "sss" not in out


def test_a_record_that_cannot_be_written_does_not_break_the_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(TelemetrySettings("json"))
    logging.getLogger("a").info("%d", "not a number")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "not a number" in captured.err


def test_off_leaves_warnings_and_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings("off", "debug"))
    logging.getLogger("a").info("said")
    logging.getLogger("uvicorn.error").warning("heard")
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == [
        "heard"
    ]


def test_uvicorn_writes_no_line_per_request_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings("json"))
    logging.getLogger("uvicorn.access").info("GET /?token=x")
    assert capsys.readouterr().out == ""


def test_without_a_form_it_is_json_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert TelemetrySettings().form() == "json"
    assert capsys.readouterr().out == ""


def test_chatty_libraries_are_heard_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings("text", "debug"))
    logging.getLogger("sqlalchemy").info("SELECT secret")
    logging.getLogger("sqlalchemy").warning("slow")
    assert capsys.readouterr().out.endswith("warning sqlalchemy: slow\n")
