"""Trusted publishing: which pipelines may publish without a stored secret."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from modelry.core.access import Action, Role
from modelry.core.accounts import (
    ACCOUNT,
    PUBLISHER,
    Publisher,
    account_of,
    check_account,
    publisher_body,
    publisher_of,
)
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import EventKind
from modelry.core.names import check_project, check_text
from modelry.core.ports import Unit
from modelry.core.strict_json import Json
from modelry.core.verbs import once
from modelry.core.verbs.permit import permit
from modelry.core.verbs.world import World, lifecycle_of, record_alone

_MOST = 200


def trust_publisher(  # noqa: PLR0913 - a trusted publisher has this many facts
    world: World,
    project: str,
    issuer: str,
    claims: Mapping[str, str],
    account: str,
    role: Role,
) -> Publisher:
    """Let pipelines whose OIDC token has these claims act as a service account in a project.

    Answers the publisher that is there where these pipelines are trusted so already.
    """
    where, name = check_project(project), check_account(account)
    permit(world, Action.CONFIGURE, where, name)
    if not issuer.startswith("https://") or not claims:
        msg = "a publisher has an issuer (https://...) and at least one claim that names it"
        raise Invalid(msg, issuer=issuer)
    for claim, value in claims.items():
        check_text(claim, "a claim", 128)
        check_text(value, f"the claim {claim}", 1024)

    def change(unit: Unit) -> Publisher:
        lifecycle_of(unit, where)
        owner = account_of(name, unit.kept(ACCOUNT, name))
        if owner is None or owner.kind != "service":
            msg = f"there is no service account {name!r} (modelry account create --service {name})"
            raise NotFound(msg, account=name)
        found = unit.all_kept(PUBLISHER, f"{where}/", "", _MOST)
        there = [publisher_of(where, key.partition("/")[2], body) for key, body in found]
        for each in there:
            if (each.issuer, each.claims, each.account, each.role) == (issuer, claims, name, role):
                return each
        if len(found) >= _MOST:
            msg = f"{where} trusts {_MOST} publishers already; remove some"
            raise Conflict(msg, project=where)
        now = world.clock.now()
        made = Publisher(secrets.token_hex(6), where, issuer, dict(claims), name, role, now)
        unit.keep(PUBLISHER, f"{where}/{made.id}", publisher_body(made))
        told = _told(made)
        record_alone(world, unit, where, EventKind.PUBLISHER_TRUSTED, None, told, now)
        return made

    return once.change(world, change)


def publishers(world: World, project: str) -> Sequence[Publisher]:
    """List the pipelines that a project trusts."""
    where = check_project(project)
    permit(world, Action.CONFIGURE, where)
    with world.store.read() as view:
        lifecycle_of(view, where)
        found = view.all_kept(PUBLISHER, f"{where}/", "", _MOST)
    return [publisher_of(where, key.partition("/")[2], body) for key, body in found]


def distrust_publisher(world: World, project: str, identity: str) -> None:
    """Trust a pipeline no more."""
    where = check_project(project)
    permit(world, Action.CONFIGURE, where, identity)

    def change(unit: Unit) -> None:
        named = identity.isascii() and identity.isalnum()
        body = unit.kept(PUBLISHER, f"{where}/{identity}") if named else None
        if body is None:
            msg = f"{where} trusts no publisher {identity!r}"
            raise NotFound(msg, publisher=identity)
        unit.drop(PUBLISHER, f"{where}/{identity}")
        told = _told(publisher_of(where, identity, body))
        record_alone(world, unit, where, EventKind.PUBLISHER_DISTRUSTED, None, told)

    once.change(world, change)


def _told(publisher: Publisher) -> dict[str, Json]:
    return {"publisher": publisher.id, **publisher_body(publisher)}
