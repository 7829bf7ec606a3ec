from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from answers import Command

from modelry.cli.app import app
from modelry.core.query import _ALIASES, MAPS, NUMBER_FIELDS, TEXT_FIELDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
ROOT = typer.main.get_command(app)
EVERYWHERE = {"--json", "--help"}
WITHOUT_AN_ANSWER = {"infer", "serve"}
GROUPS = "|".join(name for name, each in ROOT.commands.items() if hasattr(each, "commands"))  # type: ignore[attr-defined]  # it is a group


def commands() -> Iterator[tuple[str, set[str]]]:
    """Answer every command with its options, as they are typed."""
    for name, command in ROOT.commands.items():  # type: ignore[attr-defined]  # it is a group
        inner = getattr(command, "commands", None)
        for words, leaf in [(name, command)] if inner is None else [
            (f"{name} {sub}", each) for sub, each in inner.items()]:  # fmt: skip
            options = {opt for param in leaf.params for opt in param.opts if opt.startswith("--")}
            yield words, options


def rows() -> dict[str, str]:
    found = {}
    for line in PAGE.splitlines():
        match = re.match(rf"\| `modelry ((?:(?:{GROUPS}) )?[a-z]+)", line)
        if match:
            found[match[1]] = line
    return found


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    assert set(rows()) == {name for name, _ in commands()}


@pytest.mark.parametrize(("name", "options"), list(commands()))
def test_every_option_is_in_its_row(name: str, options: set[str]) -> None:
    told = set(re.findall(r"--[a-z-]+", rows()[name].rsplit("|", 2)[1]))

    assert told == options - EVERYWHERE
    assert ("--json" in options) == (name not in WITHOUT_AN_ANSWER)


def test_global_options_are_told() -> None:
    options = {opt for param in ROOT.params for opt in param.opts if opt.startswith("--")}

    assert [option for option in options - EVERYWHERE if f"`{option}`" not in PAGE] == []


def test_every_field_of_the_search_language_is_told() -> None:
    fields = TEXT_FIELDS | NUMBER_FIELDS | set(MAPS) | set(_ALIASES)

    assert [name for name in fields if not re.search(rf"`{name}[`.]", PAGE)] == []


def test_the_examples_run(shell: Command, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x00" * 100)
    (tmp_path / "better.onnx").write_bytes(b"\x01" * 200)
    (tmp_path / "train.csv").write_text("a,b\n")
    (code,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    said = shell(f"set -euo pipefail\n{code}")

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == "registered credit-risk:1"
    assert "rolled production back to version 1, displacing version 2 (archived)" in said.out
    assert said.out.splitlines()[-1].startswith("all good: 8 records in 1 chain")
