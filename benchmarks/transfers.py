"""Bytes over loopback: up and down, one at a time and 16 at once, against sha256 and the disk."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from measure import Row

MIB = 1024 * 1024
SIZE = 1024 * MIB
SMALL = 64 * MIB


def transfers(folder: Path, url: str, token: str) -> Iterator[Row]:
    """Measure a gibibyte up and down, then 16 files up at once."""
    file = folder / "big.bin"
    with file.open("wb") as out:
        for _ in range(SIZE // MIB):
            out.write(os.urandom(MIB))
    sha256, hashed = _hash(file)
    written = write_out(file, folder / "copy.bin")
    slower = max(hashed, written)
    up, upload = _up(url, token, file, sha256, SIZE)
    down = _down(url, token, upload, sha256)
    named = "sha256" if hashed > written else "write and fsync"
    note = f"{SIZE / MIB / slower:,.0f} MiB/s {named}; "
    yield Row("upload 1 GiB / slower of sha256 and disk", up / slower, 1 / 0.6,
              note=note + f"{SIZE / MIB / up:,.0f} MiB/s up")  # fmt: skip
    yield Row("download 1 GiB / slower of sha256 and disk", down / slower, 1 / 0.6,
              note=note + f"{SIZE / MIB / down:,.0f} MiB/s down")  # fmt: skip
    _at_once(folder, url, token)


def _at_once(folder: Path, url: str, token: str) -> None:
    """Keep 16 uploads under way."""

    def one(at: int) -> None:
        file = folder / f"part-{at}.bin"
        file.write_bytes(os.urandom(SMALL))
        sha256, _ = _hash(file)
        _up(url, token, file, sha256, SMALL)
        file.unlink()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(32)))


def _hash(file: Path) -> tuple[str, float]:
    begin = time.perf_counter()
    state = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(MIB):
            state.update(piece)
    return state.hexdigest(), time.perf_counter() - begin


def write_out(source: Path, target: Path) -> float:
    """Copy a file durably and answer the seconds: what the disk can do, in one plain loop."""
    begin = time.perf_counter()
    with source.open("rb") as stream, target.open("wb") as out:
        while piece := stream.read(MIB):
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    took = time.perf_counter() - begin
    target.unlink()
    return took


def _ask(url: str, token: str, method: str, path: str, document: object) -> dict[str, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    connection.request(method, path, json.dumps(document), {
        "Authorization": f"Bearer {token}", "Content-Type": "application/json"})  # fmt: skip
    answer = connection.getresponse()
    body: dict[str, str] = json.loads(answer.read())
    assert answer.status < 300, body
    return body


def _up(url: str, token: str, file: Path, sha256: str, size: int) -> tuple[float, str]:
    upload = _ask(url, token, "POST", "/registry/uploads", {"size": size, "sha256": sha256})["id"]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600, blocksize=MIB)
    begin = time.perf_counter()
    with file.open("rb") as stream:
        connection.request("PATCH", f"/registry/uploads/{upload}", stream, {
            "Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream",
            "Content-Length": str(size), "Upload-Offset": "0"})  # fmt: skip
        answer = connection.getresponse()
        answer.read()
    assert answer.status == 204, answer.status
    return time.perf_counter() - begin, upload


def _down(url: str, token: str, upload: str, sha256: str) -> float:
    document = {"files": [{"path": "big.bin", "sha256": sha256, "size": SIZE, "upload": upload}]}
    version = _ask(url, token, "POST", "/registry/models/big/versions", document)["id"]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    begin = time.perf_counter()
    connection.request("GET", f"/registry/models/versions/{version}/files/big.bin",
                       headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    answer = connection.getresponse()
    buffer, done = memoryview(bytearray(MIB)), 0
    while count := answer.readinto(buffer):
        done += count
    assert done == SIZE
    return time.perf_counter() - begin
