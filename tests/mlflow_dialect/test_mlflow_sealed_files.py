"""The files of a sealed version: small ones are answered from memory, and never untrue."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pytest
from server_site import Answer, Site

from modelry.blobs.local import LocalBlobs
from modelry.server.dialects.mlflow.sealed import SMALL

NUMBERS = itertools.count()


class Sealed:
    """A version of one file, and what a client asks of it."""

    def __init__(self, site: Site, data: bytes) -> None:
        self.site, self.data = site, data
        self.name = f"sealed-{next(NUMBERS)}"
        self.sha256 = hashlib.sha256(data).hexdigest()
        site.admin.version(self.name, data)

    @property
    def address(self) -> str:
        return f"/api/2.0/mlflow/sealed/{self.name}/1/mlflow-artifacts/artifacts"

    @property
    def blob(self) -> Path:
        blobs = self.site.world.blobs
        assert isinstance(blobs, LocalBlobs)
        return blobs._layout.blob(self.sha256)

    def get(self, **headers: str) -> Answer:
        return self.site.admin.get(f"{self.address}/model.bin", headers=headers)

    def list(self) -> Answer:
        return self.site.admin.get(self.address, params={"path": ""})


@pytest.fixture
def sealed(site: Site) -> Sealed:
    return Sealed(site, b"weights %d" % next(NUMBERS))


def test_a_small_file_is_answered_from_memory(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, listed = sealed.get(), sealed.list()
    monkeypatch.setattr(LocalBlobs, "open", lambda *_: pytest.fail("the blob was opened again"))
    monkeypatch.setattr(
        type(sealed.site.world.store), "read", lambda *_: pytest.fail("the store was read again")
    )
    for again, before in ((sealed.get(), first), (sealed.list(), listed)):
        assert (again.status_code, again.content) == (200, before.content)
        assert without_id(again) == without_id(before)
    assert first.content == sealed.data
    assert listed.json() == {
        "files": [{"path": "model.bin", "is_dir": False, "file_size": len(sealed.data)}]
    }


def without_id(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1])
def test_small_and_large_files_are_told_of_in_the_same_way(site: Site, size: int) -> None:
    sealed = Sealed(site, b"x" * size)
    for _ in range(2):
        answer = sealed.get()
        assert (answer.status_code, answer.content) == (200, sealed.data)
        head = site.admin("HEAD", f"{sealed.address}/model.bin")
        assert without_id(head) == without_id(answer)
        assert answer.headers["etag"] == f'"{sealed.sha256}"'
        assert answer.headers["content-length"] == str(size)


@pytest.mark.parametrize("warm", [False, True])
def test_ranges_and_known_tags_are_answered_whether_it_is_remembered_or_not(
    sealed: Sealed, *, warm: bool
) -> None:
    if warm:
        sealed.get()
    part = sealed.get(Range="bytes=1-3")
    assert (part.status_code, part.content) == (206, sealed.data[1:4])
    known = sealed.get(**{"If-None-Match": f'"{sealed.sha256}"'})
    assert (known.status_code, known.content) == (304, b"")
    stale = sealed.get(**{"Range": "bytes=1-3", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, sealed.data)


def test_small_bytes_that_changed_on_the_disk_are_not_given_out(sealed: Sealed) -> None:
    sealed.blob.chmod(0o644)
    for damage in (b"x" * len(sealed.data), sealed.data + b"x", b""):
        sealed.blob.write_bytes(damage)
        answer = sealed.get()
        assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
        assert sealed.sha256 in answer.json()["message"]
    sealed.blob.write_bytes(sealed.data)
    assert sealed.get().content == sealed.data


def test_what_is_remembered_of_one_caller_is_not_told_to_others(sealed: Sealed) -> None:
    assert sealed.get().status_code == sealed.list().status_code == 200
    for path in (sealed.address, f"{sealed.address}/model.bin"):
        assert sealed.site.nobody.get(path).status_code == 401


def test_a_version_that_was_deleted_is_not_remembered(sealed: Sealed) -> None:
    assert sealed.get().status_code == sealed.list().status_code == 200
    made = sealed.site.admin.get(f"/registry/models/{sealed.name}/versions/1").json()
    assert sealed.site.admin.delete(f"/registry/models/versions/{made['id']}").is_success
    assert sealed.get().status_code == sealed.list().status_code == 404
