"""How an error looks on standard error: one plain line, and for a search the place of it."""

from __future__ import annotations

from modelry.cli.text import cells, one_line
from modelry.core.errors import RegistryError

_CONTEXT = 60


def refusal(error: BaseException) -> str:
    """Answer what to print for `error`; the first line says it all."""
    if isinstance(error, RegistryError):
        notes = [f"  {one_line(note)}" for note in getattr(error, "__notes__", ())]
        return "\n".join([f"modelry: {one_line(error.message)}", *notes, *_caret(error)])
    if isinstance(error, OSError) and error.strerror:
        where = f"{one_line(error.filename)}: " if error.filename else ""
        return f"modelry: {where}{error.strerror}"
    if isinstance(error, MemoryError):
        return "modelry: there is not enough memory for this"
    return (
        f"modelry: internal error, {type(error).__name__}: {one_line(error)} "
        "(a bug; MODELRY_TRACEBACK=1 shows where)"
    )


def _caret(error: RegistryError) -> list[str]:
    """Show the part of a query around a mistake, and a mark under its place."""
    query, at = error.facts.get("query"), error.facts.get("position")
    if not isinstance(query, str) or not isinstance(at, int):
        return []
    start = max(0, at - _CONTEXT)
    lead = "..." if start else ""
    before = lead + _flat(query[start:at])
    rest = _flat(query[at : at + _CONTEXT])
    tail = "..." if len(query) > at + _CONTEXT else ""
    return [f"  {before}{rest}{tail}".rstrip(), "  " + " " * cells(before) + "^"]


def _flat(text: str) -> str:
    """Clean `text` without moving what comes after it: every white space stays one space."""
    return "".join(" " if each.isspace() else one_line(each) for each in text)
