"""Hostile transfers, and a database or blobs that are away; by the rows of the threat list."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from refusals import MODELS, nothing_there, refused
from server_site import Site, site_on

from modelry.core.errors import Unavailable
from modelry.core.ports import Blobs
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore


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
