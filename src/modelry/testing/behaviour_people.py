"""Accounts, members, tokens and trusted publishers, wherever the registry is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelry.core.access import Role
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import EventKind, LogFilter
from modelry.core.repository import RegistryRepository
from modelry.testing.behaviour_fixtures import BehaviourFixtures

GITHUB = "https://token.actions.githubusercontent.com"


class PeopleBehaviour(BehaviourFixtures):
    """Who may come in."""

    def test_accounts_are_made_once_and_shut_out(self, registry: RegistryRepository) -> None:
        ada = registry.admin.create_account("Ada")
        assert (ada.name, ada.kind, ada.disabled) == ("ada", "user", None)
        assert registry.admin.create_account("ada") == ada
        assert registry.admin.create_account("ci", service=True).kind == "service"
        assert {"ada", "ci"} <= {each.name for each in registry.admin.accounts()}
        with pytest.raises(Conflict, match="there is an account ada already"):
            registry.admin.create_account("ada", service=True)
        assert registry.admin.disable_account("ada").disabled is not None
        assert registry.admin.enable_account("ada").disabled is None
        with pytest.raises(NotFound, match="there is no account 'nobody'"):
            registry.admin.disable_account("nobody")
        with pytest.raises(Invalid, match="cannot name an account"):
            registry.admin.create_account("a b")

    def test_members_have_one_role_in_a_project(self, registry: RegistryRepository) -> None:
        registry.admin.create_account("ada")
        made = registry.admin.set_member("default", "ada", "Reader")
        assert (made.project, made.account, made.role) == ("default", "ada", Role.READER)
        assert registry.admin.set_member("default", "ada", Role.ADMIN).role is Role.ADMIN
        found = registry.admin.members("default")
        assert [(each.account, each.role) for each in found if each.account == "ada"] == [
            ("ada", Role.ADMIN)]  # fmt: skip
        registry.admin.set_member("*", "ada", "reader")
        assert "ada" in {each.account for each in registry.admin.members("*")}
        registry.admin.remove_member("*", "ada")
        registry.admin.remove_member("default", "ada")
        with pytest.raises(NotFound, match="ada is not a member of default"):
            registry.admin.remove_member("default", "ada")
        with pytest.raises(Invalid, match="'king' is not a role; there are reader"):
            registry.admin.set_member("default", "ada", "king")
        with pytest.raises(NotFound, match="there is no account 'nobody'"):
            registry.admin.set_member("default", "nobody", "reader")
        with pytest.raises(NotFound, match="no project 'absent'"):
            registry.admin.set_member("absent", "ada", "reader")

    def test_a_token_is_shown_once_listed_and_revoked(self, registry: RegistryRepository) -> None:
        registry.admin.create_account("ci", service=True)
        made = registry.admin.create_token(
            "ci", "nightly", project="default", role="publisher", lifetime=timedelta(hours=1)
        )
        token = made.token
        assert made.secret.startswith(f"modelry_{token.id}_")
        assert made.secret not in repr(made)
        assert (token.account, token.name, token.project) == ("ci", "nightly", "default")
        assert token.role is Role.PUBLISHER
        assert token.expires == token.created + 3600 * 1_000_000
        assert [each.id for each in registry.admin.tokens("ci")] == [token.id]
        assert token.id in {each.id for each in registry.admin.tokens()}
        registry.admin.revoke_token(token.id)
        assert not registry.admin.tokens("ci")
        with pytest.raises(NotFound, match="there is no token"):
            registry.admin.revoke_token(token.id)
        with pytest.raises(NotFound, match="there is no account 'nobody'"):
            registry.admin.create_token("nobody", "x")
        with pytest.raises(Invalid, match="at most 366 days"):
            registry.admin.create_token("ci", "x", lifetime=timedelta(days=400))
        with pytest.raises(Invalid, match="is not a role"):
            registry.admin.create_token("ci", "x", role="king")

    def test_a_pipeline_is_trusted_by_its_claims(self, registry: RegistryRepository) -> None:
        registry.admin.create_account("ci", service=True)
        claims = {"repository": "acme/models", "ref": "refs/heads/main"}
        made = registry.admin.trust_publisher("default", GITHUB, claims, "ci")
        assert (made.claims, made.account, made.role) == (claims, "ci", Role.PUBLISHER)
        assert list(registry.admin.publishers("default")) == [made]
        registry.admin.distrust_publisher("default", made.id)
        assert not registry.admin.publishers("default")
        with pytest.raises(NotFound, match="default trusts no publisher"):
            registry.admin.distrust_publisher("default", made.id)
        with pytest.raises(Invalid, match="a publisher has an issuer"):
            registry.admin.trust_publisher("default", GITHUB, {}, "ci")
        with pytest.raises(NotFound, match="there is no service account 'nobody'"):
            registry.admin.trust_publisher("default", GITHUB, claims, "nobody")

    def test_every_change_of_who_may_come_in_is_in_the_log(
        self, registry: RegistryRepository
    ) -> None:
        registry.admin.create_account("ada")
        registry.admin.set_member("default", "ada", "reader")
        made = registry.admin.create_token("ada", "laptop")
        kinds = frozenset(
            {EventKind.ACCOUNT_CREATED, EventKind.MEMBER_SET, EventKind.TOKEN_CREATED}
        )
        events = registry.log(wanted=LogFilter(kinds=kinds), limit=3).items
        assert [str(event.kind) for event in events] == [
            "token.created", "member.set", "account.created"]  # fmt: skip
        assert made.secret not in str(events)
