"""One key, one effect: `Idempotency-Key` on every route that changes something."""

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import APIRoute
from server_site import Answer, Caller, Site, app_routes


@dataclass(frozen=True)
class Change:
    """A request that changes something, and one that differs from it."""

    method: str
    path: str
    body: Any = None
    other: Any = None

    def send(self, caller: Caller, key: str, *, other: bool = False) -> Answer:
        headers = {"Idempotency-Key": key}
        if self.method == "DELETE":
            path = "/registry/models/doomed?comment=other" if other else self.path
            return caller(self.method, path, headers=headers)
        body = self.other if other else self.body
        return caller(self.method, self.path, json=body, headers=headers)


def changes(site: Site) -> dict[str, Change]:
    """Prepare a registry, and answer one change for each operation that has a lasting effect."""
    admin = site.admin
    made = [admin.version("m") for _ in range(3)]
    admin.version("old")
    admin.made("/registry/models", {"name": "doomed"})
    admin.made("/registry/models", {"name": "doomed-too"})
    admin.made("/registry/promotions", {"ref": "m:1", "stage": "production"}, 200)
    admin.made("/registry/promotions", {"ref": "m:2", "stage": "production"}, 200)
    admin.made("/registry/aliases", {"model": "m", "alias": "gone", "ref": "m:1"}, 200)
    versions = "/registry/models/versions"
    first, third = made[0]["id"], made[2]["id"]
    return {
        "create_model": Change("POST", "/registry/models", {"name": "new"}, {"name": "other"}),
        "ensure_model": Change(
            "PUT", "/registry/models?model=ensured", {}, {"description": "other"}
        ),
        "update_model": Change(
            "PATCH", "/registry/models/m", {"description": "a"}, {"description": "b"}
        ),
        "delete_model": Change("DELETE", "/registry/models/doomed"),
        "create_version": Change(
            "POST", "/registry/models/m/versions", {"description": "a"}, {"description": "b"}
        ),
        "update_version": Change(
            "PATCH", f"{versions}/{first}", {"description": "a"}, {"description": "b"}
        ),
        "transition_version": Change(
            "POST", f"{versions}/{first}/transition", {"stage": "staging"}, {"stage": "none"}
        ),
        "delete_version": Change("DELETE", f"{versions}/{third}"),
        "promote_version": Change(
            "POST", "/registry/promotions",
            {"ref": "m:1", "stage": "staging"}, {"ref": "m:2", "stage": "staging"},
        ),
        "archive_version": Change(
            "POST", "/registry/archivals", {"ref": "m:1"}, {"ref": "m:2"}
        ),
        "rollback_stage": Change(
            "POST", "/registry/rollbacks", {"model": "m"}, {"model": "m", "comment": "b"}
        ),
        "set_alias": Change(
            "POST", "/registry/aliases",
            {"model": "m", "alias": "a", "ref": "m:1"}, {"model": "m", "alias": "a", "ref": "m:2"},
        ),
        "delete_alias": Change("DELETE", "/registry/aliases?model=m&alias=gone"),
        "deploy_version": Change(
            "POST", "/registry/deployments",
            {"ref": "m:1", "target": "eu"}, {"ref": "m:1", "target": "us"},
        ),
        "update_ref": Change(
            "PATCH", "/registry/refs?ref=m:1", {"description": "a"}, {"description": "b"}
        ),
        "delete_ref": Change("DELETE", "/registry/refs?ref=doomed-too"),
        "create_project": Change(
            "POST", "/registry/projects", {"name": "new"}, {"name": "other"}
        ),
        **people(admin),
        "set_stages": Change(
            "PUT", "/registry/projects/default/stages",
            {"stages": STAGES}, {"stages": [*STAGES[:3], *STAGES[4:]]},
        ),
    }  # fmt: skip


def people(admin: Caller) -> dict[str, Change]:
    """Prepare accounts, and answer one change for each operation about them."""
    for name in ("ada", "out", "in"):
        admin.made("/registry/accounts", {"name": name})
    admin.made("/registry/accounts", {"name": "ci", "service": True})
    admin.made("/registry/accounts/in/disable", {}, 200)
    admin.put("/registry/projects/default/members/out", {"role": "reader"})
    trusted = {"issuer": "https://gitlab.com", "claims": {"project_path": "a/b"}, "account": "ci"}
    publishers = "/registry/projects/default/publishers"
    publisher = admin.made(publishers, trusted)["id"]
    token = admin.made("/registry/tokens", {"name": "old"})["id"]
    members = "/registry/projects/default/members"
    return {
        "create_account": Change("POST", "/registry/accounts", {"name": "a"}, {"name": "b"}),
        "disable_account": Change("POST", "/registry/accounts/ada/disable", {}, {"x": 1}),
        "enable_account": Change("POST", "/registry/accounts/in/enable", {}, {"x": 1}),
        "set_member": Change("PUT", f"{members}/ada", {"role": "reader"}, {"role": "admin"}),
        "delete_member": Change("DELETE", f"{members}/out"),
        "trust_publisher": Change(
            "POST", publishers, {**trusted, "claims": {"ref": "1"}}, {**trusted, "role": "reader"}
        ),
        "distrust_publisher": Change("DELETE", f"{publishers}/{publisher}"),
        "revoke_token": Change("DELETE", f"/registry/tokens/{token}"),
    }


def events(site: Site) -> list[Any]:
    """Answer everything that happened, but denials."""
    items = site.admin.get("/registry/audit?limit=1000").json()["items"]
    return [each for each in items if each["kind"] != "denied"]


