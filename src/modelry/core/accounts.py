"""Who is known to a registry: accounts, their memberships, their tokens, trusted pipelines.

They are small records beside the models (`Ledger.keep`); every change of one
is an event like any other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from modelry.core.access import EVERYWHERE, Actor, Role, check_role
from modelry.core.errors import Invalid, Unauthenticated
from modelry.core.names import check_project
from modelry.core.ports import Store, Unit, View
from modelry.core.sealing import sha256_of
from modelry.core.strict_json import Json, dumps

ACCOUNT = "account"
MEMBER = "member"
MEMBER_OF = "project_member"
TOKEN = "token"  # noqa: S105 - the name of a kind of record
PUBLISHER = "publisher"
STAMP = "stamp"

PREFIX = "modelry_"
"""What every token begins with, so that a scanner of leaked secrets knows one."""

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}", re.ASCII)
_TOKEN = re.compile(r"modelry_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)

AccountKind = Literal["user", "service"]


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a service. `subject` is `issuer subject` of whoever signs in by OIDC."""

    name: str
    kind: AccountKind
    created: int
    disabled: int | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """The role of an account in a project, or everywhere (`*`)."""

    project: str
    account: str
    role: Role
    since: int


@dataclass(frozen=True, slots=True)
class Token:
    """What lets a program act as an account, until `expires`.

    `project` and `role` narrow what it may do. `digest` is the sha256 of its
    secret, which nobody keeps.
    """

    id: str
    account: str
    name: str
    digest: str
    created: int
    expires: int | None
    project: str | None = None
    role: Role | None = None
    used: int | None = None


@dataclass(frozen=True, slots=True)
class Publisher:
    """A pipeline that may publish without a stored secret.

    Its OIDC token comes from `issuer` and must hold every one of `claims`; it
    acts as the service account `account`, in `project` alone, as `role` at most.
    """

    id: str
    project: str
    issuer: str
    claims: Mapping[str, str]
    account: str
    role: Role
    created: int


def check_account(text: str) -> str:
    """Answer `text` in lower case where it may name an account. Raises `Invalid`."""
    name = text.lower()
    if not _ACCOUNT.fullmatch(name):
        msg = (
            f"{text!r} cannot name an account: use 1 to 128 ASCII letters, digits, "
            "'.', '_', '-', '+' or '@', beginning with a letter or digit"
        )
        raise Invalid(msg, account=text)
    return name


def check_where(text: str) -> str:
    """Answer `text` where it names a project or, as `*`, all of them."""
    return text if text == EVERYWHERE else check_project(text)


def digest_of_secret(secret: str) -> str:
    """Answer what is kept of a token's secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(view: View, text: str, now: int) -> Actor:
    """Answer who holds the token `text`. Raises `Unauthenticated`, in the same words for all."""
    match = _TOKEN.fullmatch(text)
    kept = view.kept(TOKEN, match[1]) if match else None
    token = token_of(match[1], kept) if match and kept else None
    digest = token.digest if token else "0" * 64
    right = hmac.compare_digest(digest, digest_of_secret(match[2] if match else ""))
    account = account_of(token.account, view.kept(ACCOUNT, token.account)) if token else None
    if not (right and token and account) or account.disabled is not None:
        raise refused()
    if token.expires is not None and token.expires <= now:
        msg = "this token has expired; make a new one (modelry token create)"
        raise Unauthenticated(msg, reason="expired")
    return Actor(
        name=account.name,
        roles=roles_of(view, account.name),
        project=token.project,
        cap=token.role,
        token=token.id,
        expires=token.expires,
    )


def refused() -> Unauthenticated:
    """Say that a token opens nothing, without saying why."""
    msg = "this token is not known here; sign in (modelry login) or set MODELRY_TOKEN"
    return Unauthenticated(msg)


def roles_of(view: View, account: str) -> dict[str, Role]:
    """Answer the role of an account in each project that it is a member of."""
    return {
        key.partition("/")[2]: Role(str(body["role"]))
        for key, body in view.all_kept(MEMBER, f"{account}/", "", 10_000)
    }


def account_of(name: str, body: Mapping[str, Json] | None) -> Account | None:
    """Read a kept account."""
    if body is None:
        return None
    return Account(
        name,
        cast("AccountKind", body["kind"]),
        cast("int", body["created"]),
        cast("int | None", body["disabled"]),
        cast("str | None", body["subject"]),
    )


def account_body(account: Account) -> dict[str, Json]:
    """Write an account as it is kept."""
    return {"kind": account.kind, "created": account.created, "disabled": account.disabled,
            "subject": account.subject}  # fmt: skip


def touch(unit: Unit) -> None:
    """Note that access changed, so that whoever remembers actors asks anew."""
    unit.keep(STAMP, "access", {"mark": secrets.token_hex(8)})


def access_stamp(view: View | Store) -> str:
    """Answer a mark that is another one after every change of accounts, members and tokens."""
    return str((view.kept(STAMP, "access") or {}).get("mark", ""))


def member_of(project: str, account: str, body: Mapping[str, Json]) -> Member:
    """Read a kept membership."""
    return Member(project, account, Role(str(body["role"])), cast("int", body["since"]))


def token_of(identity: str, body: Mapping[str, Json]) -> Token:
    """Read a kept token."""
    role = cast("str | None", body["role"])
    return Token(
        id=identity,
        account=str(body["account"]),
        name=str(body["name"]),
        digest=str(body["digest"]),
        created=cast("int", body["created"]),
        expires=cast("int | None", body["expires"]),
        project=cast("str | None", body["project"]),
        role=Role(role) if role else None,
        used=cast("int | None", body["used"]),
    )


def token_body(token: Token) -> dict[str, Json]:
    """Write a token as it is kept."""
    return {
        "account": token.account, "name": token.name, "digest": token.digest,
        "created": token.created, "expires": token.expires, "project": token.project,
        "role": None if token.role is None else str(token.role), "used": token.used,
    }  # fmt: skip


def seal_of(token: Token) -> str:
    """Answer the sha256 of all that never changes about a token, its digest included."""
    return sha256_of(dumps(token_body(replace(token, used=None))))


def publisher_of(project: str, identity: str, body: Mapping[str, Json]) -> Publisher:
    """Read a kept publisher."""
    return Publisher(
        id=identity,
        project=project,
        issuer=str(body["issuer"]),
        claims=cast("Mapping[str, str]", body["claims"]),
        account=str(body["account"]),
        role=check_role(str(body["role"])),
        created=cast("int", body["created"]),
    )


def publisher_body(publisher: Publisher) -> dict[str, Json]:
    """Write a publisher as it is kept."""
    return {"issuer": publisher.issuer, "claims": dict(publisher.claims),
            "account": publisher.account, "role": str(publisher.role),
            "created": publisher.created}  # fmt: skip
