"""Who may come in: accounts, members, tokens, trusted publishers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from modelry.core.access import Role, check_role
from modelry.core.accounts import Account, Member, Publisher, Token
from modelry.core.verbs import members, publishers, tokens
from modelry.core.verbs.world import World

_MICROSECOND = timedelta(microseconds=1)


class Administration:
    """The verbs about people and programs; each asks whether its actor may."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create_account(self, name: str, *, service: bool = False) -> Account:
        """Make an account of a person, or of a service; answers one that is there."""
        return members.create_account(self._world, name, "service" if service else "user")

    def disable_account(self, name: str) -> Account:
        """Shut an account out, with all its tokens, at once."""
        return members.set_disabled(self._world, name, disabled=True)

    def enable_account(self, name: str) -> Account:
        """Let a disabled account in again."""
        return members.set_disabled(self._world, name, disabled=False)

    def accounts(self) -> Sequence[Account]:
        """List every account by name."""
        return members.accounts(self._world)

    def set_member(self, project: str, account: str, role: str | Role) -> Member:
        """Give an account a role in a project (`*`: everywhere), in place of the one it has."""
        return members.set_member(self._world, project, account, check_role(role))

    def remove_member(self, project: str, account: str) -> None:
        """Take an account's role in a project away."""
        members.remove_member(self._world, project, account)

    def members(self, project: str) -> Sequence[Member]:
        """List who has a role in a project, by name."""
        return members.members(self._world, project)

    def create_token(
        self,
        account: str,
        name: str,
        *,
        project: str | None = None,
        role: str | Role | None = None,
        lifetime: timedelta | None = None,
    ) -> tokens.NewToken:
        """Make a token; its secret is shown this once. It lasts 30 days where nobody says else.

        `project` and `role` narrow what its account may do.
        """
        cap = None if role is None else check_role(role)
        span = None if lifetime is None else lifetime // _MICROSECOND
        return tokens.create_token(self._world, account, name, project, cap, span)

    def tokens(self, account: str | None = None) -> Sequence[Token]:
        """List the tokens of an account, or of all; never their secrets."""
        return tokens.tokens(self._world, account)

    def revoke_token(self, token_id: str) -> None:
        """End a token at once, in every process."""
        tokens.revoke_token(self._world, token_id)

    def trust_publisher(
        self,
        project: str,
        issuer: str,
        claims: Mapping[str, str],
        account: str,
        role: str | Role = Role.PUBLISHER,
    ) -> Publisher:
        """Let pipelines whose OIDC token has these claims act as a service account."""
        return publishers.trust_publisher(
            self._world, project, issuer, claims, account, check_role(role)
        )

    def publishers(self, project: str) -> Sequence[Publisher]:
        """List the pipelines that a project trusts."""
        return publishers.publishers(self._world, project)

    def distrust_publisher(self, project: str, publisher_id: str) -> None:
        """Trust a pipeline no more."""
        publishers.distrust_publisher(self._world, project, publisher_id)
