"""Signing in at a server and out of it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelry.cli.arguments import AsJson
from modelry.cli.session import Session, note, print_json, session

if TYPE_CHECKING:
    from modelry.core.accounts import Token
    from modelry.core.verbs.tokens import NewToken
    from modelry.remotes.client.address import Address
    from modelry.remotes.client.signing import Desk

Server = Annotated[
    str | None,
    typer.Argument(
        metavar="[SERVER]", help="https://host; else --uri or MODELRY_URI.", show_default=False
    ),
]


def login(  # noqa: PLR0913 - the ways to sign in
    ctx: typer.Context,
    *,
    server: Server = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read a token from standard input.")
    ] = False,
    pipeline: Annotated[
        bool, typer.Option("--pipeline", help="Sign in as this CI job, without a secret.")
    ] = False,
    project: Annotated[
        str, typer.Option("--project", metavar="NAME", help="What the pipeline publishes into.")
    ] = "default",
    show: Annotated[
        bool, typer.Option("--print", help="Print the token and keep it nowhere.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in at a server; the token is kept for it in the keyring, or in a file of yours.

    In a browser where the server has an identity provider, else with a token
    that you paste; with --pipeline as a CI job of GitHub or GitLab.
    """
    address = address_here(session(ctx), server)
    desk = _desk(address)
    if token_stdin or not (pipeline or desk.has_browser()):
        secret, account, expires = _pasted(desk, address, stdin=token_stdin)
    else:
        made = desk.as_pipeline(project) if pipeline else _in_browser(desk)
        secret, account, expires = made.secret, made.token.account, _expiry(made.token)
    document: dict[str, object] = {
        "server": str(address), "account": account, "expires_at": expires,
        "kept_in": None if show else _keep(address, secret),
    }  # fmt: skip
    if as_json:
        print_json({**document, "token": secret} if show else document)
    elif show:
        sys.stdout.write(secret + "\n")
    else:
        until = f" until {expires}" if expires else ""
        text = f"signed in at {address} as {account}{until}; the token is in {document['kept_in']}"
        session(ctx).sheet().paragraph(text, hang=2)


def logout(ctx: typer.Context, *, server: Server = None, as_json: AsJson = False) -> None:
    """Forget the token of a server on this machine; it stays good until it is revoked."""
    from modelry.remotes.client.credentials import forget_token

    address = address_here(session(ctx), server)
    found = forget_token(address.origin, _home())
    if as_json:
        print_json({"server": str(address), "forgotten": found})
    else:
        text = f"signed out of {address}" if found else f"no token was kept for {address}"
        session(ctx).sheet().paragraph(text)


def whoami(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Say who the registry takes you for, and your roles."""
    here = session(ctx)
    with here.registry() as registry:
        ask = getattr(registry, "whoami", None)
        found: Mapping[str, Any] = ask() if ask else _owner()
    if as_json:
        print_json(dict(found))
        return
    roles = ", ".join(
        f"{role} everywhere" if project == "*" else f"{role} in {project}"
        for project, role in sorted(found["roles"].items())
    )
    here.sheet().paragraph(f"{found['account']}: {roles or 'no role in any project'}", hang=2)


def _owner() -> dict[str, object]:
    """Answer who uses an embedded registry: whoever holds it may do everything."""
    from modelry.surroundings import LocalSurroundings

    return {"account": LocalSurroundings().author(), "roles": {"*": "admin"}, "token": None}


def address_here(here: Session, server: str | None) -> Address:
    """Answer which server is meant. Raises `BadParameter` where none is named."""
    from modelry.remotes.client.address import address_of
    from modelry.settings import Settings

    uri = server or here.uri or Settings().uri
    if uri is None or not uri.startswith(("http://", "https://")):
        msg = "name a server: modelry login https://host"
        raise typer.BadParameter(msg, param_hint="SERVER")
    return address_of(uri)


def _desk(address: Address) -> Desk:
    from modelry.remotes.client.patience import PATIENCE
    from modelry.remotes.client.signing import Desk

    return Desk(address, patience=PATIENCE)


def _pasted(desk: Desk, address: Address, *, stdin: bool) -> tuple[str, str, str | None]:
    """Take a token from a person or a pipe, and ask the server whose it is."""
    from modelry.remotes.client.signing import checked_token

    if not stdin and not sys.stdin.isatty():
        msg = "there is nobody to ask for a token; pipe one in with --token-stdin"
        raise typer.BadParameter(msg, param_hint="--token-stdin")
    text = sys.stdin.readline() if stdin else getpass.getpass(f"Token for {address}: ")
    secret = checked_token(text)
    found = desk.check(secret)
    return secret, str(found["account"]), (found.get("token") or {}).get("expires_at")


def _in_browser(desk: Desk) -> NewToken:
    import webbrowser

    def show(url: str) -> None:
        note(["sign in with your browser; where none opens, go to:", url])
        webbrowser.open(url)

    return desk.in_browser(show)


def _expiry(token: Token) -> str | None:
    from modelry.cli.documents import iso

    return None if token.expires is None else iso(token.expires)


def _keep(address: Address, secret: str) -> str:
    from modelry.remotes.client.credentials import keep_token

    return keep_token(address.origin, secret, _home())


def _home() -> Path:
    from modelry.settings import Settings

    return Settings().home.expanduser()
