"""In a notebook the nouns are tables, and what a user wrote stays text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import modelry
from modelry.core.repository import RegistryRepository


@pytest.fixture
def notebook() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def registry(notebook: InteractiveShell, tmp_path: Path) -> RegistryRepository:
    assert notebook
    made = modelry.connect(f"sqlite:///{tmp_path}/registry.db")
    for number, auc in enumerate((0.5, 0.75), start=1):
        path = tmp_path / "model.bin"
        path.write_text(str(number))
        made.register("m", path, metrics={"auc": auc}, params={"C": number},
                      description="<script>alert(1)</script>")  # fmt: skip
    made.promote("m:1", "production", comment="<b>first</b>")
    return made


def html(notebook: InteractiveShell, noun: object) -> str:
    formatter = notebook.display_formatter
    assert formatter is not None
    shown = formatter.format(noun)[0]  # type: ignore[no-untyped-call]  # IPython's
    return str(shown["text/html"])


def test_a_version_shows_its_facts_and_runs_nothing(
    notebook: InteractiveShell, registry: RegistryRepository
) -> None:
    shown = html(notebook, registry.resolve("m:1"))
    assert "<td>metrics</td><td>auc 0.5</td>" in shown
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


def test_lists_show_one_row_each(notebook: InteractiveShell, registry: RegistryRepository) -> None:
    versions = html(notebook, registry.versions("m"))
    assert versions.count("<tr>") == 3
    assert "<td>production</td>" in versions
    assert "<td>production 1</td>" in html(notebook, registry.models())
    assert "more: ask for the next page" in html(notebook, registry.versions("m", limit=1))
    assert "<tbody></tbody>" in html(notebook, registry.search("nothing"))


def test_a_comparison_marks_the_better_value(
    notebook: InteractiveShell, registry: RegistryRepository
) -> None:
    shown = html(notebook, registry.compare("m:1", "m:2"))
    assert "<td>0.75 ★ (+0.25)</td>" in shown
    assert "<tr><td>C</td><td>1</td><td>2</td></tr>" in shown


def test_a_history_shows_who_did_what(
    notebook: InteractiveShell, registry: RegistryRepository
) -> None:
    shown = html(notebook, registry.history("m"))
    assert "<td>version.promoted</td><td>1</td><td>&lt;b&gt;first&lt;/b&gt;</td>" in shown


def test_long_tables_say_what_is_left_out(
    notebook: InteractiveShell, registry: RegistryRepository
) -> None:
    for number in range(60):
        registry.tag("m:1", {"n": str(number)})
    assert "... 13 more rows" in html(notebook, registry.history("m"))


def test_a_version_is_one_line_without_a_notebook(registry: RegistryRepository) -> None:
    version = registry.resolve("m:1")
    assert repr(version) == (
        f"<Version m:1 '1' in production, 1 file, 1 bytes, {version.digest[:19]}>")  # fmt: skip
