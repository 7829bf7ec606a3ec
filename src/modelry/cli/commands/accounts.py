"""Accounts: the people and the services that a server knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelry.cli.arguments import AsJson
from modelry.cli.session import Session, note, print_json, session

if TYPE_CHECKING:
    from modelry.core.accounts import Account

account = typer.Typer(help="Make, list and shut out accounts.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.", show_default=False)]


@account.command("create")
def create_account(
    ctx: typer.Context,
    *,
    name: Name,
    service: Annotated[bool, typer.Option("--service", help="Of a program, not a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make an account; one of the same kind that is there stays as it is."""
    here = session(ctx)
    with here.registry() as registry:
        made = registry.admin.create_account(name, service=service)
    kind = "service account" if made.kind == "service" else "account"
    _tell(here, made, f"{kind} {made.name} is there", as_json=as_json)


@account.command("list")
def list_accounts(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List accounts."""
    here = session(ctx)
    with here.registry() as registry:
        found = registry.admin.accounts()
    if as_json:
        from modelry.core.documents import account_document

        print_json({"accounts": [account_document(each) for each in found]})
    elif found:
        from modelry.cli.pages.people import accounts_table

        accounts_table(here.sheet(), found)
    else:
        note("no accounts yet; make one: modelry account create NAME")


@account.command("disable")
def disable_account(ctx: typer.Context, *, name: Name, as_json: AsJson = False) -> None:
    """Shut an account out, with all its tokens, at once."""
    here = session(ctx)
    with here.registry() as registry:
        changed = registry.admin.disable_account(name)
    _tell(here, changed, f"{changed.name} is shut out", as_json=as_json)


@account.command("enable")
def enable_account(ctx: typer.Context, *, name: Name, as_json: AsJson = False) -> None:
    """Let a disabled account in again."""
    here = session(ctx)
    with here.registry() as registry:
        changed = registry.admin.enable_account(name)
    _tell(here, changed, f"{changed.name} may come in", as_json=as_json)


def _tell(here: Session, account: Account, text: str, *, as_json: bool) -> None:
    if as_json:
        from modelry.core.documents import account_document

        print_json(account_document(account))
    else:
        here.sheet().line(text)
