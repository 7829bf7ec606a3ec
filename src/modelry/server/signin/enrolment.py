"""The account of a person who signed in: found by who they are, never by their name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import cast

from modelry.core.access import EVERYWHERE, Role
from modelry.core.accounts import (
    ACCOUNT,
    MEMBER,
    MEMBER_OF,
    Account,
    account_body,
    account_of,
    check_account,
)
from modelry.core.errors import Conflict, Denied
from modelry.core.events import REGISTRY, EventKind
from modelry.core.ports import Unit, View
from modelry.core.strict_json import Json
from modelry.core.verbs.world import World, record_alone
from modelry.server.signin.granting import ANONYMOUS, acting_as, hashed
from modelry.server.signin.options import SignIn
from modelry.server.signin.tokens import Identity

SUBJECT = "subject"
"""The kind of record that leads from a subject to its account."""

_PAGE = 1000
_UNFIT = re.compile(r"[^a-z0-9._@+-]+", re.ASCII)
_LONGEST_NAME = 100
_SUFFIXES = 10


def enrol(world: World, unit: Unit, settings: SignIn, identity: Identity, now: int) -> Account:
    """Answer the account of whoever signed in, making it where it is their first time.

    Whoever `first_admins` names becomes an admin of the registry with it;
    others have no role anywhere. Raises `Denied` for a disabled account.
    """
    subject = f"{identity.issuer} {identity.subject}"
    found = _known(unit, subject)
    if found is not None and found.disabled is not None:
        msg = f"the account {found.name} is disabled; ask an admin of the registry"
        raise Denied(msg, account=found.name)
    if found is not None:
        return found
    account = Account(_free_name(unit, identity, subject), "user", now, None, subject)
    acting = acting_as(world, account.name)
    unit.keep(ACCOUNT, account.name, account_body(account))
    unit.keep(SUBJECT, hashed(subject), {"account": account.name})
    told: dict[str, Json] = {"account": account.name, "kind": "user", "subject": subject}
    record_alone(acting, unit, REGISTRY, EventKind.ACCOUNT_CREATED, None, told, now)
    if _is_first_admin(settings, identity):
        _make_admin(acting, unit, account.name, now)
    return account


def _known(unit: Unit, subject: str) -> Account | None:
    """Find an account by its subject; an account that was made otherwise is looked for once."""
    kept = unit.kept(SUBJECT, hashed(subject))
    if kept is not None:
        name = str(kept["account"])
        account = account_of(name, unit.kept(ACCOUNT, name))
        if account is not None and account.subject == subject:
            return account
    account = next((each for each in _accounts(unit) if each.subject == subject), None)
    if account is not None:
        unit.keep(SUBJECT, hashed(subject), {"account": account.name})
    return account


def _accounts(view: View) -> Iterator[Account]:
    after = ""
    while page := view.all_kept(ACCOUNT, "", after, _PAGE):
        for name, body in page:
            yield cast("Account", account_of(name, body))
        after = page[-1][0]


def _free_name(unit: Unit, identity: Identity, subject: str) -> str:
    """Answer a name that nobody has: one that is taken stays whose it is."""
    name = fit_name(identity)
    tries = [name, *(f"{name}-{n}" for n in range(2, _SUFFIXES)), f"{name}-{hashed(subject)[:12]}"]
    for each in tries:
        if each != ANONYMOUS and unit.kept(ACCOUNT, each) is None:
            return check_account(each)
    msg = f"no name like {name} is free; ask an admin of the registry"
    raise Conflict(msg, account=name)


def fit_name(identity: Identity) -> str:
    """Make an account's name of what the provider calls a person, of their subject at last."""
    for text in (identity.text("preferred_username"), verified_email(identity), identity.subject):
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        name = _UNFIT.sub("-", plain).lstrip("._@+-")[:_LONGEST_NAME].rstrip("-")
        if name:
            return name
    return f"user-{hashed(identity.subject)[:12]}"


def verified_email(identity: Identity) -> str:
    """Answer the e-mail address where the provider says that it verified it, else nothing."""
    email = identity.text("email")
    return email if identity.claims.get("email_verified") is True and email.isascii() else ""


def _is_first_admin(settings: SignIn, identity: Identity) -> bool:
    """Say whether the operator named this person: with an @ by e-mail, without one by subject."""
    email = verified_email(identity).lower()
    return any(
        bool(email) and each.lower() == email if "@" in each else each == identity.subject
        for each in settings.first_admins
        if each
    )


def _make_admin(world: World, unit: Unit, account: str, now: int) -> None:
    body: dict[str, Json] = {"role": str(Role.ADMIN), "since": now}
    unit.keep(MEMBER, f"{account}/{EVERYWHERE}", body)
    unit.keep(MEMBER_OF, f"{EVERYWHERE}/{account}", body)
    told: dict[str, Json] = {"account": account, "role": str(Role.ADMIN), "before": None}
    record_alone(world, unit, REGISTRY, EventKind.MEMBER_SET, None, told, now)
