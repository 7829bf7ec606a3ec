"""What is thrown at a registry over HTTP, and what it answers; by the rows of the threat list."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from server_site import Answer, Site, site_on

from modelry.core.errors import Unavailable
from modelry.core.ports import Blobs
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore

JSON = {"Content-Type": "application/json"}
MODELS = "/registry/models"


def raw(site: Site, body: bytes, path: str = MODELS, method: str = "POST") -> Answer:
    return site.admin(method, path, content=body, headers=JSON)


def refused(answer: Answer, *statuses: int) -> dict[str, Any]:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def nothing_there(site: Site) -> None:
    assert site.admin.get(MODELS).json()["total"] == 0


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_hostile_9_a_metric_that_is_no_finite_number_is_refused(site: Site, value: str) -> None:
    body = f'{{"metrics": {{"auc": {value}}}}}'.encode()

    refused(raw(site, body, f"{MODELS}/m/versions"), 400)
    nothing_there(site)


@pytest.mark.parametrize(
    "body", ['{"name": "a", "name": "b"}', '{"name": "a", "tags": {"x": "1", "x": "2"}}']
)
def test_hostile_10_a_key_that_stands_twice_is_refused(site: Site, body: str) -> None:
    assert "twice" in refused(raw(site, body.encode()), 400)["detail"]
    nothing_there(site)


@pytest.mark.parametrize("depth", [65, 2_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_hostile_11_deep_nesting_is_refused(
    site: Site, depth: int, opening: str, closing: str
) -> None:
    body = f'{{"params": {{"p": {opening * depth}1{closing * depth}}}}}'

    refused(raw(site, body.encode(), f"{MODELS}/m/versions"), 400)
    nothing_there(site)


def test_hostile_12_a_body_that_is_too_large_is_refused_before_it_is_parsed(
    tmp_path: Path,
) -> None:
    many = {"name": "m", "tags": {f"k{n}": "" for n in range(500_000)}}
    body = json.dumps(many).encode().ljust(10 * 1024 * 1024)
    with site_on(tmp_path, max_body=4 * 1024 * 1024) as site:
        for content in (body, b"\xff" * len(body), iter([body[: 5 * 1024 * 1024]])):
            problem = refused(_sent(site, content), 413)
            assert problem["facts"]["limit"] == 4 * 1024 * 1024
        nothing_there(site)


def _sent(site: Site, content: bytes | Iterator[bytes]) -> Answer:
    data = content if isinstance(content, bytes) else b"".join(content)
    headers = dict(JSON)
    if not isinstance(content, bytes):
        headers["Transfer-Encoding"] = "chunked"  # no length is told
    return site.admin("POST", MODELS, content=data, headers=headers)


def test_hostile_12_half_a_million_keys_within_the_size_are_refused(site: Site) -> None:
    body = json.dumps({"name": "m", "tags": {f"k{n}": "" for n in range(500_000)}}).encode()

    refused(raw(site, body), 413, 422)
    nothing_there(site)


@pytest.mark.parametrize(
    "body",
    [
        b'{"metrics": {"auc": 1180591620717411303424}}',
        b'{"metrics": {"auc": ' + b"7" * 6_000 + b"}}",
        b'{"description": "\xff\xfe"}',
        b'{"description": "\\ud800"}',
        b'{"description": "a\\u0000b"}',
        b'\xef\xbb\xbf{"description": ""}',
        b'{"description": ""} {}',
        b"",
    ],
)
def test_hostile_13_numbers_and_bytes_that_are_no_json_for_everybody_are_refused(
    site: Site, body: bytes
) -> None:
    refused(raw(site, body, f"{MODELS}/m/versions"), 400, 422)
    nothing_there(site)


@pytest.mark.parametrize(
    "path",
    [
        "/registry/models?limit=1000000", "/registry/models/m/versions?limit=1001",
        "/registry/search?limit=99999999999999999999", "/registry/audit?limit=1e9",
        "/registry/history?ref=m&limit=-1", f"/registry/compare?{'ref=m&' * 51}",
    ],
)  # fmt: skip
def test_hostile_14_a_huge_page_is_refused(site: Site, path: str) -> None:
    site.admin.version("m")

    refused(site.admin.get(path), 422)


def test_hostile_14_a_huge_batch_is_refused(site: Site) -> None:
    digests = [f"{n:064x}" for n in range(100_001)]

    refused(site.admin.post("/registry/uploads/missing", {"digests": digests}), 413, 422)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", MODELS, {"name": "x", "id": "1"}),
        ("POST", MODELS, {"name": "x", "created_by": "root"}),
        ("POST", f"{MODELS}/m/versions", {"stage": "production"}),
        ("POST", f"{MODELS}/m/versions", {"approved_by": "root"}),
        ("POST", f"{MODELS}/m/versions", {"author": "root", "number": 7}),
        ("POST", "/registry/accounts", {"name": "x", "role": "admin"}),
        ("POST", "/registry/accounts", {"name": "x", "is_admin": True}),
        ("POST", "/registry/tokens", {"name": "x", "roles": {"*": "admin"}}),
        ("PUT", "/registry/projects/default/members/admin", {"role": "admin", "project": "*"}),
    ],
)
def test_hostile_15_a_field_that_nobody_asked_for_is_refused(
    site: Site, method: str, path: str, body: dict[str, object]
) -> None:
    problem = refused(site.admin(method, path, json=body), 422)

    assert set(problem["facts"]["fields"]) <= body.keys()
    nothing_there(site)


def test_hostile_15_a_parameter_that_nobody_asked_for_is_refused(site: Site) -> None:
    problem = refused(site.admin.get("/registry/models?stage=production&is_admin=1"), 422)

    assert problem["facts"]["fields"] == ["is_admin", "stage"]


def begun(site: Site, data: bytes, **more: object) -> str:
    told = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **more}
    made = site.admin.made("/registry/uploads", told)
    assert made["expires_at"] > "2025-06-16"
    return str(made["id"])


def test_hostile_35_bytes_that_are_not_their_digest_are_refused_and_invisible(site: Site) -> None:
    sha256 = hashlib.sha256(b"right").hexdigest()
    upload = begun(site, b"wrong", sha256=sha256)

    refused(site.admin.append(upload, 0, b"wrong"), 422)

    refused(site.admin.get(f"/registry/uploads/{upload}"), 404)
    file = {"path": "m", "sha256": sha256, "size": 5, "upload": upload}
    refused(site.admin.post(f"{MODELS}/m/versions", {"files": [file]}), 404, 409, 422)
    nothing_there(site)


def test_hostile_36_bytes_that_are_too_few_or_too_many_are_refused_and_invisible(
    site: Site,
) -> None:
    upload = begun(site, b"eleven byte")
    file = {"path": "m", "sha256": hashlib.sha256(b"eleven byte").hexdigest(), "size": 11}
    site.admin.append(upload, 0, b"eleven")

    refused(site.admin.post(f"{MODELS}/m/versions", {"files": [{**file, "upload": upload}]}),
            409, 422)  # fmt: skip
    nothing_there(site)
    again = begun(site, b"eleven byte")
    refused(site.admin.append(again, 0, b"eleven bytes and more"), 413)
    nothing_there(site)


@pytest.mark.parametrize("offset", [1, 5, 7, 10**17])
def test_hostile_37_another_offset_is_refused_and_the_right_one_told(
    site: Site, offset: int
) -> None:
    upload = begun(site, b"eleven byte")
    site.admin.append(upload, 0, b"eleven")

    problem = refused(site.admin.append(upload, offset, b" byte"), 416)

    assert problem["facts"]["received"] == 6
    assert site.admin.append(upload, 6, b" byte").status_code == 204


@pytest.mark.parametrize("offset", ["-1", "+0", "0x0", "", "1e1", "\u0660", "9" * 40])
def test_hostile_37_an_offset_that_is_no_number_is_refused(site: Site, offset: str) -> None:
    path = f"/registry/uploads/{begun(site, b'eleven byte')}"
    headers = {"Content-Type": "application/octet-stream", "Upload-Offset": offset.encode()}

    refused(site.admin("PATCH", path, content=b"e", headers=headers), 400)


def test_hostile_37_an_upload_of_somebody_else_and_a_forged_one_do_not_exist(site: Site) -> None:
    upload = begun(site, b"mine")
    other = site.account(everywhere="admin")
    forged = ("A" if upload[0] != "A" else "B") + upload[1:]
    answers = [
        other.get(f"/registry/uploads/{upload}"),
        other.append(upload, 0, b"mine"),
        other.delete(f"/registry/uploads/{upload}"),
        site.admin.get(f"/registry/uploads/{forged}"),
        site.admin.get("/registry/uploads/x"),
        site.admin.get("/registry/uploads/%00"),
    ]

    assert {refused(each, 404)["detail"] for each in answers} == {answers[0].json()["detail"]}
    assert site.admin.append(upload, 0, b"mine").status_code == 204
    file = {"path": "m", "sha256": hashlib.sha256(b"mine").hexdigest(), "size": 4}
    stolen = other.post(f"{MODELS}/m/versions", {"files": [{**file, "upload": upload}]})
    refused(stolen, 404)
    unnamed = other.post(f"{MODELS}/m/versions", {"files": [file]})
    refused(unnamed, 404, 409, 422)
    nothing_there(site)


def test_hostile_37_knowing_a_digest_gives_nobody_the_bytes(site: Site) -> None:
    site.admin.made("/registry/projects", {"name": "secret"})
    made = site.admin.version("secret/m", b"their weights")
    other = site.account(default="publisher")
    file = {key: made["files"][0][key] for key in ("path", "sha256", "size")}

    missing = other.made("/registry/uploads/missing", {"digests": [file["sha256"]]}, 200)
    assert missing == {"missing": [file["sha256"]]}
    refused(other.post(f"{MODELS}/mine/versions", {"files": [file]}), 404, 409, 422)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_hostile_38_a_body_that_is_not_called_json_is_not_read_as_json(
    site: Site, media_type: str
) -> None:
    headers = {"Content-Type": media_type}
    answer = site.admin("POST", MODELS, content=b'{"name": "m"}', headers=headers)

    refused(answer, 415, 422)
    nothing_there(site)


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,2-3", "bytes=" + ",".join(f"{n}-" for n in range(1000)), "bytes=5-2",
     "bytes=99-", "items=0-1", "bytes=a-b", "bytes=-", "bytes=-0"],
)  # fmt: skip
def test_hostile_39_many_or_senseless_ranges_are_refused(site: Site, asked: str) -> None:
    made = site.admin.version("m", b"ten bytes!")
    path = f"{MODELS}/versions/{made['id']}/files/model.bin"

    answer = site.admin.get(path, headers={"Range": asked})

    refused(answer, 416)


def test_hostile_41_a_multipart_body_is_not_parsed(tmp_path: Path) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with site_on(tmp_path, max_body=1024 * 1024) as site:
        few = site.admin("POST", MODELS, content=part * 10 + b"--x--", headers=headers)
        many = site.admin("POST", MODELS, content=part * 100_000, headers=headers)

        refused(few, 415, 422)
        refused(many, 413)


def _away() -> Unavailable:
    return Unavailable("it is away; try again")


class Away:
    """A store whose database is away while `away` is set."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self.away = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        if name == "peek":  # a database over a network cannot be looked at without waiting
            raise AttributeError(name)
        asked = getattr(self._store, name)

        def ask(*given: Any) -> Any:  # noqa: ANN401 - likewise
            if self.away and name != "close":
                raise _away()
            return asked(*given)

        return ask


