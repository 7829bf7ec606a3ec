"""Tokens that signing in gives, made inside a change, and refusals that leave a trace."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modelry.core.access import Actor, Role
from modelry.core.accounts import PREFIX, TOKEN, Token, digest_of_secret, token_body
from modelry.core.errors import Unauthenticated
from modelry.core.events import REGISTRY, EventKind
from modelry.core.model import Commit, Environment
from modelry.core.ports import Surroundings, Unit
from modelry.core.strict_json import Json
from modelry.core.verbs.permit import deny
from modelry.core.verbs.tokens import LETTERS, NewToken, told
from modelry.core.verbs.world import World, record_alone

ANONYMOUS = "anonymous"
"""Who is recorded where nobody is known yet; no account gets this name by signing in."""


@dataclass(frozen=True, slots=True)
class _As:
    """The surroundings of a process, with another author."""

    inner: Surroundings
    name: str

    def author(self) -> str:
        """See `Surroundings.author`."""
        return self.name

    def commit(self, path: Path | None) -> Commit | None:
        """See `Surroundings.commit`."""
        return self.inner.commit(path)

    def warn(self, message: str, category: type[Warning]) -> None:
        """See `Surroundings.warn`."""
        self.inner.warn(message, category)

    def environment(self) -> Environment:
        """See `Surroundings.environment`."""
        return self.inner.environment()


def acting_as(world: World, name: str) -> World:
    """Answer a world whose events name `name`."""
    return replace(world, surroundings=_As(world.surroundings, name), actor=Actor(name))


def refuse(world: World, asked: str, reason: str, what: str = "") -> None:
    """Record that somebody unknown was refused, as often as `deny` lets one be recorded."""
    deny(acting_as(world, ANONYMOUS), REGISTRY, asked, reason, what[:200])


def refusal() -> Unauthenticated:
    """Say that a login leads nowhere, in the same words for all reasons."""
    msg = "this login is unknown, was used already, or took too long; begin again (modelry login)"
    return Unauthenticated(msg)


def hashed(text: str) -> str:
    """Answer what is kept of something that only its holder may know."""
    return hashlib.sha256(text.encode()).hexdigest()


def new_token(  # noqa: PLR0913 - a token has this many facts
    account: str,
    name: str,
    now: int,
    lifetime: int,
    project: str | None = None,
    role: Role | None = None,
) -> NewToken:
    """Make a token that nobody knows yet; `keep_token` makes it good."""
    identity = "".join(secrets.choice(LETTERS) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    digest = digest_of_secret(secret)
    token = Token(identity, account, name, digest, now, now + lifetime, project, role)
    return NewToken(token, f"{PREFIX}{identity}_{secret}")


def keep_token(world: World, unit: Unit, token: Token, more: Mapping[str, Json]) -> None:
    """Keep a token inside a change and record it, with `more` about where it came from."""
    unit.keep(TOKEN, token.id, token_body(token))
    body = {**told(token), **more}
    acting = acting_as(world, token.account)
    record_alone(acting, unit, REGISTRY, EventKind.TOKEN_CREATED, None, body, token.created)
