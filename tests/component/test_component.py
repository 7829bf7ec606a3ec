"""The component's own example works as it is written, over the one registry (S2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from server_site import Answer, Caller, Site

from modelry.core import errors
from modelry.core.errors import RegistryError
from modelry.server.dialects.component.refusals import STATUS

Put = Callable[[str], str]


def ask(
    caller: Caller, verb: str, body: object = None, *, method: str = "POST", **query: str
) -> Answer:
    path = f"/models/{verb}?{urlencode(query)}"
    return caller(method, path) if body is None else caller(method, path, json=body)


def detail(answer: Answer) -> str:
    assert list(answer.json()) == ["detail"]
    return str(answer.json()["detail"])


def test_s2_12_a_version_is_registered_with_its_metrics(site: Site, model: Put) -> None:
    path = model("first")
    answer = ask(site.admin, "register", {"auc": 0.91}, name="churn", version="1.0.0", path=path)
    assert (answer.status_code, answer.json()) == (
        200, {"message": "Model churn v1.0.0 registered successfully"},
    )  # fmt: skip
    version = site.admin.get("/registry/resolve?ref=churn:1.0.0").json()
    assert version["metrics"] == {"auc": 0.91}
    assert [each["path"] for each in version["files"]] == ["first.bin"]
    assert version["source"] == path


def test_s2_18_a_duplicate_is_answered_as_the_document_says(site: Site, model: Put) -> None:
    for text in ("second", "other"):
        ask(site.admin, "register", {}, name="twice", version="1", path=model("second"))
        again = ask(site.admin, "register", {}, name="twice", version="1", path=model(text))
        assert (again.status_code, detail(again)) == (400, "Model version already exists")
    assert len(site.admin.get("/registry/models/twice/versions").json()["items"]) == 1


def test_s2_2_a_further_version_takes_the_next_number(site: Site, model: Put) -> None:
    ask(site.admin, "register", {}, name="line", version="v1", path=model("line 1"))
    answer = ask(site.admin, "version", {"auc": 1}, name="line", path=model("line 2"))
    assert (answer.status_code, answer.json()["message"]) == (
        200, "Model line v2 registered successfully",
    )  # fmt: skip
    assert (answer.json()["number"], answer.json()["metrics"]) == (2, {"auc": 1})
    found = ask(site.admin, "version", method="GET", name="line", version="v1").json()
    assert (found["number"], found["path"], found["stage"]) == (1, model("line 1"), "none")
    assert ask(site.admin, "version", method="GET", name="line").json()["number"] == 2
    absent = ask(site.admin, "version", {}, name="nobody", path=model("line 1"))
    assert (absent.status_code, "there is no model nobody" in detail(absent)) == (404, True)


def test_s2_4_a_deployment_is_recorded_with_when_where_and_by_whom(site: Site, model: Put) -> None:
    ask(site.admin, "register", {}, name="runs", version="1.0.0", path=model("runs"))
    answer = ask(site.admin, "deploy", name="runs", version="1.0.0", target="eu", comment="canary")
    told = answer.json()
    assert told["message"] == "Model runs v1.0.0 deployed to eu"
    (listed,) = site.admin.get("/registry/deployments?model=runs").json()["items"]
    assert (listed["target"], listed["actor"]) == ("eu", told["deployed_by"])
    assert (listed["deployed_at"], listed["comment"]) == (told["deployed_at"], "canary")
    assert ask(site.admin, "deploy", name="runs", version="1").json()["target"] == "production"


def test_s2_13_only_what_is_registered_is_deployed(site: Site, model: Put) -> None:
    ask(site.admin, "register", {}, name="known", version="1", path=model("known"))
    for query in ({"name": "known", "version": "9"}, {"name": "unknown", "version": "1"}):
        answer = ask(site.admin, "deploy", **query, target="eu")
        assert answer.status_code == 404
        assert "there is no model unknown" in detail(answer) or "no version 9" in detail(answer)


def test_s2_6_registering_and_deploying_take_their_roles(site: Site, model: Put) -> None:
    path = model("roles")
    reader, publisher = site.account(default="reader"), site.account(default="publisher")
    query = {"name": "roles", "version": "1"}
    assert ask(site.nobody, "register", {}, **query, path=path).status_code == 401
    assert ask(site.nobody, "register", {}).status_code == 401
    assert ask(site.nobody, "absent", {}).status_code == 401
    refused = ask(reader, "register", {}, **query, path=path)
    assert (refused.status_code, "takes the role publisher" in detail(refused)) == (403, True)
    assert ask(publisher, "register", {}, **query, path=path).status_code == 200
    assert ask(publisher, "deploy", **query, target="eu").status_code == 403
    assert ask(reader, "version", method="GET", **query).status_code == 200
    stranger = ask(site.account(), "version", method="GET", **query)
    assert (stranger.status_code, "no project 'default'" in detail(stranger)) == (404, True)


FAILURES = [
    ({"auc": "high"}, {}, (422, "the metric auc is 'high'; a metric is a number")),
    ([1], {}, (422, "the body is the metrics")),
    ({}, {"version": "no label!"}, (422, "no label!")),
    ({}, {"path": "/etc/passwd"}, (404, "'/etc/passwd' is in no folder that this server takes")),
    ({}, {"path": "../outside"}, (404, "'../outside' is in no folder")),
    ({}, {"path": "absent.bin"}, (404, "'absent.bin' is in no folder")),
    ({}, {"path": "ftp://host/m"}, (422, "must have a scheme that this server allows (s3)")),
]


@pytest.mark.parametrize(("body", "query", "told"), FAILURES)
def test_s2_15_a_registration_that_fails_says_why_and_is_in_the_log(
    site: Site, model: Put, body: object, query: dict[str, str], told: tuple[int, str]
) -> None:
    asked = {"name": "failing", "version": "1", "path": model("fine"), **query}
    answer = ask(site.admin, "register", body, **asked)
    assert (answer.status_code, told[1] in detail(answer)) == (told[0], True)
    event = site.admin.get("/registry/audit?kind=change.denied&limit=1").json()["items"][0]
    assert (event["body"]["what"], event["body"]["asked"]) == ("failing", "register")
    assert told[1] in event["body"]["reason"]
    assert site.admin.get("/registry/models/failing").status_code == 404


def test_a_name_that_is_none_is_refused_and_in_the_log(site: Site, model: Put) -> None:
    answer = ask(site.admin, "register", {}, name="no name!", version="1", path=model("fine"))
    assert (answer.status_code, "no name!" in detail(answer)) == (422, True)
    event = site.admin.get("/registry/audit?kind=change.denied&limit=1").json()["items"][0]
    assert (event["chain"], event["body"]["what"]) == ("default", "no name!")


def test_what_is_no_json_is_refused(site: Site, model: Put) -> None:
    query = urlencode({"name": "failing", "version": "1", "path": model("fine")})
    answer = site.admin("POST", f"/models/register?{query}", content=b'{"auc": Infinity}')
    assert (answer.status_code, "the body" in detail(answer)) == (400, True)


def test_s2_7_a_duplicate_is_in_the_log_too(site: Site, model: Put) -> None:
    for _ in range(2):
        ask(site.admin, "register", {}, name="logged", version="1", path=model("logged"))
    latest = site.admin.get("/registry/audit?limit=2").json()["items"]
    assert [each["kind"] for each in latest] == ["change.denied", "version.registered"]


def test_a_link_out_of_the_folder_is_not_followed(site: Site, shelf: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_text("sesame")
    (shelf / "link.bin").symlink_to(secret)
    (shelf / "nest").mkdir()
    (shelf / "nest" / "link.bin").symlink_to(secret)
    for path in ("link.bin", "nest", str(shelf / "link.bin"), "x\0y"):
        answer = ask(site.admin, "register", {}, name="linked", version="1", path=path)
        assert answer.status_code in {404, 422}, answer.text
    assert site.admin.get("/registry/models/linked").status_code == 404


def test_a_relative_path_begins_at_the_folder_and_an_address_is_recorded(
    site: Site, model: Put
) -> None:
    model("relative")
    assert ask(site.admin, "register", {}, name="rel", version="1", path="relative.bin").is_success
    there = ask(site.admin, "register", {}, name="rel", version="2", path="s3://bucket/model")
    assert there.status_code == 200
    found = site.admin.get("/registry/resolve?ref=rel:2").json()
    assert (found["source"], found["files"]) == ("s3://bucket/model", [])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"name": "m", "version": "1"}, "'path' is missing; this takes name, version, path"),
        ({"name": "m", "version": "1", "path": "p", "x": "y"}, "'x' means nothing here"),
    ],
)
def test_what_is_asked_wrongly_is_named(site: Site, query: dict[str, str], words: str) -> None:
    answer = ask(site.admin, "register", {}, **query)
    assert (answer.status_code, words in detail(answer)) == (422, True)
    twice = site.admin("POST", "/models/register?name=a&name=b&version=1&path=p", json={})
    assert "'name' stands there more than once" in detail(twice)
    assert site.admin.get("/models/deploy").status_code == 405


def test_a_request_that_comes_twice_with_its_key_is_one_registration(
    site: Site, model: Put
) -> None:
    query = urlencode({"name": "keyed", "version": "1", "path": model("keyed")})
    headers = {"Idempotency-Key": "k1"}
    for _ in range(2):
        answer = site.admin("POST", f"/models/register?{query}", json={}, headers=headers)
        assert answer.status_code == 200


def test_every_refusal_has_a_status() -> None:
    kinds = {
        each for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, RegistryError)
    }  # fmt: skip
    assert set(STATUS) == kinds
