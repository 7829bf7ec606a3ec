"""Lists: of models, of versions, of stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import Sheet, flat, stage
from modelry.cli.pages.table import Column
from modelry.cli.text import one_line
from modelry.core.lifecycle import Lifecycle
from modelry.core.model import Deployment, ModelSummary, Pointer, Version

if TYPE_CHECKING:
    from modelry.remotes.client.eviction import Entry

_METRICS_SHOWN = 3


def models_table(sheet: Sheet, found: Iterable[ModelSummary]) -> None:
    """Print one model per line, with what its stages and aliases name."""
    rows = [
        (
            flat(each.model.full_name, "bold"),
            Text(str(each.versions)),
            pointers(each.pointers),
            Text(sheet.ago(each.model.updated)),
            flat(each.model.description),
        )
        for each in found
    ]
    columns = [
        Column("MODEL", 9, 16),
        Column("VERSIONS", 6, right=True),
        Column("POINTERS", 8, 18),
        Column("UPDATED", 5),
        Column("DESCRIPTION", 2, 16),
    ]
    sheet.table(columns, rows)


def pointers(found: Sequence[Pointer]) -> Text:
    """Answer `production 3, champion 2`, the stages first."""
    line = Text()
    for each in sorted(found, key=lambda one: (one.kind == "alias", one.name)):
        line.append(", " if line.plain else "")
        line.append_text(stage(each.name) if each.kind == "stage" else Text(f"@{each.name}"))
        line.append(f" {each.number}")
    return line


def versions_table(
    sheet: Sheet, found: Iterable[Version], *, of_one_model: bool, indent: int = 0
) -> None:
    """Print one version per line, newest or best first, as they come."""
    rows = [_version_row(sheet, each, of_one_model=of_one_model) for each in found]
    columns = [
        Column("VERSION" if of_one_model else "MODEL", 9, None if of_one_model else 16),
        Column("LABEL", 7, 10),
        Column("STAGE", 8),
        Column("ALIASES", 5, 10),
        Column("METRICS", 6, 14),
        Column("FORMAT", 2, 8),
        Column("SIZE", 3, right=True),
        Column("AUTHOR", 1, 6),
        Column("CREATED", 4),
    ]
    sheet.table(columns, rows, indent)


def _version_row(sheet: Sheet, version: Version, *, of_one_model: bool) -> tuple[Text, ...]:
    name = str(version.number) if of_one_model else version.ref
    return (
        flat(name, "bold"),
        flat(version.version),
        stage(version.stage),
        flat(", ".join(version.aliases)),
        metrics(version),
        flat(version.findings.format if version.findings else ""),
        Text(words.size(version.size)),
        flat(version.author),
        Text(sheet.ago(version.created)),
    )


def metrics(version: Version) -> Text:
    """Answer the first metrics of a version on one line."""
    pairs = [f"{name} {words.number(value)}" for name, value in sorted(version.metrics.items())]
    more = " ..." if len(pairs) > _METRICS_SHOWN else ""
    return flat(", ".join(pairs[:_METRICS_SHOWN]) + more)


def deployments_table(sheet: Sheet, found: Iterable[Deployment]) -> None:
    """Print one deployment per line."""
    rows = [
        (
            flat(each.target, "bold"),
            Text(str(each.number)),
            flat(each.version),
            flat(each.actor),
            Text(sheet.ago(each.at)),
            flat(each.comment),
        )
        for each in found
    ]
    columns = [
        Column("TARGET", 9, 16),
        Column("VERSION", 8, right=True),
        Column("LABEL", 7, 10),
        Column("BY", 5, 8),
        Column("DEPLOYED", 6),
        Column("COMMENT", 2, 16),
    ]
    sheet.table(columns, rows)


def settings_table(sheet: Sheet, rows: Iterable[tuple[str, str, str]]) -> None:
    """Print one setting per line: its name, its value, who says so."""
    columns = [Column("SETTING", 9), Column("VALUE", 8, 20), Column("FROM", 7, 20)]
    lines = [(flat(name, "bold"), flat(value), flat(place)) for name, value, place in rows]
    sheet.table(columns, lines)


def cache_table(sheet: Sheet, found: Iterable[Entry]) -> None:
    """Print one blob of the cache per line, what was used least recently first."""
    rows = [
        (
            flat(each.sha256[:12], "bold"),
            Text(words.size(each.size)),
            Text("" if each.whole else "unfinished"),
            Text(sheet.ago(round(each.used * 1_000_000))),
        )
        for each in found
    ]
    columns = [
        Column("BLOB", 9),
        Column("SIZE", 7, right=True),
        Column("STATE", 4),
        Column("USED", 6),
    ]
    sheet.table(columns, rows)


def stages_table(sheet: Sheet, lifecycle: Lifecycle) -> None:
    """Print the stages of a project in their order."""
    rows = []
    for each in lifecycle.stages:
        holds = "one version" if each.exclusive else "many versions"
        after = "any stage" if each.after is None else ", ".join(sorted(each.after)) or "nowhere"
        after += ", by a second person" if each.four_eyes else ""
        names = f"@{each.name}" if each.pointed else "-"
        rows.append((stage(each.name), holds, names, each.displaced, one_line(after)))
    columns = [
        Column("STAGE", 9, 12),
        Column("HOLDS", 7),
        Column("NAMED BY", 3),
        Column("DISPLACED GO TO", 6, 10),
        Column("REACHED FROM", 8, 12),
    ]
    sheet.table(columns, rows)
