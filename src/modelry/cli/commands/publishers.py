"""Trusted publishers: pipelines that publish without a stored secret."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli import values
from modelry.cli.arguments import AsJson
from modelry.cli.session import note, print_json, session

publisher = typer.Typer(help="Trust pipelines to publish without a secret.", rich_markup_mode=None)

Project = Annotated[str, typer.Argument(metavar="PROJECT", help="The project.", show_default=False)]


@publisher.command("trust")
def trust_publisher(  # noqa: PLR0913 - a publisher has this many facts
    ctx: typer.Context,
    *,
    project: Project,
    account: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT", help="The service account it acts as.", show_default=False
        ),
    ],
    claim: Annotated[
        list[str],
        typer.Option("--claim", metavar="K=V", help="What its token must hold; repeatable."),
    ],
    issuer: Annotated[
        str,
        typer.Option("--issuer", metavar="URL", help="Who signs its tokens; by default GitHub."),
    ] = "https://token.actions.githubusercontent.com",
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="At most.")] = "publisher",
    as_json: AsJson = False,
) -> None:
    """Let pipelines whose OIDC token has all these claims act as a service account."""
    claims = values.tags(claim, "--claim", bare=False)
    here = session(ctx)
    with here.registry() as registry:
        made = registry.admin.trust_publisher(project, issuer, claims, account, role)
    if as_json:
        from modelry.core.documents import publisher_document

        print_json(publisher_document(made))
    else:
        text = f"publisher {made.id} may act in {made.project} as {made.account} ({made.role})"
        here.sheet().paragraph(text, hang=2)


@publisher.command("list")
def list_publishers(ctx: typer.Context, *, project: Project, as_json: AsJson = False) -> None:
    """List the pipelines that a project trusts."""
    here = session(ctx)
    with here.registry() as registry:
        found = registry.admin.publishers(project)
    if as_json:
        from modelry.core.documents import publisher_document

        print_json({"publishers": [publisher_document(each) for each in found]})
    elif found:
        from modelry.cli.pages.people import publishers_table

        publishers_table(here.sheet(), found)
    else:
        note(f"{project} trusts no pipeline; modelry publisher trust PROJECT ACCOUNT --claim K=V")


@publisher.command("distrust")
def distrust_publisher(
    ctx: typer.Context,
    *,
    project: Project,
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="As `publisher list` shows it.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Trust a pipeline no more."""
    here = session(ctx)
    with here.registry() as registry:
        registry.admin.distrust_publisher(project, identity)
    if as_json:
        print_json({"project": project.lower(), "id": identity, "trusted": False})
    else:
        here.sheet().line(f"{project.lower()} trusts {identity} no more")
