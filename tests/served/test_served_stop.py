"""A server that is told to stop ends what it began, and stops well."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served_site import http_of, is_ready, on_sqlite

pytestmark = pytest.mark.proof
UPLOADS = 4
SECONDS = 60


class Upload(threading.Thread):
    """Sends half of some bytes, and the other half when it may."""

    def __init__(self, http: httpx.Client, seed: int) -> None:
        super().__init__(daemon=True)
        self.data = random.Random(seed).randbytes(3_000_000)
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.half, self.may = threading.Event(), threading.Event()
        self.answer: httpx.Response | None = None
        self._http = http
        body = {"size": len(self.data), "sha256": self.sha256}
        self.path = f"/registry/uploads/{http.post('/registry/uploads', json=body).json()['id']}"

    def _body(self) -> Iterator[bytes]:
        middle = len(self.data) // 2
        yield self.data[:middle]
        self.half.set()
        assert self.may.wait(SECONDS)
        yield self.data[middle:]

    def run(self) -> None:
        headers = {"Content-Type": "application/octet-stream", "Upload-Offset": "0"}
        self.answer = self._http.patch(self.path, content=self._body(), headers=headers)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_is_told_to_stop_lets_uploads_end_and_ends_with_0(
    tmp_path: Path, workers: int
) -> None:
    place = on_sqlite(tmp_path)
    with place.serve(workers=workers) as server, http_of(server.url, server.token) as http:
        uploads = [Upload(http, seed) for seed in range(UPLOADS)]
        for each in uploads:
            each.start()
        for each in uploads:
            assert each.half.wait(SECONDS)
        server.process.terminate()
        while is_ready(server.url, seconds=1):
            time.sleep(0.05)
        for each in uploads:
            each.may.set()
        for each in uploads:
            each.join(SECONDS)
            assert each.answer is not None, "an upload got no answer"
            assert each.answer.status_code == 204, each.answer.text
        assert server.process.wait(SECONDS) == 0
    with place.serve() as server, http_of(server.url, "") as http:
        http.headers["Authorization"] = f"Bearer {_token(uploads)}"
        for each in uploads:
            file = {"path": "model.bin", "sha256": each.sha256, "size": len(each.data),
                    "upload": each.path.rpartition("/")[2]}  # fmt: skip
            made = http.post("/registry/models/m/versions", json={"files": [file]})
            assert made.status_code == 201, made.text


def _token(uploads: list[Upload]) -> str:
    return str(uploads[0]._http.headers["Authorization"]).removeprefix("Bearer ")
