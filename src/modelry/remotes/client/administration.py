"""Who may come in, at a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

from modelry.core.access import Role, check_role
from modelry.core.accounts import (
    Account,
    Member,
    Publisher,
    Token,
    check_account,
    check_where,
)
from modelry.core.documents import account_from, member_from, publisher_from, token_from
from modelry.core.names import check_project
from modelry.core.verbs import tokens
from modelry.remotes.client.decoding import new_token_from
from modelry.remotes.client.wire import Wire

_SECOND = timedelta(seconds=1)


class ClientAdministration:
    """The verbs about people and programs; the server asks whether the caller may."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create_account(self, name: str, *, service: bool = False) -> Account:
        """Make an account of a person, or of a service; answers one that is there."""
        body = {"name": name, "service": service}
        return account_from(self._wire.send("POST", "/registry/accounts", body))

    def disable_account(self, name: str) -> Account:
        """Shut an account out, with all its tokens, at once."""
        return self._switch(name, "disable")

    def enable_account(self, name: str) -> Account:
        """Let a disabled account in again."""
        return self._switch(name, "enable")

    def _switch(self, name: str, verb: str) -> Account:
        path = f"/registry/accounts/{segment(check_account(name))}/{verb}"
        return account_from(self._wire.send("POST", path))

    def accounts(self) -> Sequence[Account]:
        """List every account by name."""
        return [account_from(each) for each in self._wire.get("/registry/accounts")["items"]]

    def set_member(self, project: str, account: str, role: str | Role) -> Member:
        """Give an account a role in a project (`*`: everywhere), in place of the one it has."""
        body = {"role": str(check_role(role))}
        return member_from(self._wire.send("PUT", _member(project, account), body))

    def remove_member(self, project: str, account: str) -> None:
        """Take an account's role in a project away."""
        self._wire.send("DELETE", _member(project, account))

    def members(self, project: str) -> Sequence[Member]:
        """List who has a role in a project, by name."""
        path = f"/registry/projects/{segment(check_where(project))}/members"
        return [member_from(each) for each in self._wire.get(path)["items"]]

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

        `project` and `role` narrow what its account may do; `lifetime` counts whole seconds.
        """
        body = {
            "account": check_account(account),
            "name": name,
            "project": project,
            "role": None if role is None else str(check_role(role)),
            "lifetime_seconds": None if lifetime is None else lifetime // _SECOND,
        }
        given = {key: value for key, value in body.items() if value is not None}
        return new_token_from(self._wire.send("POST", "/registry/tokens", given))

    def tokens(self, account: str | None = None) -> Sequence[Token]:
        """List the tokens of an account, or of all; never their secrets."""
        params = {"all": 1} if account is None else {"account": check_account(account)}
        found = self._wire.get("/registry/tokens", params)["items"]
        return [token_from(each) for each in found]

    def revoke_token(self, token_id: str) -> None:
        """End a token at once, in every process."""
        self._wire.send("DELETE", f"/registry/tokens/{segment(token_id)}")

    def trust_publisher(
        self,
        project: str,
        issuer: str,
        claims: Mapping[str, str],
        account: str,
        role: str | Role = Role.PUBLISHER,
    ) -> Publisher:
        """Let pipelines whose OIDC token has these claims act as a service account."""
        body = {"issuer": issuer, "claims": dict(claims), "account": account,
                "role": str(check_role(role))}  # fmt: skip
        return publisher_from(self._wire.send("POST", _publishers(project), body))

    def publishers(self, project: str) -> Sequence[Publisher]:
        """List the pipelines that a project trusts."""
        return [publisher_from(each) for each in self._wire.get(_publishers(project))["items"]]

    def distrust_publisher(self, project: str, publisher_id: str) -> None:
        """Trust a pipeline no more."""
        self._wire.send("DELETE", f"{_publishers(project)}/{segment(publisher_id)}")


def segment(text: str) -> str:
    """Write text as one segment of a path; neither a slash nor a dot leads elsewhere."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if not text.strip(".") else quoted


def _member(project: str, account: str) -> str:
    where = segment(check_where(project))
    return f"/registry/projects/{where}/members/{segment(check_account(account))}"


def _publishers(project: str) -> str:
    return f"/registry/projects/{segment(check_project(project))}/publishers"
