"""Trusted publishers: pipelines that come in by what they are."""

import pytest

from modelry.core.access import Role
from modelry.core.errors import Conflict, Invalid, NotFound
from modelry.core.events import EventKind
from modelry.core.registry import Registry
from modelry.core.verbs import publishers

ISSUER = "https://ci.example"
CLAIMS = {"repository": "acme/models", "ref": "refs/heads/main"}


@pytest.fixture
def lab(registry: Registry) -> Registry:
    registry.create_project("lab")
    registry.admin.create_account("ci", service=True)
    registry.admin.create_account("ada")
    return registry


def test_a_pipeline_is_trusted_listed_and_distrusted(lab: Registry) -> None:
    made = lab.admin.trust_publisher("Lab", ISSUER, CLAIMS, "CI", "approver")
    assert (made.project, made.account, made.role) == ("lab", "ci", Role.APPROVER)
    assert (made.issuer, made.claims) == (ISSUER, CLAIMS)
    assert lab.admin.publishers("lab") == [made]
    assert not lab.admin.publishers("default")
    with pytest.raises(NotFound, match="default trusts no publisher"):
        lab.admin.distrust_publisher("default", made.id)
    lab.admin.distrust_publisher("lab", made.id)
    assert not lab.admin.publishers("lab")
    with pytest.raises(NotFound, match="lab trusts no publisher"):
        lab.admin.distrust_publisher("lab", made.id)
    gone, trusted, _ = lab.project_history("lab").events
    assert (trusted.kind, gone.kind) == (
        EventKind.PUBLISHER_TRUSTED, EventKind.PUBLISHER_DISTRUSTED)  # fmt: skip
    assert trusted.body == gone.body
    assert trusted.body["publisher"] == made.id
    assert not lab.audit().problems


def test_the_same_trust_twice_is_one(lab: Registry) -> None:
    made = lab.admin.trust_publisher("lab", ISSUER, CLAIMS, "ci")
    assert lab.admin.trust_publisher("lab", ISSUER, dict(CLAIMS), "ci") == made
    other = lab.admin.trust_publisher("lab", ISSUER, CLAIMS, "ci", "admin")
    assert {each.id for each in lab.admin.publishers("lab")} == {made.id, other.id}


def test_what_is_no_publisher_is_refused(lab: Registry) -> None:
    trust = lab.admin.trust_publisher
    for issuer, claims in (("http://ci.example", CLAIMS), (ISSUER, {})):
        with pytest.raises(Invalid, match="a publisher has an issuer"):
            trust("lab", issuer, claims, "ci")
    with pytest.raises(Invalid, match="the claim repository holds"):
        trust("lab", ISSUER, {"repository": "\x1b"}, "ci")
    for account in ("ada", "nobody"):
        with pytest.raises(NotFound, match=f"there is no service account '{account}'"):
            trust("lab", ISSUER, CLAIMS, account)
    with pytest.raises(NotFound, match="there is no project 'absent'"):
        trust("absent", ISSUER, CLAIMS, "ci")
    with pytest.raises(NotFound, match="there is no project 'absent'"):
        lab.admin.publishers("absent")
    assert not lab.admin.publishers("lab")


def test_a_project_trusts_so_many_and_no_more(
    lab: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "_MOST", 2)
    for repository in ("a", "b"):
        lab.admin.trust_publisher("lab", ISSUER, {"repository": repository}, "ci")
    with pytest.raises(Conflict, match="lab trusts 2 publishers already"):
        lab.admin.trust_publisher("lab", ISSUER, {"repository": "c"}, "ci")
