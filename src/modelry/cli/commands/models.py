"""Models and versions, listed and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson, Cursor, InProject, Limit, ModelName, ModelOrRef
from modelry.cli.completion import complete_stage
from modelry.cli.session import Session, note, print_json, session

if TYPE_CHECKING:
    from modelry.core.model import Environment, Page, Version
    from modelry.core.repository import RegistryRepository

_LATEST = 5
_PAGE = 1000


def models(
    ctx: typer.Context,
    *,
    project: InProject = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List models, with what their stages and aliases name."""
    here = session(ctx)
    with here.registry() as registry:
        found = registry.models(project, limit=limit, cursor=cursor)
    if as_json:
        from modelry.cli.documents import summary_document

        items = [summary_document(each) for each in found]
        print_json({"models": items, "next": found.next})
    elif found:
        from modelry.cli.pages.lists import models_table

        models_table(here.sheet(), found)
        _say_more(found.next)
    else:
        note("no models yet; register one: modelry register NAME PATH")


def versions(  # noqa: PLR0913 - a list has this many choices
    ctx: typer.Context,
    *,
    model: ModelName,
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage", metavar="STAGE", help="Only this stage.", autocompletion=complete_stage
        ),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    every: Annotated[bool, typer.Option("--all", help="All of them, whatever --limit.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the versions of a model, newest first."""
    here = session(ctx)
    with here.registry() as registry:
        page = registry.versions(model, stage=stage, limit=_PAGE if every else limit, cursor=cursor)
        found, following = list(page), page.next
        while every and following is not None:
            page = registry.versions(model, stage=stage, limit=_PAGE, cursor=following)
            found, following = [*found, *page], page.next
    if as_json:
        from modelry.cli.documents import version_document

        print_json({"versions": [version_document(each) for each in found], "next": following})
    elif found:
        from modelry.cli.pages.lists import versions_table

        versions_table(here.sheet(), found, of_one_model=True)
        _say_more(following)
    else:
        note(f"{model} has no versions" + (f" in {stage}" if stage else ""))


def search(  # noqa: PLR0913 - a list has this many choices
    ctx: typer.Context,
    *,
    query: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="Words and conditions: fraud metrics.auc >= 0.9 and stage = production",
            show_default=False,
        ),
    ] = "",
    project: InProject = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Find versions by words and conditions.

    Fields: name, version, number, stage, alias, author, description, format,
    framework, dataset, run_id, digest, size, created, and metrics.NAME,
    params.NAME, tags.NAME. Operators: = != > >= < <= ~ in. Combine with and,
    or, not and parentheses; end with: order by metrics.NAME desc.
    """
    here = session(ctx)
    with here.registry() as registry:
        found = registry.search(query, project_name=project, limit=limit, cursor=cursor)
    if as_json:
        from modelry.cli.documents import version_document

        items = [version_document(each) for each in found]
        print_json({"versions": items, "next": found.next})
    elif found:
        from modelry.cli.pages.lists import versions_table

        versions_table(here.sheet(), found, of_one_model=False)
        _say_more(found.next)
    else:
        note("nothing matches")


def show(
    ctx: typer.Context,
    *,
    ref: ModelOrRef,
    environment: Annotated[
        bool, typer.Option("--environment", help="List the packages it was made with.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a version, or of a model."""
    from modelry.core.names import parse_ref

    here = session(ctx)
    with here.registry() as registry:
        if parse_ref(ref).selector == "none":
            _show_model(here, registry, ref, as_json=as_json)
        else:
            _show_version(here, registry, ref, packages=environment, as_json=as_json)


def _show_model(here: Session, registry: RegistryRepository, ref: str, *, as_json: bool) -> None:
    summary = registry.model(ref)
    latest: Page[Version] = registry.versions(ref, limit=_LATEST)
    if as_json:
        from modelry.cli.documents import summary_document, version_document

        shown = [version_document(each) for each in latest]
        print_json({**summary_document(summary), "latest": shown})
        return
    from modelry.cli.pages.model import model_page

    numbers = {each.number for each in summary.pointers}
    named = {number: registry.resolve(f"{summary.model.full_name}:{number}") for number in numbers}
    model_page(here.sheet(), summary, named, list(latest))


def _show_version(
    here: Session, registry: RegistryRepository, ref: str, *, packages: bool, as_json: bool
) -> None:
    version = registry.resolve(ref)
    found = _environment(registry, version)
    if as_json:
        from modelry.cli.documents import environment_document, version_document

        made = environment_document(version.environment, found, packages=packages)
        print_json({**version_document(version), "environment": made})
        return
    from modelry.cli.pages.version import version_page

    version_page(here.sheet(), version, found, packages=packages)


def _environment(registry: RegistryRepository, version: Version) -> Environment | None:
    """Answer the environment, None where the registry keeps none; a damaged one is told."""
    from modelry.core.errors import Corrupt

    if not version.environment:
        return None
    try:
        return registry.environment(version.ref)
    except Corrupt as error:
        note(f"note: {error.message}")
        return None


def _say_more(cursor: str | None) -> None:
    if cursor is not None:
        note(f"there are more; go on with --cursor {cursor}")
