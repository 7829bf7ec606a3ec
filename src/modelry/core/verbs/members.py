"""Accounts and who may do what where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelry.core.access import EVERYWHERE, Action, Role
from modelry.core.accounts import (
    ACCOUNT,
    MEMBER,
    MEMBER_OF,
    Account,
    AccountKind,
    Member,
    account_body,
    account_of,
    check_account,
    check_where,
    member_of,
    touch,
)
from modelry.core.errors import Conflict, NotFound
from modelry.core.events import REGISTRY, EventKind
from modelry.core.ports import Unit
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.permit import permit
from modelry.core.verbs.world import World, lifecycle_of, record_alone

_PAGE = 1000


def create_account(
    world: World, name: str, kind: AccountKind, subject: str | None = None
) -> Account:
    """Make an account; answers one of the same kind that is there already."""
    permit(world, Action.OPERATE, EVERYWHERE, name)
    key = check_account(name)

    def change(unit: Unit) -> Account:
        existing = account_of(key, unit.kept(ACCOUNT, key))
        if existing is not None and (existing.kind, existing.subject) == (kind, subject):
            return existing
        if existing is not None:
            msg = f"there is an account {key} already, of another kind or person; choose a name"
            raise Conflict(msg, account=key)
        now = world.clock.now()
        account = Account(key, kind, now, None, subject)
        unit.keep(ACCOUNT, key, account_body(account))
        touch(unit)
        body: dict[str, Json] = {"account": key, "kind": kind, "subject": subject}
        record_alone(world, unit, REGISTRY, EventKind.ACCOUNT_CREATED, None, body, now)
        return account

    return once.change(world, change)


def set_disabled(world: World, name: str, *, disabled: bool) -> Account:
    """Shut an account out, with all its tokens, or let it in again."""
    permit(world, Action.OPERATE, EVERYWHERE, name)
    key = check_account(name)

    def change(unit: Unit) -> Account:
        account = _known(unit, key)
        if (account.disabled is not None) == disabled:
            return account
        now = world.clock.now()
        changed = replace(account, disabled=now if disabled else None)
        unit.keep(ACCOUNT, key, account_body(changed))
        touch(unit)
        kind = EventKind.ACCOUNT_DISABLED if disabled else EventKind.ACCOUNT_ENABLED
        record_alone(world, unit, REGISTRY, kind, None, {"account": key}, now)
        return changed

    return once.change(world, change)


def accounts(world: World) -> Sequence[Account]:
    """List every account by name."""
    permit(world, Action.OPERATE, EVERYWHERE)
    found: list[Account] = []
    with world.store.read() as view:
        after = ""
        while page := view.all_kept(ACCOUNT, "", after, _PAGE):
            found += [each for name, body in page if (each := account_of(name, body))]
            after = page[-1][0]
    return found


def set_member(world: World, project: str, account: str, role: Role) -> Member:
    """Give an account a role in a project, in place of the one it has there."""
    where, name = check_where(project), check_account(account)
    permit(world, Action.CONFIGURE, where, name)

    def change(unit: Unit) -> Member:
        if where != EVERYWHERE:
            lifecycle_of(unit, where)
        _known(unit, name)
        before = unit.kept(MEMBER, f"{name}/{where}")
        if before is not None and before["role"] == str(role):
            return member_of(where, name, before)
        now = world.clock.now()
        body: dict[str, Json] = {"role": str(role), "since": now}
        unit.keep(MEMBER, f"{name}/{where}", body)
        unit.keep(MEMBER_OF, f"{where}/{name}", body)
        touch(unit)
        told: dict[str, Json] = {
            "account": name, "role": str(role), "before": before["role"] if before else None,
        }  # fmt: skip
        record_alone(world, unit, _chain(where), EventKind.MEMBER_SET, None, told, now)
        return member_of(where, name, body)

    return once.change(world, change)


def remove_member(world: World, project: str, account: str) -> None:
    """Take an account's role in a project away."""
    where, name = check_where(project), check_account(account)
    permit(world, Action.CONFIGURE, where, name)

    def change(unit: Unit) -> None:
        before = unit.kept(MEMBER, f"{name}/{where}")
        if before is None:
            msg = f"{name} is not a member of {where}"
            raise NotFound(msg, account=name, project=where)
        unit.drop(MEMBER, f"{name}/{where}")
        unit.drop(MEMBER_OF, f"{where}/{name}")
        touch(unit)
        told: dict[str, Json] = {"account": name, "before": before["role"]}
        record_alone(world, unit, _chain(where), EventKind.MEMBER_REMOVED, None, told)

    once.change(world, change)


def members(world: World, project: str) -> Sequence[Member]:
    """List who has a role in a project, by name; `*` for who has one everywhere."""
    where = check_where(project)
    permit(world, Action.OPERATE if where == EVERYWHERE else Action.READ, where)
    found: list[Member] = []
    with world.store.read() as view:
        if where != EVERYWHERE:
            lifecycle_of(view, where)
        after = ""
        while page := view.all_kept(MEMBER_OF, f"{where}/", after, _PAGE):
            found += [member_of(where, key.partition("/")[2], body) for key, body in page]
            after = page[-1][0]
    return found


def _known(unit: Unit, name: str) -> Account:
    account = account_of(name, unit.kept(ACCOUNT, name))
    if account is None:
        msg = f"there is no account {name!r}; make it first (modelry account create {name})"
        raise NotFound(msg, account=name)
    return account


def _chain(where: str) -> str:
    return REGISTRY if where == EVERYWHERE else where
