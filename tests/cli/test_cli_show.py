from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from answers import Command
from rich.console import Console

from modelry.cli.pages.card import registered_card
from modelry.cli.pages.page import Sheet
from modelry.cli.pages.version import version_page
from modelry.core.model import (
    Commit,
    Dataset,
    Environment,
    File,
    Findings,
    Signature,
    TensorSpec,
    Version,
    micros,
)

MakeFile = Callable[[str, bytes], str]
HOUR = 3_600_000_000
FINDINGS = Findings(
    format="onnx",
    framework="scikit-learn",
    parameters=12_345_678,
    signature=Signature(
        (TensorSpec("x", "float32", ("batch", 30, None)),), (TensorSpec("label", "int64"),)
    ),
    details={"opset": 17, "producer": "skl2onnx"},
    notes=("loading this would import os.system and run it", "a second [bold]note[/bold]"),
)


@pytest.fixture
def version() -> Version:
    files = tuple(File(f"part-{at}.bin", f"{at:064x}", 1000 * at) for at in range(12))
    return Version(
        id=1, project="risk", name="churn", number=7, version="2.1.0", stage="production",
        aliases=("champion",), digest="sha256:" + "ab" * 32, kind="folder", files=files,
        size=66_000, metrics={"auc": 0.912345678, "n": 12}, params={"C": 1.0, "layers": [1, 2]},
        tags={"team": "risk"}, datasets=(Dataset("census", "sha256:" + "c" * 64),),
        description="Two\nlines.", findings=FINDINGS, source="/data/churn", run_id="run-9",
        base="risk/churn:6", commit=Commit("0123456789abcdef" * 2, "main", "git@host:x.git", dirty=True),
        environment="e" * 64, author="ada", created=micros(datetime(2026, 3, 2, 14, 5, tzinfo=UTC)),
    )  # fmt: skip


@pytest.fixture
def printed(version: Version) -> Callable[..., str]:
    """Answer the page of a version, seen two hours after it was registered."""

    def page(width: int = 100, *, packages: bool = False, **changes: Any) -> str:  # noqa: ANN401 - fields of Version
        out = io.StringIO()
        sheet = Sheet(Console(file=out, width=width, markup=False), version.created + 2 * HOUR)
        environment = Environment("3.12.1", "linux", {"numpy": "2.0", "scikit-learn": "1.6"})
        shown = replace(version, **changes)
        version_page(sheet, shown, environment, packages=packages)
        return out.getvalue()

    return page


def test_the_page_says_of_a_source_elsewhere_that_it_is_not_sealed(
    printed: Callable[..., str],
) -> None:
    told = printed(files=(), source="s3://bucket/churn")

    assert "  Source      s3://bucket/churn (not sealed)" in told.splitlines()


def test_the_page_of_a_version_shows_all_that_is_known(printed: Callable[..., str]) -> None:
    lines = printed().splitlines()

    assert lines[:2] == ["risk/churn:7  2.1.0", "production · @champion"]
    for line in [
        "Two",
        "lines.",
        "  Format      onnx (scikit-learn)",
        "  Parameters  12.3 M",
        "  Size        66.0 kB in 12 files",
        "  Digest      sha256:" + "ab" * 32,
        "  Author      ada",
        "  Registered  2 hours ago (2026-03-02 14:05 UTC)",
        "  Commit      0123456789ab on main, with changes that were not committed (git@host:x.git)",
        "  Python      3.12.1 with 2 packages",
        "  Base        risk/churn:6",
        "  Run         run-9",
        "  Source      /data/churn",
        "  opset     17",
        "  producer  skl2onnx",
        "  input   x      float32  [batch, 30, ?]",
        "  output  label  int64    any shape",
        "  auc  0.912346",
        "  n    12",
        "  C       1.0",
        "  layers  [1,2]",
        "  team  risk",
        "  census  sha256:" + "c" * 64,
        "  part-1.bin  1.0 kB  sha256:" + f"{1:064x}",
        "  ... and 2 more files",
        "Load it with  modelry use risk/churn:7",
    ]:
        assert line in lines


def test_what_a_format_warns_of_is_set_apart_and_not_read_as_markup(
    printed: Callable[..., str],
) -> None:
    page = printed()

    assert "\nWarnings\n  ! loading this would import os.system and run it\n" in page
    assert "  ! a second [bold]note[/bold]\n" in page


def test_packages_are_listed_where_they_are_asked_for(printed: Callable[..., str]) -> None:
    assert "numpy" not in printed()
    assert "\nEnvironment\n  numpy         2.0\n  scikit-learn  1.6\n" in printed(packages=True)


