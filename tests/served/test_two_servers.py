"""Two servers on one database and one bucket are one registry."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from served_site import Place, client_of, http_of

from modelry.testing.postgresql import fresh_database
from modelry.testing.s3 import fresh_bucket, started_s3

pytestmark = pytest.mark.proof
DATA = random.Random(1).randbytes(2_500_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
BYTES = "application/octet-stream"


@dataclass(frozen=True)
class Pair:
    """Callers of the one and of the other server."""

    one: httpx.Client
    other: httpx.Client
    token: str
    folder: Path

    def holder(self, server: httpx.Client, token: str) -> httpx.Client:
        return httpx.Client(base_url=server.base_url, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgresql: str) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with started_s3() as endpoint:
        uri, blobs = fresh_database(postgresql), fresh_bucket(endpoint)
        with (
            Place(folder / "one", uri, blobs).serve() as one,
            Place(folder / "other", uri, blobs).serve() as other,
            http_of(one.url, one.token) as first,
            http_of(other.url, one.token) as second,
        ):
            assert not other.token, "the second start made another admin"
            yield Pair(first, second, one.token, folder)


def test_a_version_registered_at_one_server_is_used_from_the_other(pair: Pair) -> None:
    path = pair.folder / "model.bin"
    path.write_bytes(DATA)
    here, there = str(pair.one.base_url), str(pair.other.base_url)
    with (
        client_of(here, pair.token, pair.folder / "a") as one,
        client_of(there, pair.token, pair.folder / "b") as other,
    ):
        for number in range(1, 6):
            version = one.register("shared", path, version=f"v{number}", params={"n": number})
            assert other.resolve("shared@latest").number == version.number
            other.promote(version.ref, "production")
            assert one.resolve("shared@production").number == version.number
        assert other.use("shared@production").read_bytes() == DATA
        one.rollback("shared")
        assert other.resolve("shared@production").number == 4
        assert other.audit().problems == one.audit().problems == ()


def test_a_token_revoked_at_one_server_is_refused_by_the_other_at_once(pair: Pair) -> None:
    pair.one.put("/registry/models?model=watched", json={}).raise_for_status()
    body = {"files": [], "version": "v1"}
    pair.one.post("/registry/models/watched/versions", json=body).raise_for_status()
    for turn in range(5):
        made = pair.one.post("/registry/tokens", json={"name": f"t{turn}"}).json()
        with pair.holder(pair.other, made["secret"]) as holder:
            for path in ("/registry/resolve?ref=watched", "/registry/me"):
                assert {holder.get(path).status_code for _ in range(3)} == {200}
            assert pair.one.delete(f"/registry/tokens/{made['id']}").status_code == 204
            for path in ("/registry/resolve?ref=watched", "/registry/me"):
                assert holder.get(path).status_code == 401


def test_a_role_taken_away_at_one_server_is_gone_at_the_other_at_once(pair: Pair) -> None:
    pair.one.post("/registry/accounts", json={"name": "eve"}).raise_for_status()
    member = "/registry/projects/default/members/eve"
    pair.one.put(member, json={"role": "publisher"}).raise_for_status()
    made = pair.one.post("/registry/tokens", json={"name": "eve's", "account": "eve"}).json()
    with pair.holder(pair.other, made["secret"]) as eve:
        assert eve.put("/registry/models?model=of-eve", json={}).is_success
        assert pair.one.delete(member).status_code == 204
        assert eve.put("/registry/models?model=of-eve-too", json={}).status_code in {403, 404}
        assert eve.get("/registry/models/of-eve").status_code == 404


def test_an_upload_begun_at_one_server_is_continued_at_the_other(pair: Pair) -> None:
    body = {"size": len(DATA), "sha256": SHA256}
    upload = pair.one.post("/registry/uploads", json=body).json()["id"]
    path = f"/registry/uploads/{upload}"
    cuts = [0, 700_000, 1_900_000, len(DATA)]
    for turn, (start, end) in enumerate(pairwise(cuts)):
        server = (pair.one, pair.other)[turn % 2]
        assert server.head(path).headers["upload-offset"] == str(start)
        headers = {"Content-Type": BYTES, "Upload-Offset": str(start)}
        sent = server.patch(path, content=DATA[start:end], headers=headers)
        assert sent.status_code == 204, sent.text
        assert sent.headers["upload-offset"] == str(end)
    assert pair.other.get(path).json()["complete"]
    file = {"path": "model.bin", "sha256": SHA256, "size": len(DATA), "upload": upload}
    made = pair.other.post("/registry/models/continued/versions", json={"files": [file]})
    assert made.status_code == 201, made.text
    place = f"/registry/models/versions/{made.json()['id']}/files/model.bin"
    assert pair.one.get(place).content == DATA


def test_one_key_at_both_servers_at_once_has_one_effect(pair: Pair) -> None:
    with ThreadPoolExecutor(8) as pool:
        for turn in range(10):

            def register(server: httpx.Client, turn: int = turn) -> httpx.Response:
                headers = {"Idempotency-Key": f"register-{turn}"}
                path = "/registry/models/raced/versions"
                return server.post(path, json={"params": {"turn": turn}}, headers=headers)

            answers = list(pool.map(register, [pair.one, pair.other] * 4))
            assert {each.status_code for each in answers} == {201}
            assert len({each.json()["id"] for each in answers}) == 1
    assert pair.one.get("/registry/models/raced/versions").json()["total"] == 10


def test_the_same_piece_of_an_upload_sent_to_both_servers_at_once_counts_once(pair: Pair) -> None:
    data = DATA[:900_000]
    body = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            upload = pair.one.post("/registry/uploads", json=body).json()["id"]

            def send(server: httpx.Client, upload: str = upload) -> int:
                headers = {"Content-Type": BYTES, "Upload-Offset": "0"}
                path = f"/registry/uploads/{upload}"
                return server.patch(path, content=data, headers=headers).status_code

            statuses = sorted(pool.map(send, [pair.one, pair.other]))
            assert statuses[0] == 204
            assert statuses[1] in {204, 409, 416}
            found = pair.one.get(f"/registry/uploads/{upload}").json()
            assert (found["offset"], found["complete"]) == (len(data), True)
