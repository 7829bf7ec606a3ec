"""Tokens: what lets programs in."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli import values
from modelry.cli.arguments import AsJson
from modelry.cli.session import note, print_json, session

if TYPE_CHECKING:
    from modelry.core.repository import RegistryRepository

token = typer.Typer(help="Make, list and revoke tokens.", rich_markup_mode=None)

Whose = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Of this account, not your own.")
]


@token.command("create")
def create_token(  # noqa: PLR0913 - a token has this many facts
    ctx: typer.Context,
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What it is for.", show_default=False)
    ],
    account: Whose = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="For this project alone.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="With this role at most.")
    ] = None,
    lifetime: Annotated[
        str | None,
        typer.Option("--lifetime", metavar="TIME", help="Good for so long: 1h, 90d; else 30 days."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print its secret, this once, on standard output."""
    span = None if lifetime is None else timedelta(seconds=values.seconds(lifetime))
    with session(ctx).registry() as registry:
        owner = account or _own(registry)
        made = registry.admin.create_token(owner, name, project=project, role=role, lifetime=span)
    from modelry.cli.documents import iso
    from modelry.core.documents import token_document

    if as_json:
        print_json({**token_document(made.token), "secret": made.secret})
        return
    sys.stdout.write(made.secret + "\n")
    until = "" if made.token.expires is None else f" until {iso(made.token.expires)}"
    note(f"token {made.token.id} of {made.token.account} is good{until}; it is shown this once")


@token.command("list")
def list_tokens(
    ctx: typer.Context,
    *,
    account: Whose = None,
    every: Annotated[bool, typer.Option("--all", help="Of every account.")] = False,
    as_json: AsJson = False,
) -> None:
    """List tokens, your own where nothing else is said; never their secrets."""
    here = session(ctx)
    with here.registry() as registry:
        whose = None if every or not (account or hasattr(registry, "whoami")) else (
            account or _own(registry))  # fmt: skip
        found = registry.admin.tokens(whose)
    if as_json:
        from modelry.core.documents import token_document

        print_json({"tokens": [token_document(each) for each in found]})
    elif found:
        from modelry.cli.pages.people import tokens_table

        tokens_table(here.sheet(), found)
    else:
        note("no tokens")


@token.command("revoke")
def revoke_token(
    ctx: typer.Context,
    *,
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="As `token list` shows it.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """End a token at once."""
    here = session(ctx)
    with here.registry() as registry:
        registry.admin.revoke_token(identity)
    if as_json:
        print_json({"id": identity, "revoked": True})
    else:
        here.sheet().line(f"token {identity} opens nothing any more")


def _own(registry: RegistryRepository) -> str:
    """Answer the caller's account; an embedded registry has callers without one."""
    ask = getattr(registry, "whoami", None)
    if ask is None:
        msg = "say whose token it is: --account NAME"
        raise typer.BadParameter(msg, param_hint="--account")
    return str(ask()["account"])
