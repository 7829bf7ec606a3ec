"""Hostile documents, pages, fields and paths; by the rows of the threat list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from refusals import JSON, MODELS, nothing_there, raw, refused
from server_site import Answer, Site, site_on


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


def test_a_parameter_that_stands_twice_is_refused_where_it_means_one_thing(site: Site) -> None:
    site.admin.version("m")
    site.admin.version("m")

    refused(site.admin.get("/registry/models?project=default&project=other"), 422)
    refused(site.admin.get("/registry/resolve?ref=m:1&ref=m:2"), 422)
    assert site.admin.get("/registry/compare?ref=m:1&ref=m:2").status_code == 200
