"""What clients rely on as it is: the OpenAPI document, operation ids, problem details, HEAD."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from server_site import Caller, Site, new_app

from modelry.core import errors
from modelry.core.errors import RegistryError
from modelry.server.problems import STATUS, problem, status_of

SNAPSHOT = Path(__file__).parent / "openapi.json"
S4 = {
    ("POST", "/registry/models"),
    ("GET", "/registry/models"),
    ("GET", "/registry/models/summary"),
    ("GET", "/registry/models/{model_id}"),
    ("PATCH", "/registry/models/{model_id}"),
    ("DELETE", "/registry/models/{model_id}"),
    ("POST", "/registry/models/{model_id}/versions"),
    ("GET", "/registry/models/{model_id}/versions"),
    ("GET", "/registry/models/{model_id}/versions/{version}"),
    ("GET", "/registry/models/stages/{stage}/latest"),
    ("GET", "/registry/models/versions/{version_id}"),
    ("PATCH", "/registry/models/versions/{version_id}"),
    ("DELETE", "/registry/models/versions/{version_id}"),
    ("POST", "/registry/models/versions/{version_id}/transition"),
    ("GET", "/registry/models/versions/{version_id}/transitions"),
}
"""The fifteen routes of the sprint report, with the one that it counts and does not list."""


def document() -> dict[str, Any]:
    """Answer the document as clients see it, without the number of this release."""
    made = new_app().openapi()
    made["info"]["version"] = "any"
    return made


def test_the_openapi_document_is_the_one_that_clients_were_made_from() -> None:
    """Write it anew with `MODELRY_WRITE_SNAPSHOTS=1`, and look at the difference."""
    told = json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("MODELRY_WRITE_SNAPSHOTS"):
        SNAPSHOT.write_text(told, encoding="utf-8")

    assert json.loads(SNAPSHOT.read_text(encoding="utf-8")) == json.loads(told)


def test_the_fifteen_routes_of_the_sprint_report_are_there() -> None:
    there = {
        (method.upper(), path) for path, ways in document()["paths"].items() for method in ways
    }

    assert there >= S4


def test_every_operation_has_an_id_a_rule_a_word_about_it_and_takes_a_token() -> None:
    found = [each for ways in document()["paths"].values() for each in ways.values()]

    assert len({each["operationId"] for each in found}) == len(found)
    for each in found:
        assert each["x-modelry-rule"], each["operationId"]
        assert each["description"], each["operationId"]
        assert each["security"] == [{"HTTPBearer": []}]
        refusal = each["responses"]["404"]["content"]
        assert refusal["application/problem+json"]["schema"]["$ref"].endswith("/Problem")


def _classes(kind: type[RegistryError]) -> set[type[RegistryError]]:
    return {kind}.union(*(_classes(each) for each in kind.__subclasses__()))


def test_the_table_of_statuses_has_every_refusal_of_the_core() -> None:
    own = {each for each in _classes(RegistryError) if each.__module__ == errors.__name__}

    assert own <= STATUS.keys()
    assert STATUS.keys() <= _classes(RegistryError)


@pytest.mark.parametrize("kind", sorted(STATUS, key=str))
def test_a_refusal_is_told_as_problem_details(kind: type[RegistryError]) -> None:
    error = kind("what was wrong", model="m", numbers=(1, 2), nothing=None, path=Path("a"))

    answer = problem(error, "request-1")

    told = json.loads(bytes(answer.body))
    assert told == {
        "type": f"https://modelry.dev/problems/{kind.code}",
        "title": STATUS[kind][1],
        "status": answer.status_code,
        "detail": "what was wrong",
        "code": kind.code,
        "facts": {"model": "m", "numbers": [1, 2], "nothing": None, "path": "a"},
        "request_id": "request-1",
    }
    assert answer.media_type == "application/problem+json"
    assert answer.status_code == STATUS[kind][0] == status_of(error)
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


@pytest.mark.parametrize(
    ("reason", "status"),
    [("storage_full", 507), ("unreadable", 400), ("too_large", 413), ("offset", 416),
     ("range", 416), ("precondition", 412), ("idle", 408), ("host", 421), ("media_type", 415),
     ("method", 405), ("something else", 422)],
)  # fmt: skip
def test_a_reason_says_more_than_the_kind_of_a_refusal(reason: str, status: int) -> None:
    assert status_of(errors.Invalid("x", reason=reason)) == status


def test_an_address_that_is_none_and_a_method_that_does_not_go_are_problems_too(
    site: Site,
) -> None:
    absent = site.admin.get("/registry/nothing")
    assert absent.status_code == absent.json()["status"] == 404
    method = site.admin("PUT", "/registry/models/m", json={})
    assert method.status_code == method.json()["status"] == 405
    assert method.headers["allow"] == "DELETE, GET, PATCH"


def test_the_id_of_a_request_is_taken_over_or_made(site: Site) -> None:
    given = site.admin.get("/registry/me", headers={"X-Request-Id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    for bad in ("a b", "x" * 65, "a\tb", ""):
        made = site.admin.get("/registry/me", headers={"X-Request-Id": bad})
        assert made.headers["x-request-id"] not in {bad, ""}


def test_head_answers_as_get_does_without_the_bytes(site: Site) -> None:
    made = site.admin.version("m", b"weights")
    upload = site.admin.made("/registry/uploads", {"size": 9, "sha256": "0" * 64})["id"]
    for path in (
        f"/registry/models/versions/{made['id']}/files/model.bin",
        f"/registry/uploads/{upload}",
    ):
        got, head = site.admin.get(path), site.admin("HEAD", path)
        assert head.status_code == got.status_code == 200
        for name in ("etag", "repr-digest", "upload-offset", "upload-length"):
            assert head.headers.get(name) == got.headers.get(name)
    file = site.admin("HEAD", f"/registry/models/versions/{made['id']}/files/model.bin")
    assert file.content == b""
    assert file.headers["content-length"] == "7"


def test_who_one_is_and_what_one_may_do(site: Site) -> None:
    caller = site.account("ada", default="approver")

    me = caller.get("/registry/me").json()

    assert me["account"] == "ada"
    assert me["kind"] == "user"
    assert me["roles"] == {"default": "approver"}
    assert me["token"]["project"] is None


LISTS = (
    "/registry/models", "/registry/models/m/versions", "/registry/search",
    "/registry/history?ref=m", "/registry/audit", "/registry/projects/default/history",
)  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "0", "-1", "9" * 30, "eyJhIjoxfQ", "%00", "a/b", "\u00e9"])
def test_a_cursor_that_nobody_gave_breaks_nothing(site: Site, path: str, cursor: str) -> None:
    site.admin.version("m")
    mark = "&" if "?" in path else "?"

    answer = site.admin.get(f"{path}{mark}cursor={cursor}")

    assert answer.status_code in {200, 422}


@pytest.mark.parametrize("path", LISTS)
def test_pages_told_one_after_the_other_are_the_whole_list(site: Site, path: str) -> None:
    for number in range(7):
        site.admin.version("m", tags={"n": str(number)})
        site.admin.made("/registry/models", {"name": f"n{number}"})
    site.admin.put("/registry/projects/default/members/admin", {"role": "admin"})
    mark = "&" if "?" in path else "?"

    whole = site.admin.get(f"{path}{mark}limit=1000").json()["items"]

    assert _walked(site.admin, f"{path}{mark}limit=3") == whole


def _walked(caller: Caller, path: str) -> list[Any]:
    items: list[Any] = []
    cursor = ""
    while True:
        page = caller.get(f"{path}{cursor}").json()
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={page['next']}"
