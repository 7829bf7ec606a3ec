"""The frame of MLflow's dialect: addresses, who may come in, and how a refusal looks."""

from __future__ import annotations

import base64
import itertools

import pytest
from server_site import Caller, Site

from modelry.core.errors import RegistryError
from modelry.server.dialects.mlflow.refusals import CODES, STATUS, refused

HOOKS = "/api/2.0/mlflow/webhooks"
PREFIXES = ("", "/projects/default")


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def _classes(kind: type[RegistryError]) -> set[type[RegistryError]]:
    return {kind}.union(*(_classes(each) for each in kind.__subclasses__()))


def test_every_refusal_of_ours_has_an_error_code_of_mlflow_and_a_status() -> None:
    assert {each for each in _classes(RegistryError) if each.__module__ == "modelry.core.errors"} == (
        CODES.keys()
    )  # fmt: skip
    for kind, code in CODES.items():
        answer = refused(kind("why"))
        assert answer.status_code == STATUS[code]


def test_the_codes_are_those_of_mlflow_and_what_a_caller_can_mend_is_not_repeated() -> None:
    from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS

    assert {code: ERROR_CODE_TO_HTTP_STATUS[code] for code in STATUS} == dict(STATUS)


@pytest.mark.parametrize(("prefix", "api"), [*itertools.product(PREFIXES, ("/api", "/ajax-api"))])
def test_every_address_of_the_protocol_leads_to_the_same_routes(
    site: Site, prefix: str, api: str
) -> None:
    answer = site.admin.get(f"{prefix}{api}/2.0/mlflow/webhooks")
    assert (answer.status_code, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/2.0/mlflow/nothing"),
        ("GET", "/api/2.0/mlflow"),
        ("PUT", HOOKS),
        ("GET", "/api/3.0/mlflow/nothing/at/all"),
        ("GET", f"{HOOKS}/"),
    ],
)
def test_an_unknown_route_is_an_endpoint_that_is_not_found(
    site: Site, method: str, path: str
) -> None:
    answer = site.admin(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize("path", [HOOKS, "/api/2.0/mlflow/nothing"])
def test_a_stranger_learns_only_that_he_is_one(site: Site, path: str) -> None:
    for caller in (site.nobody, Caller(site.loop, "modelry_wrong")):
        answer = caller.get(path)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_password_is_a_token_and_the_user_its_account(site: Site) -> None:
    site.account("ada", default="reader")
    token = site.token("ada").token or ""
    for name in ("ada", "ADA", "", "token"):
        assert site.nobody.get(HOOKS, headers=basic(name, token)).status_code == 501
    for name, password in (("bob", token), ("ada", "wrong"), ("ada", ""), ("", "")):
        assert site.nobody.get(HOOKS, headers=basic(name, password)).status_code == 401
    for header in ("Basic !", "Basic", "Basic " + base64.b64encode(b"\xff\xfe").decode()):
        assert site.nobody.get(HOOKS, headers={"Authorization": header}).status_code == 401


def test_a_request_names_one_project(site: Site) -> None:
    header = {"X-MLFLOW-WORKSPACE": "other"}
    answer = site.admin.get(f"/projects/default{HOOKS}", headers=header)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    answer = site.admin.get(HOOKS, headers={"X-MLFLOW-WORKSPACE": "../up"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_body_that_is_no_json_object_is_a_bad_request(site: Site) -> None:
    for content in (b"[]", b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 10_000):
        answer = site.admin("POST", HOOKS, content=content)
        assert answer.status_code == 400, content
    form = {"Content-Type": "text/plain"}
    answer = site.admin("POST", HOOKS, content=b"{}", headers=form)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")


def test_figures_tell_the_templates_of_routes(site: Site) -> None:
    site.admin.get("/api/2.0/mlflow/model-versions/get?name=m&version=1")
    site.admin.delete(f"{HOOKS}/some-hook")
    site.admin.post("/projects/default/api/2.0/mlflow/registered-models/create", {"name": "m"})
    told = site.nobody.get("/metrics").text
    for route in ("model-versions/get", "webhooks/{webhook_id}", "registered-models/create"):
        assert f'route="/2.0/mlflow/{route}"' in told
