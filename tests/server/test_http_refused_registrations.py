"""Registrations that are refused are in the log, through the native API (S2.15)."""

# ruff: noqa: ANN401 - documents are whatever JSON holds

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from server_site import Caller, Site

VERSIONS = "/registry/models/m/versions"


def refusals(site: Site, **asked: Any) -> list[dict[str, Any]]:
    where = {"kind": "change.denied", **asked}
    found: list[dict[str, Any]] = site.admin.get("/registry/audit", params=where).json()["items"]
    return found


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "the label is taken": ({"json": {"version": "1"}}, 409, "is there already"),
    "a metric is none": ({"json": {"metrics": {"auc": "high"}}}, 422, "auc"),
    "a field means nothing": ({"json": {"colour": "red"}}, 422, "colour"),
    "a label is none": ({"json": {"version": "no label!"}}, 422, "no label!"),
    "a source is not allowed": ({"json": {"source": "ftp://host/m"}}, 422, "must have a scheme"),
    "the base is absent": ({"json": {"base": "none"}}, 404, "no model none"),
    "it is no JSON": ({"content": b'{"version": "2"', "headers": {
        "Content-Type": "application/json"}}, 400, "the body"),
    "a parameter means nothing": ({"json": {}, "params": {"x": "1"}}, 422, "x: "),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_registration_is_in_the_log_once(site: Site, what: str) -> None:
    site.admin.version("m", b"one", version="1")
    bob = site.account("bob", default="publisher")
    more, status, reason = REFUSED[what]
    answer = bob("POST", VERSIONS, **more)
    assert answer.status_code == status
    (event,) = refusals(site, actor="bob")
    body = event["body"]
    assert (event["chain"], body["asked"], body["what"]) == ("default", "register", "m")
    assert reason in body["reason"]
    assert body["reason"] in answer.json()["detail"]
    assert body.get("version") == (more.get("json", {}).get("version") if status != 400 else None)
    assert body["request"]["address"] == bob.address
    assert [each["id"] for each in bob.get(VERSIONS).json()["items"]] != []
    assert bob.get(VERSIONS).json()["total"] == 1


def test_a_model_may_be_named_by_its_id(site: Site) -> None:
    made = site.admin.version("m", b"one", version="1")
    path = f"/registry/models/{made['model_id']}/versions"
    assert site.admin.post(path, {"version": "1"}).status_code == 409
    absent = "00000000-0000-4000-8000-000000000000"
    assert site.admin.post(f"/registry/models/{absent}/versions").status_code == 404
    first, second = refusals(site)[::-1]
    assert (first["body"]["what"], second["body"]["what"]) == ("m", absent)


def test_bytes_that_must_be_brought_first_are_no_refusal(site: Site) -> None:
    data = b"not here yet"
    file = {"path": "m.bin", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    assert site.admin.post(VERSIONS, {"files": [file]}).status_code == 404
    site.admin.version("m", data)
    assert refusals(site) == []


def told(site: Site, caller: Caller, path: str) -> tuple[str, list[Any]]:
    before = len(refusals(site))
    answers = [caller.post(path, {"version": each}).text for each in ("1", "no label!")]
    events = refusals(site)[: len(refusals(site)) - before]
    assert len(events) == 2
    kept = [{name: value for name, value in each["body"].items() if name != "request"}
            for each in events]  # fmt: skip
    return "\n".join(answers), [
        (each["chain"], body) for each, body in zip(events, kept, strict=True)
    ]


def test_a_stranger_gets_one_answer_and_leaves_one_record_of_either_project(site: Site) -> None:
    site.admin.made("/registry/projects", {"name": "secret"})
    eve = site.account("eve", default="publisher")
    answers, records = zip(
        *(told(site, eve, f"/registry/models/{each}/m/versions") for each in ("secret", "absent")),
        strict=True,
    )
    assert _plain(answers[0]) == _plain(answers[1])
    assert str(records[0]).replace("secret", "absent") == str(records[1])
    assert {chain for chain, _ in records[0]} == {"@registry"}


def _plain(text: str) -> list[str]:
    """Leave out the id of the request."""
    return [part for part in text.replace("secret", "absent").split('"') if len(part) < 20]


def test_nobody_leaves_the_record_of_signing_in_alone(site: Site) -> None:
    assert site.nobody.post(VERSIONS, {"metrics": {"auc": "high"}}).status_code == 401
    assert [each["body"]["asked"] for each in refusals(site)] in ([], ["sign in"])
