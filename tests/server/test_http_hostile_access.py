"""Hostile callers: tokens, ids, names, origins, sources, searches; by the rows of the threat list."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from refusals import MODELS, nothing_there, refused
from server_site import Site, site_on


def test_hostile_50_a_promotion_is_seen_by_the_next_look_up(site_on_sqlite: Site) -> None:
    admin = site_on_sqlite.admin
    for _ in range(2):
        admin.version("m")
    for turn in range(20):
        number = turn % 2 + 1
        promoted = {"ref": f"m:{number}", "stage": "production"}
        admin.made("/registry/promotions", promoted, 200)
        assert admin.get("/registry/resolve?ref=m@production").json()["number"] == number


def test_hostile_57_no_token_is_known_beforehand(site: Site) -> None:
    for token in ("", "admin", "password", "modelry", "modelry_" + "a" * 12 + "_" + "a" * 43):
        answer = site.holder(token).get("/registry/me")
        assert refused(answer, 401)["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"] == "Bearer"
    for header in ("Basic YWRtaW46YWRtaW4=", "bearer", "Bearer", "Token x"):
        refused(site.nobody.get("/registry/me", headers={"Authorization": header}), 401)


def test_hostile_58_an_id_opens_nothing_that_a_name_would_not(site: Site) -> None:
    site.admin.made("/registry/projects", {"name": "secret"})
    made = site.admin.version("secret/m", b"weights")
    other = site.account(default="admin")
    absent = "00000000-0000-5000-8000-000000000000"

    for path in ("", "/transitions", "/files/model.bin"):
        answers = [other.get(f"{MODELS}/versions/{each}{path}") for each in (made["id"], absent)]
        texts = [refused(each, 404)["detail"] for each in answers]
        assert texts[0].replace(made["id"], absent) == texts[1]
    refused(other.get(f"{MODELS}/{made['model_id']}"), 404)
    assert other.get("/registry/search").json()["items"] == []
    assert other.get(MODELS).json()["total"] == 0
    assert other.get("/registry/models/summary").json()["total_versions"] == 0
    assert other.get("/registry/audit?project=secret").status_code == 404
    assert "secret" not in other.get("/registry/audit").text


@pytest.mark.parametrize("role", ["reader", "publisher"])
def test_hostile_59_who_may_read_or_register_does_not_promote_or_delete(
    site: Site, role: str
) -> None:
    made = site.admin.version("m", b"weights")
    other = site.account(default=role)
    path = f"{MODELS}/versions/{made['id']}"

    for answer in (
        other.post(f"{path}/transition", {"stage": "production"}),
        other.delete(path),
        other.delete(f"{MODELS}/m"),
        other.post("/registry/aliases", {"model": "m", "alias": "a", "ref": "m:1"}),
        other.post("/registry/purges", {"ref": "m:1"}),
    ):
        assert refused(answer, 403)["code"] == "denied"
    assert site.admin.get(path).json() == made


def test_hostile_60_a_member_who_is_taken_out_loses_every_token_at_once(site: Site) -> None:
    site.admin.version("m")
    other = site.account("ada", default="publisher")
    assert other.get("/registry/resolve?ref=m").status_code == 200

    site.admin.delete("/registry/projects/default/members/ada")

    refused(other.get("/registry/resolve?ref=m"), 404)
    site.admin.post("/registry/accounts/ada/disable")
    refused(other.get("/registry/me"), 401)


def test_hostile_61_an_expired_token_is_refused(site: Site) -> None:
    site.admin.version("m")
    holder = site.token("admin", lifetime_seconds=300)
    assert holder.get("/registry/resolve?ref=m").status_code == 200

    clock: Any = site.world.clock
    clock.set(clock.now() + 301_000_000)

    for path in ("/registry/resolve?ref=m", "/registry/me"):
        refused(holder.get(path), 401)


@pytest.mark.parametrize("query", ["token={}", "access_token={}", "ref=m&x={}", "ref={}"])
def test_hostile_62_a_token_in_an_address_is_refused_and_stands_in_no_record(
    site: Site, query: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = str(site.admin.token)

    answer = site.nobody.get(f"/registry/resolve?{query.format(secret)}")

    refused(answer, 400, 401)
    told = answer.text + site.admin.get("/registry/audit?limit=1000").text
    told += caplog.text + "".join(capsys.readouterr())
    assert secret not in told
    assert secret.rpartition("_")[2] not in told


def test_hostile_63_a_wrong_id_and_a_wrong_secret_are_compared_alike(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    real = hmac.compare_digest

    def counting(one: str, two: str) -> bool:
        compared.append(len(one))
        return real(one, two)

    monkeypatch.setattr("modelry.core.accounts.hmac.compare_digest", counting)
    secret = str(site.admin.token)
    head, _, tail = secret.rpartition("_")
    wrong_secret = f"{head}_{'A' * 43}"
    wrong_id = f"modelry_{'a' * 12}_{tail}"

    answers = [site.holder(each).get("/registry/me") for each in (wrong_secret, wrong_id)]

    assert compared == [64, 64]
    bodies = [refused(each, 401) for each in answers]
    assert bodies[0]["detail"] == bodies[1]["detail"]
    kept = site.admin.get("/registry/tokens?all=true").text
    assert tail not in kept


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "169.254.169.254", ""])
def test_hostile_64_a_name_that_is_not_the_servers_is_refused(site: Site, host: str) -> None:
    refused(site.admin.get("/registry/me", headers={"Host": host}), 421)
    refused(site.admin.post(MODELS, {"name": "m"}, headers={"Host": host}), 421)
    nothing_there(site)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_hostile_64_the_servers_own_names_are_let_in(site: Site, host: str) -> None:
    assert site.admin.get("/registry/me", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "https://localhost"]
)
def test_hostile_64_a_page_of_another_origin_changes_nothing(site: Site, origin: str) -> None:
    headers = {"Origin": origin}
    if origin == "https://localhost":
        headers["Host"] = "127.0.0.1"

    refused(site.admin.post(MODELS, {"name": "m"}, headers=headers), 403)
    nothing_there(site)


def test_hostile_64_the_operators_names_and_origins_are_let_in(tmp_path: Path) -> None:
    hosts, origins = ["models.example.com"], ["https://ui.example.com"]
    with site_on(tmp_path, hosts=hosts, origins=origins) as site:
        headers = {"Host": "models.example.com", "Origin": "https://ui.example.com"}
        caller = replace(site.admin, base="http://models.example.com")
        assert caller.post(MODELS, {"name": "m"}, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "source",
    ["file:///etc/passwd", "http://169.254.169.254/latest/", "http://[::ffff:127.0.0.1]/",
     "s3://bucket/key", "/etc/passwd", "gopher://x", "javascript:alert(1)"],
)  # fmt: skip
def test_hostile_66_a_source_without_bytes_is_refused_and_never_opened(
    site: Site, source: str
) -> None:
    refused(site.admin.post(f"{MODELS}/m/versions", {"source": source}), 422)
    nothing_there(site)


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:1/", "file:///etc/passwd", "https://169.254.169.254"]
)
def test_hostile_66_an_issuer_that_is_not_trusted_is_never_contacted(
    site: Site, issuer: str
) -> None:
    answer = site.nobody.post("/auth/exchange", {"token": "a.b.c", "project": "default"})
    refused(answer, 401, 422, 501)
    config = site.nobody.get("/auth/config")
    assert issuer not in config.text


@pytest.mark.parametrize(
    "text", ["%", "_", "'; DROP TABLE models; --", '" OR 1=1', "\\", "a%' OR '1'='1"]
)
def test_hostile_67_what_is_looked_for_is_text_and_no_command(
    site_on_sqlite: Site, text: str
) -> None:
    admin = site_on_sqlite.admin
    admin.made(MODELS, {"name": "credit-risk"})

    found = admin("GET", f"{MODELS}?{_query(search=text)}")
    assert found.json()["total"] == 0
    searched = admin("GET", f"/registry/search?{_query(q=f'name = {text}')}")
    assert searched.status_code in {200, 422}
    quoted = json.dumps(text)
    searched = admin("GET", f"/registry/search?{_query(q=f'name ~ {quoted}')}")
    assert searched.status_code in {200, 422}
    assert admin.get(MODELS).json()["total"] == 1


def _query(**values: str) -> str:
    return urlencode(values)


@pytest.mark.parametrize(
    "text", ["(a+)+$", "(" * 500, "name = " + "a and name = " * 200, "a" * 4000]
)
def test_hostile_68_nobody_brings_a_regular_expression(site: Site, text: str) -> None:
    site.admin.made(MODELS, {"name": "a" * 100 + "x"})

    answer = site.admin.get(f"/registry/search?{_query(q=text)}")

    assert answer.status_code in {200, 422}
    assert answer.json().get("items", []) == []


@pytest.mark.parametrize("name", ["modelry_token_counter", "modelry_abcdefghijkl_x"])
def test_a_model_may_be_called_almost_as_a_token_is(site: Site, name: str) -> None:
    site.admin.version(name)

    assert site.admin.get(f"/registry/resolve?ref={name}").status_code == 200
    refused(site.nobody.get(f"/registry/resolve?ref={name}"), 401)


def test_hostile_62_a_token_is_known_in_an_address_however_it_is_written(site: Site) -> None:
    secret = str(site.admin.token).replace("_", "%5F")

    refused(site.admin.get(f"/registry/resolve?ref={secret}"), 400)
