"""Large bodies go from the connection to where they are written, and nothing else changes."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import pytest
from raw_site import IDLE, ONE, TWO, Line, Site, site_on
from starlette.types import Message

from modelry.server.buffers import LARGE, PIECE, WIDE
from modelry.server.direct import DirectProtocol
from modelry.server.exchange import Exchange
from modelry.server.inflow import LEAST
from modelry.server.sending import SMALL, BlobResponse
from modelry.stores.memory import MemoryStore
from modelry.telemetry.finished import Finished
from modelry.telemetry.metrics import Metrics

SIZE = 5 * 1024 * 1024 + 17
"""Bytes of a body: two whole pieces and a part of one, which ends in the middle of a block."""

PATIENCE = 1.0
"""Seconds after which the server gives up a client that sends nothing."""


@pytest.fixture(params=["auto", "asyncio"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    loop: Literal["auto", "asyncio"] = request.param
    home = tmp_path / "home"
    with site_on(MemoryStore(), home, monkeypatch, loop, idle_seconds=PATIENCE) as site:
        yield site


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of bodies that came by way of the parser."""
    found: list[int] = []
    usual = DirectProtocol.on_body

    def noted(protocol: DirectProtocol, body: bytes) -> None:
        found.append(len(body))
        usual(protocol, body)

    monkeypatch.setattr(DirectProtocol, "on_body", noted)
    return found


class Upload:
    """An upload of bytes that are like no others."""

    def __init__(self, site: Site, size: int = SIZE) -> None:
        self.data = os.urandom(size)
        self._site = site
        told = {"size": size, "sha256": hashlib.sha256(self.data).hexdigest()}
        self.path = f"/registry/uploads/{site.call('POST', '/registry/uploads', told)['id']}"

    def head(self, line: Line, length: int, offset: int = 0, **more: str) -> bytes:
        return line.question(
            self.path, "PATCH", Content_Type="application/octet-stream",
            Content_Length=str(length), Upload_Offset=str(offset), **more,
        )  # fmt: skip

    def offset(self) -> int:
        return int(self._site.call("GET", self.path)["offset"])

    def settled(self, least: int) -> int:
        """Wait until so many bytes were kept, and answer how many are."""
        until = time.monotonic() + 20
        while (found := self.offset()) < least and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def sent(self) -> Upload:
        with self._site.line() as line:
            line.connection.sendall(self.head(line, len(self.data)) + self.data)
            assert line.hear().status == 204
        return self

    def registered(self) -> bytes:
        """Register what came, and answer it as it is downloaded."""
        with self._site.line() as line:
            return line.ask(self.there()).body

    def there(self) -> str:
        """Register what came, and answer where it is."""
        file = {"path": "f", "sha256": hashlib.sha256(self.data).hexdigest(),
                "size": len(self.data), "upload": self.path.rpartition("/")[2]}  # fmt: skip
        made = self._site.call("POST", "/registry/models/large/versions", {"files": [file]})
        return f"/registry/models/versions/{made['id']}/files/f"


def test_a_large_body_is_not_parsed_and_comes_as_it_was_sent(site: Site, parsed: list[int]) -> None:
    upload = Upload(site)
    parsed.clear()
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE) + upload.data)
        assert line.hear().status == 204
    assert sum(parsed) < SIZE / 4
    assert upload.registered() == upload.data


def test_a_small_body_and_one_of_unsaid_length_go_the_usual_way(
    site: Site, parsed: list[int]
) -> None:
    small, unsaid = Upload(site, LEAST), Upload(site)
    parsed.clear()
    with site.line() as line:
        line.connection.sendall(small.head(line, LEAST) + small.data)
        assert line.hear().status == 204
        assert sum(parsed) == LEAST
        head = line.question(unsaid.path, "PATCH", Content_Type="application/octet-stream",
                             Upload_Offset="0", Transfer_Encoding="chunked")  # fmt: skip
        line.connection.sendall(head + b"%x\r\n" % SIZE + unsaid.data + b"\r\n0\r\n\r\n")
        assert line.hear().status == 204
        assert sum(parsed) == LEAST + SIZE
    assert small.registered() == small.data
    assert unsaid.registered() == unsaid.data


