"""The page of a model: what it is, what its stages and aliases name, its latest versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.lists import metrics, versions_table
from modelry.cli.pages.page import INDENT, Sheet, flat, stage
from modelry.cli.pages.table import Column
from modelry.core.model import ModelSummary, Version


def model_page(
    sheet: Sheet,
    summary: ModelSummary,
    named: Mapping[int, Version],
    latest: Sequence[Version],
) -> None:
    """Print a model; `named` holds the versions that its pointers name."""
    model = summary.model
    sheet.title(model.full_name, Text(words.plural(summary.versions, "version"), "dim"))
    if model.description:
        sheet.line()
        sheet.paragraph(model.description)
    if summary.pointers:
        sheet.section("Stages and aliases")
        _pointers(sheet, summary, named)
    if latest:
        sheet.section("Latest versions")
        versions_table(sheet, latest, of_one_model=True, indent=INDENT)
        hidden = summary.versions - len(latest)
        if hidden > 0:
            sheet.line(f"  ... and {hidden:,} more: modelry versions {model.full_name}", "dim")
    if model.tags:
        sheet.section("Tags")
        rows = [(flat(name), flat(value)) for name, value in sorted(model.tags.items())]
        sheet.table([Column("", 9, 12), Column("", 5, 12)], rows, INDENT)
    sheet.line()
    sheet.facts([
        ("Author", model.author),
        ("Created", sheet.time(model.created)),
        ("Updated", sheet.time(model.updated)),
    ])  # fmt: skip


def _pointers(sheet: Sheet, summary: ModelSummary, named: Mapping[int, Version]) -> None:
    rows = []
    for each in sorted(summary.pointers, key=lambda one: (one.kind == "alias", one.name)):
        version = named.get(each.number)
        name = stage(each.name) if each.kind == "stage" else flat(f"@{each.name}")
        label = version.version if version and version.version != str(each.number) else ""
        shown = metrics(version) if version else Text()
        rows.append((name, Text(f"version {each.number}"), flat(label), shown))
    columns = [Column("", 9, 10), Column("", 8), Column("", 7, 10), Column("", 3, 14)]
    sheet.table(columns, rows, INDENT)
