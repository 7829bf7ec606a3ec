"""The artifact proxy: bytes in and out, ranges, sealed files, and what does not come whole."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from server_site import Site
from starlette.types import Message
from tracking_requests import BYTES, Ground, fill, put

from modelry.blobs.uploads import LocalUploads

MiB = 1024 * 1024


@pytest.fixture(scope="module")
def ground(site: Site) -> Ground:
    return fill(site, "bytes")


def listed(site: Site, path: str) -> Any:  # noqa: ANN401 - a document
    answer = site.admin.get(f"{BYTES}/artifacts", params={"path": path})
    assert answer.status_code == 200
    return answer.json()


def test_what_is_put_is_what_is_got(site: Site, ground: Ground) -> None:
    data = bytes(range(256)) * 5000
    answer = put(site.admin, f"{ground.root}/dir/x.bin", data, **{"Content-Type": "text/plain"})
    assert (answer.status_code, answer.content) == (200, b"")
    got = site.admin.get(f"{BYTES}/artifacts/{ground.root}/dir/x.bin")
    assert got.content == data
    assert got.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert got.headers["content-disposition"].startswith('attachment; filename="x.bin"')
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["cache-control"] == "private, no-cache"
    assert listed(site, f"{ground.root}/dir") == {
        "files": [{"path": "x.bin", "is_dir": False, "file_size": len(data)}]
    }
    assert {"path": "dir", "is_dir": True} in listed(site, ground.root)["files"]


def test_an_empty_file_is_a_file(site: Site, ground: Ground) -> None:
    assert put(site.admin, f"{ground.root}/empty", b"").status_code == 200
    assert site.admin.get(f"{BYTES}/artifacts/{ground.root}/empty").content == b""


def test_row_39_one_range_is_answered_and_several_are_not(site: Site, ground: Ground) -> None:
    put(site.admin, f"{ground.root}/range", b"0123456789")
    path = f"{BYTES}/artifacts/{ground.root}/range"
    part = site.admin.get(path, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    assert site.admin.get(path, headers={"Range": "bytes=-3"}).content == b"789"
    tag = part.headers["etag"]
    assert site.admin.get(path, headers={"If-None-Match": tag}).status_code == 304
    stale = site.admin.get(path, headers={"Range": "bytes=2-4", "If-Range": '"other"'})
    assert (stale.status_code, len(stale.content)) == (200, 10)
    assert site.admin("HEAD", path).headers["content-length"] == "10"
    for wrong in ("bytes=0-1,3-4", "bytes=11-", "lines=1-2"):
        refused = site.admin.get(path, headers={"Range": wrong})
        assert (refused.status_code, refused.json()["error_code"]) == (
            416,
            "INVALID_PARAMETER_VALUE",
        )


def test_what_is_overwritten_or_deleted_is_gone(site: Site, ground: Ground) -> None:
    place = f"{ground.root}/twice"
    put(site.admin, place, b"first")
    put(site.admin, place, b"second")
    assert site.admin.get(f"{BYTES}/artifacts/{place}").content == b"second"
    assert site.admin.delete(f"{BYTES}/artifacts/{place}").json() == {}
    gone = site.admin.get(f"{BYTES}/artifacts/{place}")
    assert (gone.status_code, gone.json()) == (404, {
        "error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"No such artifact: '{place}'"})  # fmt: skip
    assert site.admin.delete(f"{BYTES}/artifacts/{place}").status_code == 200


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "a//b", "%2e%2e/x", "a%00b", "a\\b", "..%2f..%2fx", "C:/x"]
)
def test_row_1_a_path_that_leaves_its_run_is_refused(site: Site, ground: Ground, path: str) -> None:
    answer = put(site.admin, f"{ground.root}/{path}", b"x")
    assert answer.status_code in {400, 404}
    assert answer.json()["error_code"] in {
        "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND"}  # fmt: skip


@pytest.mark.parametrize("path", ["", "x", "0", "0/nothing/artifacts"])
def test_where_nothing_is_a_list_is_empty(site: Site, path: str) -> None:
    assert listed(site, path) == {}


def test_where_no_link_can_be_made_the_client_is_told_to_get(site: Site, ground: Ground) -> None:
    link = site.admin.get(f"{BYTES}/presigned/{ground.root}/a")
    assert (link.status_code, link.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


class _Body:
    """A body that comes in pieces, and then stops or goes away."""

    def __init__(self, pieces: Iterator[bytes], *, ends: bool) -> None:
        self._pieces, self._ends = pieces, ends

    async def __call__(self) -> Message:
        piece = next(self._pieces, None)
        if piece is None:
            end: Message = {"type": "http.request", "body": b"", "more_body": False}
            return end if self._ends else {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": True}


def _send(site: Site, place: str, body: _Body) -> list[Message]:
    path = f"{BYTES}/artifacts/{place}"
    scope = {
        "type": "http", "http_version": "1.1", "method": "PUT", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"host", b"localhost"),
                    (b"authorization", f"Bearer {site.admin.token}".encode())],
        "client": ("192.0.2.7", 1), "server": ("localhost", 80), "state": {},
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    sent: list[Message] = []

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    async def ask() -> None:
        await site.loop.app(scope, body, send)

    site.loop._runner.run(ask())
    return sent


def _uploads(site: Site) -> list[str]:
    uploads = site.world.blobs.uploads
    assert isinstance(uploads, LocalUploads)
    return sorted(path.name for path in uploads._folder.iterdir())


def test_row_36_what_does_not_come_whole_leaves_nothing(site: Site, ground: Ground) -> None:
    before = _uploads(site)
    pieces = iter([b"x" * MiB] * 3)
    sent = _send(site, f"{ground.root}/cut", _Body(pieces, ends=False))
    assert sent[0]["status"] == 400
    assert site.admin.get(f"{BYTES}/artifacts/{ground.root}/cut").status_code == 404
    assert _uploads(site) == before


def test_a_large_artefact_takes_little_memory(site: Site, ground: Ground) -> None:
    gc.collect()
    tracemalloc.start()
    try:
        piece = b"x" * 65_536
        sent = _send(site, f"{ground.root}/large", _Body(iter([piece] * 1024), ends=True))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent[0]["status"] == 200
    assert site.world.blobs.size(hashlib.sha256(piece * 1024).hexdigest()) == 64 * MiB
    assert peak < 12 * MiB
    assert not [name for name in _uploads(site) if "-" in name]