def test_what_stands_behind_a_large_body_is_answered_after_it(site: Site) -> None:
    first, second = Upload(site), Upload(site)
    with site.line() as line:
        line.connection.sendall(
            line.question(TWO)
            + first.head(line, SIZE) + first.data + line.question(ONE)
            + second.head(line, SIZE) + second.data + line.question(TWO)
        )  # fmt: skip
        heard = [line.hear() for _ in range(5)]
        assert [each.status for each in heard] == [200, 204, 200, 204, 200]
        assert heard[0].body == heard[4].body != heard[2].body
        line.connection.sendall(line.question(ONE))
        assert line.hear().body == heard[2].body
    assert first.registered() == first.data
    assert second.registered() == second.data


def test_a_body_that_is_waited_for_is_asked_for_once(site: Site) -> None:
    upload = Upload(site)
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE, Expect="100-continue"))
        asked = line.connection.recv(100)
        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.connection.sendall(upload.data)
        assert line.hear().status == 204
    assert upload.registered() == upload.data


def test_what_came_before_a_client_went_away_is_kept(site: Site) -> None:
    upload, sent = Upload(site), SIZE - 1_000_001
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE) + upload.data[:sent])
    assert upload.settled(sent) == sent
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE - sent, sent) + upload.data[sent:])
        assert line.hear().status == 204
    assert upload.registered() == upload.data


def test_a_client_that_is_silent_is_given_up_and_what_it_sent_is_kept(site: Site) -> None:
    upload, sent = Upload(site), SIZE - 1_000_001
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE) + upload.data[:sent])
        heard = line.hear()
        assert (heard.status, b"nothing came for 1 seconds" in heard.body) == (408, True)
    assert upload.offset() == sent


def test_a_client_that_is_slow_is_not_given_up(site: Site) -> None:
    upload, at = Upload(site), SIZE - 5
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE) + upload.data[:at])
        while at < SIZE:
            time.sleep(PATIENCE * 0.6)
            line.connection.sendall(upload.data[at : at + 1])
            at += 1
        assert line.hear().status == 204
    assert upload.registered() == upload.data


@pytest.mark.parametrize("slow", [False, True])
def test_a_body_that_is_refused_unread_is_let_pass(site: Site, *, slow: bool) -> None:
    upload = Upload(site)
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE, 1))
        if slow:
            assert line.hear().status == 416
        line.connection.sendall(upload.data)
        if not slow:
            assert line.hear().status == 416
        heard = line.ask(ONE)
        assert heard.status == 200
    assert upload.offset() == 0


