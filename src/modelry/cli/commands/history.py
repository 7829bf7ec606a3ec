"""Histories and comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson, Cursor, Higher, Limit, Lower, ModelOrRef
from modelry.cli.completion import complete_ref
from modelry.cli.session import note, print_json, session
from modelry.cli.when import moment_of

if TYPE_CHECKING:
    from modelry.core.names import Ref
    from modelry.core.repository import RegistryRepository
    from modelry.core.verbs.look import History


def history(  # noqa: PLR0913 - a list has this many choices
    ctx: typer.Context,
    *,
    ref: ModelOrRef,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="As it was then: 2026-11-21, 2026-11-21T09:30Z, '2 days ago'. UTC.",
        ),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Tell what happened to a model or a version, newest first."""
    from modelry.core.names import parse_ref

    at = None if as_of is None else moment_of(as_of)
    here = session(ctx)
    with here.registry() as registry:
        found = registry.history(ref, as_of=at, limit=limit, cursor=cursor)
        parsed = parse_ref(ref)
        labels = {} if as_json else _labels(registry, parsed, found)
        stages = [each.name for each in registry.stages(parsed.project).stages]
    if as_json:
        print_json(history_document(found))
        return
    from modelry.cli.pages.history import history_page

    history_page(here.sheet(), ref, found, labels, stages)
    if found.next is not None:
        note(f"there is more; go on with --cursor {found.next}")


def _labels(registry: RegistryRepository, ref: Ref, found: History) -> dict[int, str]:
    """Answer the labels of the versions that pointers name; a deleted one has none."""
    from modelry.core.errors import NotFound

    labels: dict[int, str] = {}
    for number in set(found.pointers.values()):
        try:
            labels[number] = registry.resolve(str(ref.at(number))).version
        except NotFound:
            continue
    return labels


def history_document(found: History) -> dict[str, object]:
    """Answer a history as JSON, each event with its sentence."""
    from modelry.cli.documents import event_document, iso
    from modelry.cli.pages.sentences import deed

    return {
        "as_of": None if found.as_of is None else iso(found.as_of),
        "pointers": dict(found.pointers),
        "events": [event_document(each, f"{each.actor} {deed(each)}") for each in found],
        "next": found.next,
    }


def compare(
    ctx: typer.Context,
    *,
    refs: Annotated[
        list[str],
        typer.Argument(
            metavar="REF REF...",
            help="Two or more versions.",
            autocompletion=complete_ref,
            show_default=False,
        ),
    ],
    lower: Lower = None,
    higher: Higher = None,
    as_json: AsJson = False,
) -> None:
    """Set versions side by side: metrics, and the parameters and files that differ."""
    if len(refs) < 2:  # noqa: PLR2004 - one has nothing beside it
        msg = "name at least two versions"
        raise typer.BadParameter(msg, param_hint="REF REF...")
    here = session(ctx)
    with here.registry() as registry:
        found = registry.compare(*refs, lower=lower or (), higher=higher or ())
    if as_json:
        from modelry.cli.documents import comparison_document

        print_json(comparison_document(found))
        return
    from modelry.cli.pages.comparison import comparison_page

    comparison_page(here.sheet(), found)