def test_what_a_version_lacks_is_left_out(printed: Callable[..., str]) -> None:
    page = printed(
        findings=None, metrics={}, params={}, tags={}, datasets=(), commit=None, base=None,
        run_id=None, description="", aliases=(), stage="none", version="7",
    )  # fmt: skip

    assert page.startswith("risk/churn:7\nin no stage\n")
    assert "  Format      unknown: no format recognises it\n" in page
    for absent in ["Metrics", "Parameters", "Tags", "Data sets", "Commit", "Base", "Run ", "Warn"]:
        assert absent not in page


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_page_fits(printed: Callable[..., str], width: int) -> None:
    page = printed(width, source="/a/very/long/path" * 20, description="word " * 100)

    assert max(map(len, page.splitlines())) <= width
    assert ("ab" * 32 in page) == (width >= 100)


@pytest.mark.parametrize("evil", ["\x1b[31m", "\x9b2J", "\r", "\u202e", "\x07", "\u2028"])
def test_nothing_that_a_format_found_can_steer_the_terminal(
    printed: Callable[..., str], evil: str
) -> None:
    found = replace(
        FINDINGS, format=f"onnx{evil}", notes=(f"a{evil}b",), details={f"k{evil}": f"v{evil}"},
        signature=Signature((TensorSpec(f"x{evil}", f"f{evil}", (f"b{evil}",)),)),
    )  # fmt: skip

    page = printed(
        findings=found, author=f"ada{evil}", files=(File(f"a{evil}b", "0" * 64, 1),),
        description=f"d{evil}", commit=Commit(f"0{evil}", f"b{evil}", f"r{evil}"),
    )  # fmt: skip

    assert evil not in page


def test_the_card_tells_what_was_found_and_warns(version: Version) -> None:
    out = io.StringIO()
    registered_card(Sheet(Console(file=out, width=100), 0), version, again=False)

    assert "  Found       onnx, scikit-learn, 12.3 M parameters\n" in out.getvalue()
    assert "  Warning     loading this would import os.system and run it (and 1 more: modelry show)" in (
        out.getvalue())  # fmt: skip


def test_a_description_is_shown_as_it_is_typed(run: Command, model_file: MakeFile) -> None:
    run("register", "churn", model_file("m.bin", b"x"), "--description", "[red]x[/red] :smile:")

    assert "[red]x[/red] :smile:" in run("show", "churn:1").lines
    assert run("show", "churn:1", "--json").document["description"] == "[red]x[/red] :smile:"


@pytest.mark.usefixtures("three_versions")
def test_a_model_alone_shows_its_own_page(run: Command) -> None:
    run("describe", "credit-risk", "Scores how likely a loan is to default.")
    run("tag", "credit-risk", "owner=ada")
    said = run("show", "credit-risk")
    document = run("show", "credit-risk", "--json").document

    assert said.lines[0] == "credit-risk  3 versions"
    assert "Scores how likely a loan is to default." in said.lines
    assert "  production  version 2  1.1.0  auc 0.9134, logloss 0.39" in said.lines
    assert "  @champion   version 2  1.1.0  auc 0.9134, logloss 0.39" in said.lines
    assert "  owner  ada" in said.lines
    assert [line.split()[0] for line in said.lines if line.startswith("  ")][2:6] == [
        "VERSION", "3", "2", "1"]  # fmt: skip
    assert document["description"] == "Scores how likely a loan is to default."
    assert document["tags"] == {"owner": "ada"}
    assert [each["number"] for each in document["latest"]] == [3, 2, 1]


@pytest.mark.parametrize(
    "ref",
    ["credit-risk:2", "credit-risk:1.1.0", "credit-risk@production", "credit-risk@champion",
     "models:/credit-risk/2"],
)  # fmt: skip
@pytest.mark.usefixtures("three_versions")
def test_every_way_of_naming_a_version_shows_it(run: Command, ref: str) -> None:
    assert run("show", ref).lines[0] == "credit-risk:2  1.1.0"


@pytest.mark.usefixtures("three_versions")
def test_the_environment_is_counted_and_listed_on_demand(run: Command) -> None:
    short = run("show", "credit-risk:1", "--json").document["environment"]
    full = run("show", "credit-risk:1", "--environment", "--json").document["environment"]
    page = run("show", "credit-risk:1", "--environment")

    assert short["package_count"] == len(full["packages"])
    assert "packages" not in short
    assert "typer" in full["packages"]
    assert any(line.startswith("  typer ") for line in page.lines)


@pytest.mark.usefixtures("three_versions")
def test_a_damaged_record_of_the_environment_does_not_hide_the_rest(
    run: Command, home: Path
) -> None:
    database = sqlite3.connect(home / "registry.db")
    database.execute("UPDATE environments SET body = 'other'")
    database.commit()
    database.close()
    said = run("show", "credit-risk:1")
    document = run("show", "credit-risk:1", "--json").document

    assert "is gone or was edited" in said.err
    assert said.lines[0] == "credit-risk:1  1.0.0"
    assert document["environment"]["python"] is None


def test_what_is_not_there_is_one_line(run: Command) -> None:
    for words in (["show", "nobody"], ["show", "nobody:1"], ["versions", "nobody"]):
        said = run(*words, code=1)
        assert said.err.startswith("modelry: ")
        assert "nobody" in said.err
        assert said.err.count("\n") == 1