@pytest.mark.parametrize("seconds", [0, IDLE * 0.8])
def test_a_body_that_is_refused_halfway_is_let_pass(site: Site, seconds: float) -> None:
    upload, more = Upload(site), SIZE * 2
    with site.line() as line:
        line.connection.sendall(upload.head(line, SIZE + more) + upload.data)
        line.connection.sendall(os.urandom(more // 2))
        time.sleep(seconds)
        line.connection.sendall(os.urandom(more - more // 2 - 1))
        time.sleep(seconds)
        line.connection.sendall(b"x" + line.question(ONE))
        heard = line.hear()
        assert (heard.status, b"this is more" in heard.body) == (413, True)
        assert line.hear().status == 200
        line.connection.settimeout(IDLE * 4)
        assert line.connection.recv(1) == b"", "a connection without questions is closed"


def test_the_bytes_of_a_large_body_are_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Finished] = []
    monkeypatch.setattr(Metrics, "ended", lambda _, request: ended.append(request))
    Upload(site).sent()
    until = time.monotonic() + 20
    while ended[-1].method != "PATCH" and time.monotonic() < until:
        time.sleep(0.01)  # it is counted after it is answered
    assert ended[-1].received == SIZE


def test_a_client_that_vanishes_at_any_byte_leaves_the_server_well(site: Site) -> None:
    for sent in (1, LEAST, 2 * 1024 * 1024, 2 * 1024 * 1024 + 1, SIZE - 1):
        upload = Upload(site)
        with site.line() as line:
            line.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
            )  # and reset
            line.connection.sendall(upload.head(line, SIZE) + upload.data[:sent])
        with site.line() as line:
            assert line.ask(ONE).status == 200
        assert upload.offset() <= sent


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that were sent out of memory that is used again."""
    found: list[int] = []
    usual = Exchange._lend

    async def noted(exchange: Exchange, message: Message) -> None:
        found.append(len(message["body"]))
        await usual(exchange, message)

    monkeypatch.setattr(Exchange, "_lend", noted)
    return found


def slowly(line: Line, path: str, **headers: str) -> Iterator[bytes]:
    """Ask for a file and read it in parts, so that it piles up at the server."""
    line.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    line.connection.sendall(line.question(path, Connection="close", **headers))
    while part := line.connection.recv(300_000):
        yield part


def test_files_that_are_read_slowly_and_at_once_come_as_they_are(
    site: Site, lent: list[int]
) -> None:
    uploads = [Upload(site).sent() for _ in range(3)]
    with ExitStack() as stack:
        reads = [slowly(stack.enter_context(site.line()), each.there()) for each in uploads]
        came = [b"".join(parts) for parts in zip(*zip_longest(*reads, fillvalue=b""), strict=True)]
    for upload, answer in zip(uploads, came, strict=True):
        assert answer.partition(b"\r\n\r\n")[2] == upload.data
    assert sum(lent) == 3 * SIZE


def test_a_part_of_a_file_is_lent_too_and_a_small_one_is_not(site: Site, lent: list[int]) -> None:
    upload = Upload(site).sent()
    path = upload.there()
    with site.line() as line:
        for first, last in ((1, SIZE - 2), (4096, 4095 + SMALL)):
            heard = line.ask(path, Range=f"bytes={first}-{last}")
            assert (heard.status, heard.body) == (206, upload.data[first : last + 1])
        assert line.ask(ONE).status == 200
    assert sum(lent) == SIZE - 2


def test_a_client_that_goes_away_while_it_is_answered_spoils_no_other_answer(site: Site) -> None:
    uploads = [Upload(site).sent() for _ in range(2)]
    paths = [each.there() for each in uploads]
    for _ in range(3):
        with site.line() as gone:
            assert next(slowly(gone, paths[0])).startswith(b"HTTP/1.1 200")
        with site.line() as line:
            for upload, path in zip(uploads, paths, strict=True):
                assert line.ask(path).body == upload.data


def test_what_nobody_waits_for_any_more_is_not_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, closed = [0], threading.Event()
    piece, close = BlobResponse._piece, BlobResponse._close

    def counted(response: BlobResponse, start: int, end: int) -> bytes | memoryview:
        found = piece(response, start, end)
        read[0] += len(found)
        return found

    def noted(response: BlobResponse) -> None:
        close(response)
        closed.set()

    path = Upload(site, LARGE).sent().there()
    monkeypatch.setattr(BlobResponse, "_piece", counted)
    monkeypatch.setattr(BlobResponse, "_close", noted)
    with site.line() as line:
        assert next(slowly(line, path)).startswith(b"HTTP/1.1 200")
    assert closed.wait(20)
    assert 0 < read[0] < LARGE


def test_a_very_large_file_goes_in_wide_pieces(site: Site, lent: list[int]) -> None:
    upload = Upload(site, LARGE + 12_345).sent()
    with site.line() as line:
        answer = b"".join(slowly(line, upload.there()))
    assert answer.endswith(b"\r\n\r\n" + upload.data)
    assert lent == [WIDE] * (LARGE // WIDE) + [12_345]


@pytest.mark.parametrize("seed", range(6))
def test_a_conversation_is_the_same_however_it_is_cut(site: Site, seed: int) -> None:
    """Each upload is answered 204 only if its bytes have their digest."""
    chance = random.Random(seed)
    with site.line() as line:
        said, expected = b"", []
        for _ in range(12):
            kind = chance.choice(["look", "upload", "upload", "refused"])
            size = chance.choice([1, LEAST - 1, LEAST, LEAST + 1, PIECE, chance.randrange(SIZE)])
            if kind == "look":
                said += line.question(ONE)
                expected.append(200)
                continue
            upload = Upload(site, size)
            said += upload.head(line, size, 0 if kind == "upload" else 1) + upload.data
            expected.append(204 if kind == "upload" else 416)

        def say() -> None:
            at = 0
            while at < len(said):
                step = chance.choice([1, 100, 65_536, 300_000, 3_000_000])
                line.connection.sendall(said[at : at + step])
                at += step
                if chance.random() < 0.2:
                    time.sleep(chance.random() / 50)

        with ThreadPoolExecutor(1) as threads:
            saying = threads.submit(say)
            assert [line.hear().status for _ in expected] == expected
            saying.result()
