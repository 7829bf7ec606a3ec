"""A recommendation: the version to take, why, and all that it was chosen from."""

from __future__ import annotations

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import Sheet, flat, stage
from modelry.cli.pages.table import Column
from modelry.core.recommendation import Ranked, Recommendation

_SHOWN = 20


def recommendation_page(sheet: Sheet, found: Recommendation) -> None:
    """Print it."""
    sheet.paragraph(f"take {found.best.ref}: {'; '.join(found.reasons)}")
    sheet.line()
    columns = [
        Column("", 9, right=True),
        Column("VERSION", 9, 12),
        Column("LABEL", 3, 10),
        Column("STAGE", 5),
        *(Column(each.name, 7, 8, right=True) for each in found.measures),
        Column("SCORE", 8, right=True),
        Column("DATA", 4),
    ]
    rows = [_row(found, at, each) for at, each in enumerate(found.ranked[:_SHOWN], 1)]
    sheet.table(columns, rows)
    left = len(found.ranked) - _SHOWN
    if left > 0:
        sheet.line()
        sheet.paragraph(f"and {left} more (--json shows all)", style="dim")


def _row(found: Recommendation, at: int, each: Ranked) -> tuple[Text, ...]:
    version = each.version
    live = found.live is not None and found.live.ref == version.ref
    return (
        Text(str(at)),
        flat(f"{version.ref}{' (live)' if live else ''}", "bold" if at == 1 else ""),
        flat(version.version),
        stage(version.stage),
        *(Text(words.number(version.metrics[m.name])) for m in found.measures),
        Text(f"{each.score:.2f}"),
        Text("other" if each.other_data else ""),
    )