def test_hostile_46_without_its_database_the_server_says_try_again_and_changes_nothing(
    tmp_path: Path,
) -> None:
    store = Away()
    with site_on(tmp_path, store=_as_store(store)) as site:
        site.admin.version("m", b"weights")
        assert site.admin.get("/registry/resolve?ref=m").status_code == 200
        before = site.admin.get("/registry/audit").content

        store.away = True
        answers = [
            site.admin.get("/registry/resolve?ref=m"),
            site.admin.get(MODELS),
            site.admin.post(MODELS, {"name": "n"}, headers={"Idempotency-Key": "k"}),
            site.nobody.get(MODELS),
        ]
        for each in answers:
            assert refused(each, 503)["code"] == "unavailable"
            assert each.headers["retry-after"] == "1"
        assert site.nobody.get("/health/live").status_code == 200
        ready = site.nobody.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["store"] == "unavailable"

        store.away = False
        assert site.admin.get("/registry/audit").content == before
        again = site.admin.post(MODELS, {"name": "n"}, headers={"Idempotency-Key": "k"})
        assert again.status_code == 201


def _as_store(store: Away) -> Any:  # noqa: ANN401 - it is one by what it has
    return store


class NoBlobs:
    """Blobs that are away while `away` is set."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.away = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever blobs have
        if self.away and name != "close":
            raise _away()
        return getattr(self._blobs, name)


def test_hostile_47_without_its_blobs_the_server_says_try_again_and_goes_on_looking_up(
    tmp_path: Path,
) -> None:
    found: list[NoBlobs] = []

    def without(world: World) -> World:
        found.append(NoBlobs(world.blobs))
        blobs: Any = found[0]
        return replace(world, blobs=blobs)

    with site_on(tmp_path, change=without) as site:
        made = site.admin.version("m", b"weights")
        found[0].away = True

        for answer in (
            site.admin.get(f"{MODELS}/versions/{made['id']}/files/model.bin"),
            site.admin.post("/registry/uploads", {"size": 1, "sha256": "0" * 64}),
        ):
            assert refused(answer, 503)["code"] == "unavailable"
            assert answer.headers["retry-after"] == "1"
        assert site.admin.get("/registry/resolve?ref=m").status_code == 200
        assert site.nobody.get("/health/ready").json()["checks"]["blobs"] == "unavailable"
        found[0].away = False
        got = site.admin.get(f"{MODELS}/versions/{made['id']}/files/model.bin")
        assert got.content == b"weights"


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
    from urllib.parse import urlencode

    return urlencode(values)


@pytest.mark.parametrize(
    "text", ["(a+)+$", "(" * 500, "name = " + "a and name = " * 200, "a" * 4000]
)
def test_hostile_68_nobody_brings_a_regular_expression(site: Site, text: str) -> None:
    site.admin.made(MODELS, {"name": "a" * 100 + "x"})

    answer = site.admin.get(f"/registry/search?{_query(q=text)}")

    assert answer.status_code in {200, 422}
    assert answer.json().get("items", []) == []


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "a/../../b", "/etc/passwd", "..\\..\\x", "C:/x", "a\x00b", "a/./b", "a//b",
     "\u202egpj.exe", ""],
)  # fmt: skip
def test_hostile_1_a_path_that_leads_elsewhere_is_refused(site: Site, path: str) -> None:
    file = {"path": path, **site.admin.upload(b"weights")}

    refused(site.admin.post(f"{MODELS}/m/versions", {"files": [file]}), 400, 422)
    nothing_there(site)


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc%2fpasswd", "%252e%252e/x", "a%00", "/etc/passwd", "..%5cx"]
)
def test_hostile_2_a_download_finds_only_what_a_version_lists(site: Site, path: str) -> None:
    made = site.admin.version("m", b"weights")

    answer = site.admin.get(f"{MODELS}/versions/{made['id']}/files/{path}")

    refused(answer, 404)


def test_an_answer_is_never_a_page_that_a_browser_runs(site: Site) -> None:
    made = site.admin.version("m", b"<script>alert(1)</script>")
    for path in (f"{MODELS}/versions/{made['id']}/files/model.bin", MODELS, "/registry/nothing"):
        answer = site.admin.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "html" not in answer.headers["content-type"]
    file = site.admin.get(f"{MODELS}/versions/{made['id']}/files/model.bin")
    assert file.headers["content-disposition"].startswith("attachment")
