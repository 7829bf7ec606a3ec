"""Accounts, tokens, and who one is."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from modelry.core.access import Action
from modelry.core.accounts import ACCOUNT
from modelry.core.documents import account_document, iso_or_none, token_document
from modelry.core.errors import Invalid
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.dialects.native import schemas, shapes
from modelry.server.dialects.native.doors import CallOf, door
from modelry.server.rules import Rule

router = APIRouter()
TAGS = ("people",)

Account = Annotated[str, Path(json_schema_extra=shapes.ACCOUNTED)]


@door(router, "GET", "/registry/me", "get_me", Rule.SIGNED_IN,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def get_me(call: CallOf) -> Response:
    """Answer who the caller is, and what it may do where."""

    def read(service: Service) -> Response:
        actor = service.actor
        kept = service.look(lambda view: view.kept(ACCOUNT, actor.name))
        token = {
            "id": actor.token,
            "project": actor.project,
            "role": None if actor.cap is None else str(actor.cap),
            "expires_at": iso_or_none(actor.expires),
        }
        places = {*actor.roles, *([actor.project] if actor.project else [])}
        found = {place: actor.role_in(place) for place in sorted(places)}
        roles = {place: str(role) for place, role in found.items() if role is not None}
        kind = (kept or {}).get("kind")
        return answers.answer({"account": actor.name, "kind": kind, "roles": roles, "token": token})

    return await call(read)


@door(router, "GET", "/registry/accounts", "list_accounts", Action.OPERATE,
      answers=schemas.Items, tags=TAGS)  # fmt: skip
async def list_accounts(call: CallOf) -> Response:
    """List every account."""

    def read(service: Service) -> Response:
        found = service.admin.accounts()
        return answers.answer({"items": [account_document(each) for each in found]})

    return await call(read)


@door(router, "POST", "/registry/accounts", "create_account", Action.OPERATE,
      status=201, answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def create_account(call: CallOf, body: schemas.CreateAccount) -> Response:
    """Make an account of a person or a service; answers one that is there already."""
    return await call(
        lambda service: answers.answer(
            account_document(service.admin.create_account(body.name, service=body.service)), 201
        )
    )


@door(router, "POST", "/registry/accounts/{account}/disable", "disable_account", Action.OPERATE,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def disable_account(call: CallOf, account: Account) -> Response:
    """Shut an account out, with all its tokens, at once."""
    return await call(
        lambda service: answers.answer(account_document(service.admin.disable_account(account)))
    )


@door(router, "POST", "/registry/accounts/{account}/enable", "enable_account", Action.OPERATE,
      answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def enable_account(call: CallOf, account: Account) -> Response:
    """Let a disabled account in again."""
    return await call(
        lambda service: answers.answer(account_document(service.admin.enable_account(account)))
    )


@door(router, "GET", "/registry/tokens", "list_tokens", Rule.SELF,
      answers=schemas.Items, tags=TAGS)  # fmt: skip
async def list_tokens(
    call: CallOf,
    *,
    account: Annotated[shapes.AccountName | None, Query()] = None,
    everybody: Annotated[bool, Query(alias="all", description="Of every account.")] = False,
) -> Response:
    """List tokens, one's own where nothing else is said; never their secrets."""

    def read(service: Service) -> Response:
        if everybody and account is not None:
            msg = "tokens are listed of one account or of all; say account or all"
            raise Invalid(msg, field="account")
        whose = None if everybody else account or service.account
        found = service.admin.tokens(whose)
        return answers.answer({"items": [token_document(each) for each in found]})

    return await call(read)


@door(router, "POST", "/registry/tokens", "create_token", Rule.SELF,
      status=201, answers=schemas.AnyDocument, tags=TAGS)  # fmt: skip
async def create_token(call: CallOf, body: schemas.CreateToken) -> Response:
    """Make a token; its secret is shown this once."""
    seconds = body.lifetime_seconds

    def change(service: Service) -> Response:
        made = service.admin.create_token(
            body.account or service.account,
            body.name,
            project=body.project,
            role=body.role,
            lifetime=None if seconds is None else timedelta(seconds=seconds),
        )
        response = answers.answer({**token_document(made.token), "secret": made.secret}, 201)
        response.headers["Cache-Control"] = "no-store"
        return response

    return await call(change)


@door(router, "DELETE", "/registry/tokens/{token_id}", "revoke_token", Rule.SELF,
      status=204, tags=TAGS)  # fmt: skip
async def revoke_token(call: CallOf, token_id: Annotated[str, Path(max_length=64)]) -> Response:
    """End a token at once, in every process."""

    def change(service: Service) -> Response:
        service.admin.revoke_token(token_id)
        return answers.nothing()

    return await call(change)
