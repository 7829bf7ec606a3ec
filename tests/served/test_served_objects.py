"""A server whose object store fails: clear refusals, nothing wrong ever seen, and well again."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from fault_proxy import FaultProxy, started_proxy
from served_site import client_of, http_of, hurry, on_sqlite

from modelry.remotes.client.client import Client
from modelry.testing.s3 import fresh_bucket, started_s3

pytestmark = pytest.mark.proof
FAULTS = ("500", "stall", "truncated", "reset")
HASTY = "connect_timeout=2&timeout=2&retry_timeout=3&retries=1"
REQUESTS = 6
"""Up to which request of an operation to the object store one fails."""


@dataclass(frozen=True)
class Scene:
    """A server on an object store that can be made to fail, and its callers."""

    proxy: FaultProxy
    http: httpx.Client
    client: Client
    folder: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("objects")
    with started_s3() as endpoint, started_proxy(endpoint) as proxy:
        blobs = fresh_bucket(endpoint, HASTY).replace(endpoint, proxy.endpoint)
        place = replace(on_sqlite(folder), blobs=blobs)
        with (
            place.serve() as server,
            http_of(server.url, server.token) as http,
            client_of(server.url, server.token, folder / "client") as client,
        ):
            client.create_model("m")
            yield Scene(proxy, http, client, folder)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def says_that_it_cannot_now(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1


def some_bytes(name: str) -> tuple[bytes, str]:
    data = random.Random(name).randbytes(300_000)
    return data, hashlib.sha256(data).hexdigest()


def append(http: httpx.Client, upload: str, offset: int, data: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream", "Upload-Offset": str(offset)}
    return http.patch(f"/registry/uploads/{upload}", content=data[offset:], headers=headers)


@pytest.mark.parametrize("fault", FAULTS)
def test_row_46_a_server_whose_object_store_fails_says_so_and_goes_on_when_it_is_back(
    scene: Scene, fault: str
) -> None:
    http, proxy = scene.http, scene.proxy
    data, sha256 = some_bytes(f"lasting {fault}")
    body = {"size": len(data), "sha256": sha256}
    upload = http.post("/registry/uploads", json=body).json()["id"]
    versions, key = "/registry/models/m/versions", {"Idempotency-Key": f"lasting-{fault}"}
    before = http.get(versions).json()["total"]

    with proxy.failing(fault, lasting=True) as plan:
        says_that_it_cannot_now(append(http, upload, 0, data))
        if fault in {"500", "reset"}:  # the question has no body to truncate, and a stall is long
            assert http.get("/health/ready").status_code == 503
    assert plan.met

    offset = http.get(f"/registry/uploads/{upload}").json()["offset"]
    assert append(http, upload, offset, data).status_code == 204
    wanted = {"files": [{"path": "model.bin", "sha256": sha256, "size": len(data),
                         "upload": upload}]}  # fmt: skip
    with proxy.failing(fault, lasting=True) as plan:
        says_that_it_cannot_now(http.post(versions, json=wanted, headers=key))
    assert plan.met
    assert http.get(versions).json()["total"] == before

    made = http.post(versions, json=wanted, headers=key)
    assert made.status_code == 201, made.text
    assert http.get(versions).json()["total"] == before + 1
    file = f"/registry/models/versions/{made.json()['id']}/files/model.bin"
    with proxy.failing(fault, lasting=True) as plan:
        no_wrong_byte_comes(http, file)
    assert plan.met
    assert http.get(file).content == data
    assert scene.client.verify().problems == ()


def no_wrong_byte_comes(http: httpx.Client, file: str) -> None:
    """A download is refused, or breaks off so that the caller sees it."""
    try:
        answer = http.get(file)
    except httpx.RemoteProtocolError:
        return
    says_that_it_cannot_now(answer)


@pytest.mark.parametrize("fault", [*FAULTS, "lost"])
def test_row_46_the_client_of_a_server_whose_object_store_fails_once_ends_with_a_true_version(
    scene: Scene, fault: str
) -> None:
    path = scene.folder / "model.bin"
    for at in range(1, REQUESTS + 1, 2 if fault == "stall" else 1):
        data, _ = some_bytes(f"once {fault} {at}")
        path.write_bytes(data)
        with scene.proxy.failing(fault, at):
            version = scene.client.register("m", path, version=f"{fault}-{at}")
        with scene.proxy.failing(fault, at):
            found = scene.client.use(version.ref)
        assert found.read_bytes() == data
    assert scene.client.verify("m").problems == ()
    assert scene.client.audit("m").problems == ()
