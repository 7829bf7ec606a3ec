"""What arrives on the wire of a real server: smuggling, slow clients, kills."""

from __future__ import annotations

import hashlib
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running import running, said, wire

from modelry.testing.server import Served

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running(tmp_path_factory.mktemp("wire"), MODELRY_THREADS="4") as made:
        yield made


def client(server: Served, token: str | None = None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token or server.token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False)


SMUGGLED = b"GET /registry/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
TWO_WAYS = {
    "a length and chunks": b"POST /registry/models HTTP/1.1\r\n" + HOST + JSON
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": b"POST /registry/models HTTP/1.1\r\n" + HOST + JSON
    + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + SMUGGLED,
    "a folded header": b"POST /registry/models HTTP/1.1\r\n" + HOST + JSON
    + b"X-A: b\r\n Content-Length: 5\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "bare line feeds": b"POST /registry/models HTTP/1.1\n" + HOST + JSON
    + b"Content-Length: 2\n\n{}" + SMUGGLED,
    "a space before the colon": b"POST /registry/models HTTP/1.1\r\n" + HOST + JSON
    + b"Content-Length : 2\r\n\r\n{}" + SMUGGLED,
    "a length with a sign": b"POST /registry/models HTTP/1.1\r\n" + HOST + JSON
    + b"Content-Length: +2\r\n\r\n{}" + SMUGGLED,
    "chunks of a strange kind": b"POST /registry/models HTTP/1.1\r\n" + HOST + JSON
    + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk with a false size": b"POST /registry/models HTTP/1.1\r\n" + HOST + JSON
    + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_WAYS)
def test_hostile_40_what_two_servers_could_read_in_two_ways_is_refused_and_the_line_closed(
    server: Served, name: str
) -> None:
    heard = said(server, TWO_WAYS[name])

    assert heard.startswith(b"HTTP/1.1 400 "), heard[:200]
    assert heard.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in heard.lower()


class Upload:
    """An upload whose client says some bytes and then nothing."""

    def __init__(self, server: Served, caller: httpx.Client, data: bytes) -> None:
        self._data = data
        sha256 = hashlib.sha256(data).hexdigest()
        begun = caller.post("/registry/uploads", json={"size": len(data), "sha256": sha256})
        self.id: str = begun.json()["id"]
        self._token = server.token
        self._wire = wire(server)

    def begin(self, count: int) -> None:
        self._wire.sendall(
            f"PATCH /registry/uploads/{self.id} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self._token}\r\nUpload-Offset: 0\r\n"
            "Content-Type: application/octet-stream\r\n"
            f"Content-Length: {len(self._data)}\r\n\r\n".encode()
            + self._data[:count]
        )
        self._sent = count

    def break_off(self) -> None:
        self._wire.close()

    def end(self) -> bytes:
        self._wire.sendall(self._data[self._sent :])
        heard = b""
        while b"\r\n\r\n" not in heard and (part := self._wire.recv(65_536)):
            heard += part
        self._wire.close()
        return heard


def test_sixty_stalled_uploads_hold_no_thread_and_end_well(server: Served) -> None:
    chance = random.Random(60)
    with client(server) as caller:
        uploads = [Upload(server, caller, chance.randbytes(3_000_000)) for _ in range(60)]
        for each in uploads:
            each.begin(1_500_000)

        answers = [caller.get("/registry/projects").status_code for _ in range(200)]

        assert answers == [200] * 200
        assert caller.get("/health/ready").status_code == 200
        for each in uploads:
            assert each.end().startswith(b"HTTP/1.1 204 ")
            told = caller.head(f"/registry/uploads/{each.id}")
            assert told.headers["upload-offset"] == "3000000"


def _rest(caller: httpx.Client, path: str, data: bytes) -> httpx.Response:
    offset = int(caller.head(path).headers["upload-offset"])
    headers = {"Content-Type": "application/octet-stream", "Upload-Offset": str(offset)}
    return caller.patch(path, content=data[offset:], headers=headers)


def test_an_upload_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(5_000_000)
    with running(tmp_path) as first:
        token = first.token
        with client(first) as caller:
            upload = Upload(first, caller, data)
            upload.begin(3_500_000)
            path = f"/registry/uploads/{upload.id}"
            while int(caller.head(path).headers["upload-offset"]) < 1_000_000:
                pass
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        upload.break_off()
    with running(tmp_path) as second, client(second, token) as caller:
        offset = int(caller.head(path).headers["upload-offset"])
        assert 1_000_000 <= offset <= 3_500_000
        assert _rest(caller, path, data).status_code == 204
        sha256 = hashlib.sha256(data).hexdigest()
        file = {"path": "m.bin", "sha256": sha256, "size": len(data), "upload": upload.id}
        made = caller.post("/registry/models/m/versions", json={"files": [file]})
        assert made.status_code == 201, made.text
        place = f"/registry/models/versions/{made.json()['id']}/files/m.bin"
        assert caller.get(place).content == data
        part = caller.get(place, headers={"Range": "bytes=1048570-2097160"})
        assert part.status_code == 206
        assert part.content == data[1_048_570:2_097_161]
        assert part.headers["content-range"] == "bytes 1048570-2097160/5000000"
        tail = caller.get(place, headers={"Range": "bytes=-7"})
        assert tail.content == data[-7:]
        head = caller.head(place)
        assert head.headers["content-length"] == "5000000"
        assert head.content == b""


def test_a_client_that_goes_away_in_the_middle_leaves_what_it_sent(server: Served) -> None:
    data = random.Random(2).randbytes(4_000_000)
    with client(server) as caller:
        upload = Upload(server, caller, data)
        upload.begin(2_500_000)
        upload.break_off()
        path = f"/registry/uploads/{upload.id}"
        while int(caller.head(path).headers["upload-offset"]) < 2_500_000:
            pass

        answer = _rest(caller, path, data)

        assert answer.status_code == 204
        assert answer.headers["upload-offset"] == "4000000"


def test_hostile_61_a_revoked_token_is_refused_at_once_by_every_process(tmp_path: Path) -> None:
    with running(tmp_path, MODELRY_WORKERS="2") as server, client(server) as admin:
        admin.post("/registry/models", json={"name": "m"})
        admin.post("/registry/models/m/versions", json={})
        for turn in range(5):
            made = admin.post("/registry/tokens", json={"name": f"t{turn}"}).json()
            places = ("/registry/resolve?ref=m", "/registry/me")
            for path in places * 10:  # each on a line of its own, so that both processes know it
                with client(server, made["secret"]) as holder:
                    assert holder.get(path).status_code == 200
            assert admin.delete(f"/registry/tokens/{made['id']}").status_code == 204
            for path in places * 10:
                with client(server, made["secret"]) as holder:
                    assert holder.get(path).status_code == 401
