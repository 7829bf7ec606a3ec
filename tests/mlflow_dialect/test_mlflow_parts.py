"""Artefacts that come in parts: begun and ended by one who may, and whole or not there at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from server_site import Answer, Site
from tracking_requests import BYTES, Ground, fill

from modelry.blobs.uploads import LocalUploads

MPU = f"{BYTES}/mpu"
DATA = bytes(range(256)) * 12


@pytest.fixture(scope="module")
def ground(site: Site) -> Ground:
    return fill(site, "parts")


def begun(site: Site, path: str, count: int = 3) -> Any:  # noqa: ANN401 - a document
    folder, _, name = path.rpartition("/")
    document = {"path": f"/home/ada/{name}", "num_parts": count}
    return site.admin.made(f"{MPU}/create/{folder}", document, 200)


def sent(site: Site, begun: Mapping[str, Any], number: int, data: bytes) -> Answer:
    """Send a part as the client does: without a token."""
    each = begun["credentials"][number - 1]
    path = str(each["url"]).removeprefix(site.nobody.base)
    return site.nobody("PUT", path, content=data, headers=each["headers"])


def ended(site: Site, path: str, begun: Mapping[str, Any], tags: Mapping[int, str]) -> Answer:
    parts = [{"part_number": at, "etag": tag, "url": None} for at, tag in tags.items()]
    folder, _, name = path.rpartition("/")
    document = {"path": f"C:\\ada\\{name}", "upload_id": begun["upload_id"], "parts": parts}
    return site.admin.post(f"{MPU}/complete/{folder}", document)


def got(site: Site, path: str) -> Answer:
    return site.admin.get(f"{BYTES}/artifacts/{path}")


def uploads(site: Site) -> list[str]:
    store = site.world.blobs.uploads
    assert isinstance(store, LocalUploads)
    return sorted(path.name for path in store._folder.glob("*"))


def test_parts_in_any_order_become_one_file(site: Site, ground: Ground) -> None:
    path, before = f"{ground.root}/deep/whole.bin", uploads(site)
    start = begun(site, path)
    pieces = {1: DATA[:1000], 2: DATA[1000:2000], 3: DATA[2000:]}
    tags = {at: sent(site, start, at, pieces[at]).headers["etag"] for at in (3, 1, 2)}
    assert got(site, path).status_code == 404
    assert ended(site, path, start, tags).json() == {}
    answer = got(site, path)
    assert answer.content == DATA
    assert answer.headers["etag"] == f'"{hashlib.sha256(DATA).hexdigest()}"'
    assert uploads(site) == before


def test_a_part_that_is_sent_again_takes_the_place_of_the_first(site: Site, ground: Ground) -> None:
    path = f"{ground.root}/again"
    start = begun(site, path, 1)
    old = sent(site, start, 1, b"half").headers["etag"]
    new = sent(site, start, 1, b"whole").headers["etag"]
    refused = ended(site, path, start, {1: old})
    assert (refused.status_code, got(site, path).status_code) == (409, 404)
    assert ended(site, path, start, {1: new}).status_code == 200
    assert got(site, path).content == b"whole"
    assert ended(site, path, start, {1: new}).status_code == 404


@pytest.mark.parametrize("tags", [{}, {1: "a"}, {1: "a", 3: "b"}, {1: "a", 2: "b", 3: "c"}])
def test_an_end_without_all_parts_is_refused(
    site: Site, ground: Ground, tags: Mapping[int, str]
) -> None:
    path = f"{ground.root}/some"
    answer = ended(site, path, begun(site, path, 2), tags)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "2 parts" in answer.json()["message"]


def test_an_end_before_its_parts_came_is_refused(site: Site, ground: Ground) -> None:
    path = f"{ground.root}/early"
    start = begun(site, path, 2)
    tag = sent(site, start, 1, b"x").headers["etag"]
    assert ended(site, path, start, {1: tag, 2: tag}).status_code == 404
    assert got(site, path).status_code == 404
    rest = sent(site, start, 2, b"y").headers["etag"]
    assert ended(site, path, start, {1: tag, 2: rest}).status_code == 200
    assert got(site, path).content == b"xy"


def test_what_is_given_up_is_gone(site: Site, ground: Ground) -> None:
    path, before = f"{ground.root}/given-up", uploads(site)
    start = begun(site, path, 2)
    sent(site, start, 2, b"x")
    assert uploads(site) != before
    document = {"path": "given-up", "upload_id": start["upload_id"]}
    assert site.admin.post(f"{MPU}/abort/{ground.root}", document).json() == {}
    assert uploads(site) == before


@pytest.mark.parametrize("count", [0, -1, 10_001, 2**62])
def test_too_many_parts_or_none_are_refused(site: Site, ground: Ground, count: int) -> None:
    asked = {"path": "many", "num_parts": count}
    answer = site.admin.post(f"{MPU}/create/{ground.root}", asked)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "1 to 10000 parts" in answer.json()["message"]


@pytest.mark.parametrize("number", ["0", "3", "-1", "x", "1e0", "9" * 500, "\N{SUPERSCRIPT TWO}"])
def test_a_part_that_is_none_of_them_is_absent(site: Site, ground: Ground, number: str) -> None:
    start = begun(site, f"{ground.root}/two", 2)
    headers = start["credentials"][0]["headers"]
    answer = site.nobody("PUT", f"{MPU}/part/{number}", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_slip_is_good_for_its_own_parts_alone(site: Site, ground: Ground) -> None:
    start = begun(site, f"{ground.root}/mine", 1)
    slip = start["upload_id"]
    for header in ("", slip[:-2], f"{slip}A", slip[::-1], "x" * 5000):
        answer = site.nobody(
            "PUT", f"{MPU}/part/1", content=b"x", headers={"X-Modelry-Parts": header}
        )
        assert answer.status_code == 401
    elsewhere = {"path": "yours", "upload_id": slip, "parts": [{"part_number": 1, "etag": "x"}]}
    assert site.admin.post(f"{MPU}/complete/{ground.root}", elsewhere).status_code == 404
    whole = site.admin.made(
        "/registry/uploads", {"sha256": hashlib.sha256(b"x").hexdigest(), "size": 1}
    )
    other = {"X-Modelry-Parts": whole["id"]}
    assert site.nobody("PUT", f"{MPU}/part/1", content=b"x", headers=other).status_code == 401


def test_a_slip_of_another_account_ends_nothing(site: Site, ground: Ground) -> None:
    path = f"{ground.root}/theirs"
    start = begun(site, path, 1)
    tag = sent(site, start, 1, b"x").headers["etag"]
    friend = site.account("a-friend", **{ground.project: "publisher"})
    document = {"path": "theirs", "upload_id": start["upload_id"],
                "parts": [{"part_number": 1, "etag": tag}]}  # fmt: skip
    assert friend.post(f"{MPU}/complete/{ground.root}", document).status_code == 404
    assert friend.post(f"{MPU}/abort/{ground.root}", document).status_code == 404
    assert ended(site, path, start, {1: tag}).status_code == 200
