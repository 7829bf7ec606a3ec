from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from answers import Command
from typer.testing import CliRunner

from modelry.cli.app import app
from modelry.cli.refusals import refusal
from modelry.core.errors import Invalid, RegistryError

MakeFile = Callable[[str, bytes], str]
CTRL_C = b"\x03"
MODELRY = str(Path(sys.executable).with_name("modelry"))


def on_a_terminal(
    words: list[str], keys: bytes = b"", env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a command on a pseudo terminal, type `keys`, and answer how it ended and all it said."""
    terminal, far_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", **(env or {})}
    process = subprocess.Popen(
        [MODELRY, *words], stdin=far_end, stdout=far_end, stderr=far_end, env=environment
    )
    os.close(far_end)
    said, typed, deadline = b"", not keys, time.monotonic() + 60
    while time.monotonic() < deadline:
        if not typed and b"[y/N]" in said:
            typed = True
            if keys == CTRL_C:
                process.send_signal(signal.SIGINT)
            else:
                os.write(terminal, keys)
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                said += os.read(terminal, 4096)
            except OSError:  # the far end is closed
                break
    os.close(terminal)
    return process.wait(60), said.decode()


def test_the_exit_codes_are_those_of_the_help(shell: Command, model_file: MakeFile) -> None:
    model_file("m.bin", b"m")

    assert shell("modelry --version").out.startswith("modelry 0.")
    assert shell("modelry register churn m.bin").code == 0
    refused = shell("modelry show nobody")
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert shell("modelry promote churn").code == 2
    assert shell("modelry nonsense").code == 2
    assert "Did you mean 'promote'" in shell("modelry promot").err
    assert shell("modelry").code == 2


@pytest.mark.usefixtures("three_versions")
def test_use_can_stand_inside_another_command(shell: Command) -> None:
    said = shell('wc -c < "$(modelry use credit-risk@production)"')

    assert said.out.strip() == "1001"


@pytest.mark.usefixtures("three_versions")
def test_a_reader_that_goes_away_is_met_with_silence(shell: Command) -> None:
    for command in ("models", "history credit-risk", "show credit-risk:1", "models --json",
                    "use credit-risk"):  # fmt: skip
        said = shell(f"set -o pipefail; modelry {command} | true")
        assert (said.code, said.err) == (0, ""), command


def test_ctrl_c_ends_with_130_and_one_line(home: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "checkpoint"
    os.mkfifo(fifo)
    program = "import sys; sys.argv[0]='modelry'; from modelry.cli.main import run; run()"
    words = [sys.executable, "-c", program, "audit", "verify", "--checkpoint", str(fifo)]
    with (
        subprocess.Popen(
            words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        fifo.open("w"),  # opens once the command reads it, and gives it nothing
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert out == ""
    assert err == "modelry: interrupted; whatever was acknowledged before is kept\n"
    assert not (home / "registry.db").exists()


@pytest.mark.parametrize("variable", ["--uri", "MODELRY_URI"])
def test_a_registry_can_be_named_by_option_or_variable(
    shell: Command, model_file: MakeFile, tmp_path: Path, home: Path, variable: str
) -> None:
    model_file("m.bin", b"m")
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    option, env = (f"--uri {uri}", {}) if variable == "--uri" else ("", {variable: uri})
    made = shell(f"modelry {option} register churn m.bin", env)
    listed = shell(f"modelry {option} models", env)
    wrong = shell("modelry --uri gopher://x models")

    assert (made.code, listed.lines[1].split()[0]) == (0, "churn")
    assert (tmp_path / "other.db").exists()
    assert not (home / "registry.db").exists()
    assert (wrong.code, wrong.err.count("\n")) == (1, 1)
    assert "gopher" in wrong.err


@pytest.mark.usefixtures("three_versions")
def test_colour_is_for_terminals_and_can_be_turned_off() -> None:
    _, coloured = on_a_terminal(["models"])
    _, by_variable = on_a_terminal(["models"], env={"NO_COLOR": "1"})
    _, by_option = on_a_terminal(["--no-color", "models"])

    assert "\x1b[32mproduction" in coloured
    assert "\x1b" not in by_variable
    assert by_variable == by_option


@pytest.mark.usefixtures("three_versions")
def test_delete_asks_a_person_and_takes_no_for_an_answer(run: Command) -> None:
    code, said = on_a_terminal(["delete", "credit-risk:3"], b"\n")
    assert code == 1
    assert "Delete credit-risk:3 (1.2.0)? It cannot be undone. [y/N]" in said
    assert "modelry: nothing was deleted" in said

    code, said = on_a_terminal(["delete", "credit-risk:3"], b"y\n")
    assert code == 0
    assert "deleted credit-risk:3 (1.2.0); its history stays" in said
    assert run("show", "credit-risk:3", code=1).out == ""

    code, said = on_a_terminal(["delete", "credit-risk:1"], CTRL_C)
    assert code == 130
    assert "Traceback" not in said


@pytest.mark.usefixtures("three_versions")
def test_a_terminal_that_knows_no_unicode_is_answered_too(shell: Command) -> None:
    env = {"PYTHONIOENCODING": "ascii"}

    assert shell("modelry describe credit-risk 'Ünïcode 模型'").code == 0
    for command in ("show credit-risk", "compare credit-risk:1 credit-risk:2", "history credit-risk",
                    "show credit-risk --json"):  # fmt: skip
        said = shell(f"modelry {command}", env)
        assert (said.code, said.err) == (0, ""), command


def test_a_bug_is_one_line_too_and_its_place_is_shown_on_demand(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(uri: str | None) -> None:
        msg = f"broken {uri}\x1b"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr("modelry.wiring.connect", broken)
    assert run("models", code=1).err == (
        "modelry: internal error, ZeroDivisionError: broken None\\x1b "
        "(a bug; MODELRY_TRACEBACK=1 shows where)\n"
    )
    monkeypatch.setenv("MODELRY_TRACEBACK", "1")
    shown = CliRunner().invoke(app, ["models"])
    assert isinstance(shown.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RegistryError("two\nlines\x1b[31m"), "modelry: two lines\\x1b[31m"),
        (Invalid("bad"), "modelry: bad"),
        (PermissionError(13, "Permission denied", "/x"), "modelry: /x: Permission denied"),
        (OSError(28, "No space left on device"), "modelry: No space left on device"),
        (MemoryError(), "modelry: there is not enough memory for this"),
    ],
)
def test_every_failure_reads_as_one_plain_line(error: Exception, line: str) -> None:
    assert refusal(error) == line


def test_help_names_every_command_under_a_heading(run: Command) -> None:
    said = run("--help")

    for heading in ("Versions:", "Stages:", "Keeping in order:", "Carrying elsewhere:"):
        assert heading in said.lines
    rows = [" ".join(line.split()) for line in said.lines]
    assert "promote Move a version into a stage, which names it from then on." in rows


@pytest.mark.usefixtures("three_versions")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("modelry show cre", {"credit-risk"}),
        ("modelry show credit-risk@", {"credit-risk@production", "credit-risk@champion",
                                       "credit-risk@latest"}),
        ("modelry show credit-risk:1.2", {"credit-risk:1.2.0"}),
        ("modelry promote credit-risk:3 st", {"staging"}),
        ("modelry versions credit-risk --stage pro", {"production"}),
    ],
)  # fmt: skip
def test_the_shell_completes_models_versions_and_stages(
    shell: Command, typed: str, offered: set[str]
) -> None:
    env = {"_MODELRY_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": typed}
    said = shell("modelry", env)

    for each in offered:
        assert f'"{each.replace(":", chr(92) * 2 + ":")}"' in said.out or each in said.out


def test_completion_makes_no_registry(shell: Command, home: Path) -> None:
    env = {"_MODELRY_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "modelry show cre"}

    assert shell("modelry", env).err == ""
    assert not home.exists()
