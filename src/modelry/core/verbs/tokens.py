"""Tokens: made, shown once, listed, revoked."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelry.core.access import EVERYWHERE, Action, Actor, Role
from modelry.core.accounts import (
    ACCOUNT,
    PREFIX,
    TOKEN,
    Token,
    account_of,
    check_account,
    digest_of_secret,
    seal_of,
    token_body,
    token_of,
    touch,
)
from modelry.core.errors import Denied, Invalid, NotFound
from modelry.core.events import REGISTRY, EventKind
from modelry.core.names import check_project, check_text
from modelry.core.ports import Unit
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.permit import deny, permit
from modelry.core.verbs.world import World, lifecycle_of, record_alone

DAY = 24 * 3600 * 1_000_000
SECOND = 1_000_000
LIFETIME = 30 * DAY
"""Microseconds for which a token is good where nobody says otherwise."""

LONGEST = 366 * DAY
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token with its secret, which is shown this once."""

    token: Token
    secret: str

    def __repr__(self) -> str:
        """Say which token it is, never its secret."""
        return f"<NewToken {self.token.id} of {self.token.account}>"


def create_token(  # noqa: PLR0913 - a token has this many facts
    world: World,
    account: str,
    name: str,
    project: str | None,
    role: Role | None,
    lifetime: int | None,
) -> NewToken:
    """Make a token of an account, one's own or, as an admin of the registry, any.

    A token makes none that may do more, or lives longer, than it does itself;
    that of an admin of the registry makes any. `lifetime` is in microseconds.
    """
    owner = check_account(account)
    _permit(world, owner, "make a token")
    where = None if project is None else check_project(project)
    if where is not None:
        permit(world, Action.READ, where, owner)
    check_text(name, "the name of a token", 128)
    if lifetime is not None and not SECOND <= lifetime <= LONGEST:
        msg = "a token is good for at least a second and at most 366 days"
        raise Invalid(msg, lifetime=lifetime)
    now = world.clock.now()
    until = _until(world.actor, lifetime, now)
    identity = "".join(secrets.choice(LETTERS) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    token = Token(identity, owner, name, digest_of_secret(secret), now, until, where, role)
    _refuse_wider(world.actor, token)

    def change(unit: Unit) -> Token:
        if account_of(owner, unit.kept(ACCOUNT, owner)) is None:
            msg = f"there is no account {owner!r}; make it first (modelry account create {owner})"
            raise NotFound(msg, account=owner)
        if where is not None:
            lifecycle_of(unit, where)
        unit.keep(TOKEN, identity, token_body(token))
        touch(unit)
        record_alone(world, unit, REGISTRY, EventKind.TOKEN_CREATED, None, told(token), now)
        return token

    once.change(world, change)
    return NewToken(token, f"{PREFIX}{identity}_{secret}")


def _until(actor: Actor, lifetime: int | None, now: int) -> int:
    """Answer when a token ends: where nobody says, it does not outlive the one that makes it."""
    if lifetime is not None:
        return now + lifetime
    own = None if _unbound(actor) else actor.expires
    return now + LIFETIME if own is None else min(now + LIFETIME, own)


def _refuse_wider(actor: Actor, token: Token) -> None:
    """Refuse a token that is wider, or lives longer, than the one that makes it."""
    if _unbound(actor):
        return
    elsewhere = actor.project is not None and token.project != actor.project
    above = actor.cap is not None and (token.role is None or not actor.cap.covers(token.role))
    longer = actor.expires is not None and (token.expires or 0) > actor.expires
    if elsewhere or above or longer:
        msg = "a token makes no token that may do more, or lives longer, than it does itself"
        raise Invalid(msg, field="lifetime" if longer else "role" if above else "project")


def _unbound(actor: Actor) -> bool:
    return actor.token is None or actor.role_in(EVERYWHERE) is Role.ADMIN


def tokens(world: World, account: str | None) -> Sequence[Token]:
    """List the tokens of an account, None for those of all accounts, by id."""
    if account is None:
        permit(world, Action.OPERATE, EVERYWHERE)
    else:
        _permit(world, check_account(account), "list tokens")
    found: list[Token] = []
    with world.store.read() as view:
        after = ""
        while page := view.all_kept(TOKEN, "", after, _PAGE):
            found += [token_of(key, body) for key, body in page]
            after = page[-1][0]
    mine = [each for each in found if account is None or each.account == account.lower()]
    return [each for each in mine if _reaches(world, each)]


def revoke_token(world: World, identity: str) -> None:
    """End a token at once, in every process; for others than its holder it does not exist."""
    if not (identity.isascii() and identity.isalnum()):
        raise _no_token(identity)
    with world.store.read() as view:
        body = view.kept(TOKEN, identity)
    if body is not None and not _reaches(world, token_of(identity, body)):
        deny(world, REGISTRY, "revoke a token", "is not its holder", identity)
        raise _no_token(identity)

    def change(unit: Unit) -> None:
        body = unit.kept(TOKEN, identity)
        if body is None:
            raise _no_token(identity)
        unit.drop(TOKEN, identity)
        touch(unit)
        gone = told(token_of(identity, body))
        record_alone(world, unit, REGISTRY, EventKind.TOKEN_REVOKED, None, gone)

    once.change(world, change)


def _no_token(identity: str) -> NotFound:
    msg = f"there is no token {identity!r} (modelry token list)"
    return NotFound(msg, token=identity)


def mark_used(world: World, uses: dict[str, int]) -> None:
    """Keep when tokens were last used; nobody is asked, and it is no event."""

    def change(unit: Unit) -> None:
        for identity, at in uses.items():
            body = unit.kept(TOKEN, identity)
            if body is not None:
                unit.keep(TOKEN, identity, token_body(replace(token_of(identity, body), used=at)))

    world.store.change(change)


def told(token: Token) -> dict[str, Json]:
    """Answer what the events about a token tell."""
    return {
        "token": token.id, "account": token.account, "name": token.name, "project": token.project,
        "role": None if token.role is None else str(token.role), "expires": token.expires,
        "sealed": seal_of(token),
    }  # fmt: skip


def _reaches(world: World, token: Token) -> bool:
    """Say whether the actor may see and end a token; a narrowed token reaches only itself."""
    actor = world.actor
    if actor.token == token.id or actor.may(Action.OPERATE, EVERYWHERE):
        return True
    return actor.name == token.account and actor.project is None and actor.cap is None


def _may(world: World, account: str) -> bool:
    return world.actor.name == account or world.actor.may(Action.OPERATE, EVERYWHERE)


def _permit(world: World, account: str, asked: str) -> None:
    if not _may(world, account):
        msg = f"to {asked} of {account} takes an admin of the registry"
        deny(world, REGISTRY, asked, msg, account)
        raise Denied(msg, account=account)
