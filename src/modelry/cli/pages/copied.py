"""What a copy did, and a table of what the target could not hold."""

from __future__ import annotations

from rich.text import Text

from modelry.cli.pages.page import Sheet
from modelry.cli.pages.table import Column
from modelry.cli.pages.words import plural, size
from modelry.copying import Copied


def copied_page(sheet: Sheet, report: Copied, what: str) -> None:
    """Show how much was copied and what was lost on the way."""
    there = f", {report.there} there already" if report.there else ""
    held = (f"{plural(report.models, 'model')}, {plural(report.new, 'new version')}{there}, "
            f"{size(report.size)}")  # fmt: skip
    sheet.paragraph(f"{what}: {held}", hang=2)
    if report.lost:
        sheet.paragraph("what it could not hold:", hang=2)
        columns = [Column("of", worth=9), Column("what", worth=8, least=20)]
        sheet.table(columns, [[Text(each.where), Text(each.what)] for each in report.lost], 2)
