"""Projects."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli.arguments import AsJson, Cursor, Limit
from modelry.cli.commands.history import history_document
from modelry.cli.session import note, print_json, session

project = typer.Typer(help="List and make projects.", rich_markup_mode=None)


@project.command("list")
def list_projects(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List projects."""
    here = session(ctx)
    with here.registry() as registry:
        names = list(registry.projects())
    if as_json:
        print_json({"projects": names})
        return
    sheet = here.sheet()
    for name in names:
        sheet.line(name)


@project.command("create")
def create_project(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Make a project with the usual stages; one that is there stays as it is."""
    here = session(ctx)
    with here.registry() as registry:
        lifecycle = registry.create_project(name)
    if as_json:
        from modelry.cli.documents import lifecycle_document

        print_json(lifecycle_document(name.lower(), lifecycle))
    else:
        stages = ", ".join(each.name for each in lifecycle.stages)
        here.sheet().paragraph(f"project {name.lower()} has the stages {stages}")


@project.command("history")
def project_history(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME")] = "default",
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """Tell what happened to a project itself, newest first: its making, its stages."""
    here = session(ctx)
    with here.registry() as registry:
        found = registry.project_history(name, limit=limit, cursor=cursor)
    if as_json:
        print_json(history_document(found))
        return
    from modelry.cli.pages.history import history_page

    history_page(here.sheet(), name.lower(), found, {}, ())
    if found.next is not None:
        note(f"there is more; go on with --cursor {found.next}")
