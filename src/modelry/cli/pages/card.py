"""The card of a version that was just registered."""

from __future__ import annotations

from rich.text import Text

from modelry.cli.pages import words
from modelry.cli.pages.page import Sheet, flat
from modelry.core.model import Version

_DIGEST = 19


def registered_card(sheet: Sheet, version: Version, *, again: bool) -> None:
    """Print what became of a registration, and what to do next."""
    verb = Text("already registered", "yellow") if again else Text("registered", "green")
    sheet.paragraph(Text.assemble(verb, " ", flat(version.ref, "bold")))
    label = version.version if version.version != str(version.number) else ""
    sheet.facts([
        ("Label", label),
        ("Digest", f"{version.digest[:_DIGEST]}..."),
        ("Found", _found(version)),
        ("Size", f"{words.size(version.size)} in {words.plural(len(version.files), 'file')}"),
        ("Warning", _warning(version)),
        ("Next", f"modelry show {version.ref}" if again or version.stage != "none" else (
            f"modelry promote {version.ref} production")),
    ])  # fmt: skip


def _found(version: Version) -> str:
    found = version.findings
    if found is None:
        return "bytes of no format that Modelry knows"
    parts = [found.format]
    if found.framework and found.framework != found.format:
        parts.append(found.framework)
    if found.parameters is not None:
        parts.append(f"{words.many(found.parameters)} parameters")
    return ", ".join(parts)


def _warning(version: Version) -> Text | str:
    notes = version.findings.notes if version.findings else ()
    if not notes:
        return ""
    more = f" (and {len(notes) - 1} more: modelry show)" if len(notes) > 1 else ""
    return flat(f"{notes[0]}{more}", "yellow")
