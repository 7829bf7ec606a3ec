"""Taking away: tombstones, and the bytes of what was deleted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli import values
from modelry.cli.arguments import AsJson, Comment, ModelOrRef, RefText
from modelry.cli.meter import Meter
from modelry.cli.session import Session, print_json, session

if TYPE_CHECKING:
    from modelry.core.repository import RegistryRepository
    from modelry.core.verbs.remove import Collected


def delete(
    ctx: typer.Context,
    *,
    ref: ModelOrRef,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Delete a version, or a model, leaving a tombstone. It cannot be undone.

    Number, label and history stay and are not given out again. Asks first;
    where nobody can answer, --yes is required.
    """
    here = session(ctx)
    with here.registry() as registry:
        exact, what = _exactly(registry, ref)
        if not yes:
            _ask(f"Delete {what}? It cannot be undone.")
        registry.delete(exact, comment=comment)
    if as_json:
        print_json({"ref": exact, "deleted": True})
    else:
        here.sheet().paragraph(f"deleted {what}; its history stays")


def _exactly(registry: RegistryRepository, ref: str) -> tuple[str, str]:
    """Answer the exact ref of what is to go, and its name for a person."""
    from modelry.cli.pages.words import plural
    from modelry.core.names import parse_ref

    if parse_ref(ref).selector == "none":
        summary = registry.model(ref)
        name = summary.model.full_name
        return name, f"the model {name} with its {plural(summary.versions, 'version')}"
    version = registry.resolve(ref)
    label = "" if version.version == str(version.number) else f" ({version.version})"
    return version.ref, f"{version.ref}{label}"


def _ask(question: str) -> None:
    """Go on only where a person says yes."""
    from modelry.core.errors import RegistryError

    if not sys.stdin.isatty():
        msg = "there is nobody to ask; say --yes to delete it for good"
        raise typer.BadParameter(msg, param_hint="--yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        msg = "nothing was deleted"
        raise RegistryError(msg)


def purge(
    ctx: typer.Context, *, ref: RefText, comment: Comment = "", as_json: AsJson = False
) -> None:
    """Free the bytes of a deleted version; number, label and history stay."""
    here = session(ctx)
    with here.registry() as registry:
        freed = registry.purge(ref, comment=comment)
    _tell(here, f"purged {ref}", freed, as_json=as_json)


def gc(
    ctx: typer.Context,
    *,
    grace: Annotated[
        str,
        typer.Option("--grace", metavar="TIME", help="Leave younger blobs: 3600, 30m, 1h, 7d."),
    ] = "1h",
    as_json: AsJson = False,
) -> None:
    """Remove bytes that no version names; safe at any time."""
    wait = values.seconds(grace)
    here = session(ctx)
    with here.registry() as registry, Meter("unknown", color=here.color) as meter:
        freed = registry.gc(grace=wait, progress=meter)
    _tell(here, "collected", freed, as_json=as_json)


def _tell(here: Session, done: str, freed: Collected, *, as_json: bool) -> None:
    if as_json:
        print_json({"blobs": freed.blobs, "bytes": freed.bytes})
        return
    from modelry.cli.pages.words import plural, size

    here.sheet().paragraph(f"{done}: {plural(freed.blobs, 'blob')}, {size(freed.bytes)} freed")