STAGES = [
    {"name": "none"},
    {"name": "staging", "pointed": True},
    {"name": "production", "exclusive": True, "displaced": "archived"},
    {"name": "canary"},
    {"name": "archived", "pointed": False},
]

CHANGES = frozenset(
    (
        "archive_version", "create_model", "create_project", "create_version", "delete_alias", "deploy_version",
        "delete_model", "delete_ref", "delete_version", "ensure_model", "promote_version",
        "rollback_stage", "set_alias", "set_stages", "transition_version", "update_model",
        "update_ref", "update_version",
        "create_account", "disable_account", "enable_account", "set_member", "delete_member",
        "trust_publisher", "distrust_publisher", "revoke_token",
    )
)  # fmt: skip

WITHOUT = {
    "create_token": "a secret is shown once and nobody could show it again",
    "find_missing": "changes nothing",
    "begin_upload": "an upload that nobody continues is forgotten",
    "append_upload": "its offset says whether it happened",
    "delete_upload": "again there is nothing to forget",
    "purge_version": "frees what is left, which is nothing the second time",
    "collect_garbage": "frees what is left",
    "verify_audit": "changes nothing",
    "verify_bytes": "changes nothing",
    "import_models": "is all or nothing, and refuses models that are there",
    "restore_registry": "fills an empty registry alone",
}
"""Operations that a key adds nothing to, and why."""


def operations() -> set[str]:
    return {
        str(route.operation_id)
        for route in app_routes()
        if isinstance(route, APIRoute) and not (route.methods or set()) & {"GET", "HEAD"}
    }


def test_every_operation_that_changes_something_is_tried_with_a_key_or_needs_none(
    site: Site,
) -> None:
    assert changes(site).keys() == CHANGES
    assert operations() == CHANGES | WITHOUT.keys()


@pytest.mark.parametrize("operation", sorted(CHANGES))
def test_the_same_request_with_the_same_key_has_one_effect(site: Site, operation: str) -> None:
    change = changes(site)[operation]

    first = change.send(site.admin, "key-1")
    happened = events(site)
    again = change.send(site.admin, "key-1")

    assert first.is_success, first.text
    assert again.status_code == first.status_code
    assert again.content == first.content
    assert events(site) == happened


@pytest.mark.parametrize("operation", sorted(CHANGES))
def test_another_request_with_the_same_key_is_refused(site: Site, operation: str) -> None:
    change = changes(site)[operation]
    change.send(site.admin, "key-1")
    happened = events(site)

    other = change.send(site.admin, "key-1", other=True)

    assert other.status_code == 422
    assert "key" in other.json()["detail"]
    after = events(site)
    assert after[-len(happened) :] == happened
    refusals = [each["kind"] for each in after[: -len(happened)]]
    assert refusals == (["change.denied"] if operation == "create_version" else [])


def test_a_key_is_its_accounts_alone(site: Site) -> None:
    colleague = site.account(default="publisher")
    headers = {"Idempotency-Key": "k"}

    for caller in (site.admin, colleague):
        answer = caller.post("/registry/models/m/versions", {}, headers=headers)
        assert answer.status_code == 201
    assert site.admin.get("/registry/models/m").json()["versions"] == 2


def test_a_refused_request_uses_its_key_up_for_nothing(site: Site) -> None:
    headers = {"Idempotency-Key": "k"}
    body = {"ref": "m:1", "stage": "production"}
    assert site.admin.post("/registry/promotions", body, headers=headers).status_code == 404

    site.admin.version("m")

    assert site.admin.post("/registry/promotions", body, headers=headers).status_code == 200


def test_a_retry_of_a_registration_with_its_bytes_has_one_effect(site: Site) -> None:
    files = [{"path": "model.bin", **site.admin.upload(b"weights")}]
    body = {"version": "1.0.0", "files": files}

    answers = [
        site.admin.post("/registry/models/m/versions", body, headers={"Idempotency-Key": "k"})
        for _ in range(3)
    ]

    assert [each.status_code for each in answers] == [201, 201, 201]
    assert len({each.content for each in answers}) == 1
    assert site.admin.get("/registry/models/m").json()["versions"] == 1


def test_the_same_key_at_the_same_time_has_one_effect(site_on_sqlite: Site) -> None:
    admin = site_on_sqlite.admin
    asked = [
        admin.request(
            "POST", "/registry/models/m/versions", json={}, headers={"Idempotency-Key": "k"}
        )
        for _ in range(8)
    ]

    answers = admin.loop.together(asked)

    assert {each.status_code for each in answers} == {201}
    assert {each.json()["number"] for each in answers} == {1}


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "caf\u00e9"])
def test_a_key_that_is_no_key_is_refused(site: Site, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}

    answer = site.admin.post("/registry/models", {"name": "m"}, headers=headers)

    assert answer.status_code == 422
    assert site.admin.get("/registry/models").json()["total"] == 0


def test_a_token_is_made_once_for_a_key_and_its_secret_shown_once(site: Site) -> None:
    headers = {"Idempotency-Key": "k"}
    first = site.admin.post("/registry/tokens", {"name": "t"}, headers=headers)
    again = site.admin.post("/registry/tokens", {"name": "t"}, headers=headers)

    assert first.status_code == 201
    named = [each for each in site.admin.get("/registry/tokens").json()["items"]
             if each["name"] == "t"]  # fmt: skip
    assert len(named) == 1, again.text
    other = site.admin.post("/registry/tokens", {"name": "u"}, headers=headers)
    assert other.status_code == 422
