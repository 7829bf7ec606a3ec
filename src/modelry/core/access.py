"""Who may do what: actors, roles, and the one question that every verb asks.

A role holds in one project, or everywhere. Each includes those before it:
reader looks, publisher registers, approver moves pointers and deploys, admin does the
rest. A token may narrow what its account may do and never widens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from modelry.core.errors import Invalid

EVERYWHERE = "*"
"""Stands for all projects where a role is given; no project can be called so."""


class Role(StrEnum):
    """What an account may do in a project, from least to most."""

    READER = "reader"
    PUBLISHER = "publisher"
    APPROVER = "approver"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        """Say whether this role includes `other`."""
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


class Action(StrEnum):
    """What a verb does, as far as permission is concerned; the text goes on after `to`."""

    READ = "read"
    REGISTER = "register"
    DESCRIBE = "describe"
    LOG = "log runs"
    POINT = "move a stage or an alias"
    DEPLOY = "record a deployment"
    REMOVE = "delete"
    CONFIGURE = "change stages or members"
    OPERATE = "operate the registry"


NEEDS: Mapping[Action, Role] = {
    Action.READ: Role.READER,
    Action.REGISTER: Role.PUBLISHER,
    Action.DESCRIBE: Role.PUBLISHER,
    Action.LOG: Role.PUBLISHER,
    Action.POINT: Role.APPROVER,
    Action.DEPLOY: Role.APPROVER,
    Action.REMOVE: Role.ADMIN,
    Action.CONFIGURE: Role.ADMIN,
    Action.OPERATE: Role.ADMIN,
}

Kind = Literal["user", "service"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever calls: an account, its roles by project, and what its token narrows them to.

    `roles` may hold `EVERYWHERE`. `project` and `cap` are the token's scope:
    one project alone, at most this role.
    """

    name: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    project: str | None = None
    cap: Role | None = None
    token: str | None = None
    expires: int | None = None

    def role_in(self, project: str) -> Role | None:
        """Answer the role in a project (`EVERYWHERE`: in the registry itself), None for none."""
        if self.project is not None and project != self.project:
            return None
        roles = [self.roles[key] for key in (project, EVERYWHERE) if key in self.roles]
        if not roles:
            return None
        best = max(roles, key=_RANK.__getitem__)
        return best if self.cap is None else min(best, self.cap, key=_RANK.__getitem__)

    def may(self, action: Action, project: str, needs: Mapping[Action, Role] = NEEDS) -> bool:
        """Say whether this actor may do `action` in `project`: the one rule there is."""
        role = self.role_in(project)
        return role is not None and role.covers(needs[action])

    @property
    def scope(self) -> frozenset[str] | None:
        """The projects that this actor may read; None for all, also those to come."""
        if self.role_in(EVERYWHERE) is not None:
            return None
        if self.project is not None:
            return frozenset({self.project} if self.role_in(self.project) else ())
        return frozenset(self.roles)


ONLY_ADMINS_REGISTER: Mapping[Action, Role] = {**NEEDS, Action.REGISTER: Role.ADMIN}
"""The strict table: what only an admin registers, nobody slips in."""

OWNER = Actor("", {EVERYWHERE: Role.ADMIN})
"""Whoever holds the database itself: the user of an embedded registry."""


def check_role(text: str) -> Role:
    """Answer the role that `text` names in any letter case. Raises `Invalid`."""
    try:
        return Role(text.lower())
    except ValueError as error:
        names = ", ".join(Role)
        msg = f"{text!r} is not a role; there are {names}"
        raise Invalid(msg, role=text) from error
