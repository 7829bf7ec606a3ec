"""Members: who may do what in a project."""

from __future__ import annotations

from typing import Annotated

import typer

from modelry.cli.arguments import AsJson
from modelry.cli.session import note, print_json, session

member = typer.Typer(help="Say who may do what in a project.", rich_markup_mode=None)

Project = Annotated[
    str,
    typer.Argument(metavar="PROJECT", help="A project; '*' for all of them.", show_default=False),
]
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Who.", show_default=False)]


@member.command("set")
def set_member(
    ctx: typer.Context,
    *,
    project: Project,
    account: Account,
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE", help="reader, publisher, approver or admin.", show_default=False
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Give an account a role in a project, in place of the one it has there."""
    here = session(ctx)
    with here.registry() as registry:
        made = registry.admin.set_member(project, account, role)
    if as_json:
        from modelry.core.documents import member_document

        print_json(member_document(made))
    else:
        here.sheet().line(f"{made.account} is {made.role} {where(made.project)} now")


@member.command("remove")
def remove_member(
    ctx: typer.Context, *, project: Project, account: Account, as_json: AsJson = False
) -> None:
    """Take an account's role in a project away."""
    here = session(ctx)
    with here.registry() as registry:
        registry.admin.remove_member(project, account)
    if as_json:
        print_json({"project": project.lower(), "account": account.lower(), "role": None})
    else:
        here.sheet().line(f"{account.lower()} has no role {where(project.lower())} any more")


@member.command("list")
def list_members(ctx: typer.Context, *, project: Project, as_json: AsJson = False) -> None:
    """List who has a role in a project."""
    here = session(ctx)
    with here.registry() as registry:
        found = registry.admin.members(project)
    if as_json:
        from modelry.core.documents import member_document

        print_json({"members": [member_document(each) for each in found]})
    elif found:
        from modelry.cli.pages.people import members_table

        members_table(here.sheet(), found)
    else:
        note(f"nobody has a role {where(project)}; modelry member set PROJECT ACCOUNT ROLE")


def where(project: str) -> str:
    """Answer `in risk`, or `everywhere` for `*`."""
    return "everywhere" if project == "*" else f"in {project}"
