"""The page of a version: everything that is known of it, the important first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import INDENT, Cell, Sheet, flat, stage
from modelry.cli.pages.table import Column
from modelry.cli.text import one_line
from modelry.core.model import Commit, Environment, Findings, TensorSpec, Version

FILES_SHOWN = 10
_DETAILS_SHOWN = 12
_SHORT = 12


def version_page(
    sheet: Sheet, version: Version, environment: Environment | None, *, packages: bool = False
) -> None:
    """Print a version."""
    label = "" if version.version == str(version.number) else version.version
    sheet.title(version.ref, flat(label, "bold cyan"))
    sheet.line(standing(version))
    if version.description:
        sheet.line()
        sheet.paragraph(version.description)
    sheet.line()
    sheet.facts([*_nature(sheet, version), *_origin(sheet, version, environment)])
    if version.findings is not None:
        _findings(sheet, version.findings)
    _maps(sheet, version)
    _files(sheet, version)
    if packages and environment is not None:
        sheet.section("Environment")
        rows = [(name, release) for name, release in sorted(environment.packages.items())]
        sheet.table([Column("", 9, 12), Column("", 5, 8)], rows, INDENT)
    sheet.line()
    sheet.line(Text.assemble(("Load it with  ", "dim"), f"modelry use {version.ref}"))


def standing(version: Version) -> Text:
    """Answer where a version stands: its stage and its aliases."""
    where = stage(version.stage) if version.stage != "none" else Text("in no stage", "dim")
    names = ", ".join(f"@{one_line(name)}" for name in version.aliases)
    return Text.assemble(where, f" · {names}") if names else where


def _nature(sheet: Sheet, version: Version) -> list[tuple[str, Cell]]:
    found = version.findings
    made = f" ({found.framework})" if found and found.framework not in {None, found.format} else ""
    what = f"{found.format}{made}" if found else "unknown: no format recognises it"
    count = found.parameters if found else None
    held = words.plural(len(version.files), "file")
    gone = ", purged: its bytes are gone" if version.purged is not None else ""
    return [
        ("Format", what),
        ("Parameters", "" if count is None else words.many(count)),
        ("Size", f"{words.size(version.size)} in {held}{gone}"),
        ("Digest", sheet.cut(version.digest)),
    ]


def _origin(
    sheet: Sheet, version: Version, environment: Environment | None
) -> list[tuple[str, Cell]]:
    python = "" if environment is None else (
        f"{environment.python} with {words.plural(len(environment.packages), 'package')}")  # fmt: skip
    return [
        ("Author", version.author),
        ("Registered", sheet.time(version.created)),
        ("Commit", _commit(version.commit)),
        ("Python", python),
        ("Base", version.base or ""),
        ("Run", version.run_id or ""),
        ("Source", version.source if version.sealed else f"{version.source} (not sealed)"),
    ]


def _commit(commit: Commit | None) -> Cell:
    if commit is None:
        return ""
    text = commit.sha[:_SHORT] + (f" on {commit.branch}" if commit.branch else "")
    line = flat(text)
    if commit.dirty:
        line.append(", with changes that were not committed", "yellow")
    if commit.remote:
        line.append(f" ({one_line(commit.remote)})", "dim")
    return line


def _findings(sheet: Sheet, found: Findings) -> None:
    if found.notes:
        sheet.section("Warnings")
        for note in found.notes:
            sheet.paragraph(Text(f"! {one_line(note)}", "yellow"), indent=INDENT, hang=INDENT)
    if found.details:
        sheet.section("Details")
        shown = list(found.details.items())[:_DETAILS_SHOWN]
        rows = [(flat(name), flat(words.value(value))) for name, value in shown]
        sheet.table([Column("", 9, 12), Column("", 5, 12)], rows, INDENT)
        _more(sheet, len(found.details) - len(shown), "detail")
    if found.signature is not None and (found.signature.inputs or found.signature.outputs):
        sheet.section("Signature")
        specs = _specs("input", found.signature.inputs)
        specs += _specs("output", found.signature.outputs)
        columns = [Column("", 9), Column("", 8, 12), Column("", 7, 6), Column("", 6, 6)]
        sheet.table(columns, specs, INDENT)


def _specs(kind: str, specs: Sequence[TensorSpec]) -> list[tuple[Text, ...]]:
    return [(Text(kind, "dim"), flat(spec.name), flat(spec.dtype), flat(shape(spec)))
            for spec in specs]  # fmt: skip


def shape(spec: TensorSpec) -> str:
    """Answer `[batch, 30]`; an unknown dimension is a question mark."""
    if spec.shape is None:
        return "any shape"
    return f"[{', '.join('?' if each is None else str(each) for each in spec.shape)}]"


def _maps(sheet: Sheet, version: Version) -> None:
    metrics = {name: words.number(value) for name, value in version.metrics.items()}
    params = {name: words.value(value) for name, value in version.params.items()}
    sets = {each.name: (each.digest or each.uri or "") for each in version.datasets}
    parts = [("Metrics", metrics), ("Parameters", params), ("Tags", dict(version.tags)),
             ("Data sets", sets)]  # fmt: skip
    for name, pairs in parts:
        if pairs:
            sheet.section(name)
            rows = [(flat(key), flat(value)) for key, value in sorted(pairs.items())]
            sheet.table([Column("", 9, 12), Column("", 5, 12)], rows, INDENT)


def _files(sheet: Sheet, version: Version) -> None:
    sheet.section("Files")
    rows = [
        (flat(file.path), Text(words.size(file.size)), Text(f"sha256:{file.sha256}", "dim"))
        for file in version.files[:FILES_SHOWN]
    ]
    columns = [Column("", 9, 16), Column("", 8, right=True), Column("", 1, 19)]
    sheet.table(columns, rows, INDENT)
    _more(sheet, len(version.files) - FILES_SHOWN, "file")


def _more(sheet: Sheet, count: int, noun: str) -> None:
    if count > 0:
        sheet.line(f"{' ' * INDENT}... and {count:,} more {noun}{'' if count == 1 else 's'}", "dim")
