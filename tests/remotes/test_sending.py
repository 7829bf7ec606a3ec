"""Bytes reach a server whatever happens on the way, and none is sent twice in vain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Fault, Handler, Heard, Script, scripted

from modelry.core.errors import Conflict, Invalid, Unavailable
from modelry.remotes.client import Client, open_client, sending, sessions

BIG = os.urandom(300_000)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with scripted(script) as address:
        yield address


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[Client]:
    with open_client(url, home=tmp_path / "home", patience=5) as opened:
        yield opened


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sending, "PIECE", 100_000)
    monkeypatch.setattr(sessions, "WORTH_IT", 1)
    path = tmp_path / "big.bin"
    path.write_bytes(BIG)
    return path


def answer(status: int, **headers: str) -> Fault:
    """Make a fault: the next piece is answered with `status`."""

    def fault(handler: Handler, heard: Heard) -> bool:
        if heard.method != "PATCH":
            return False
        handler.raw(status, b"", **headers)
        return True

    return fault


def sent(script: Script) -> int:
    return sum(len(heard.body) for heard in script.asked("PATCH", "/uploads/"))


def test_a_file_goes_in_pieces_and_each_digest_once(
    client: Client, script: Script, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(BIG)
    (folder / "empty").write_bytes(b"")
    assert client.register("m", folder).size == 600_000
    assert sent(script) == 300_000
    assert len(script.asked("PATCH", "/uploads/")) == 3
    assert script.files == {"a": BIG, "b": BIG, "empty": b""}
    before = len(script.heard)
    client.register("m", folder)
    assert len(script.heard) == before + 1
    assert source.exists()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_goes_away_by_itself_is_waited_for(
    client: Client, script: Script, source: Path, status: int
) -> None:
    script.faults += [answer(status), answer(status, Retry_After="0")]
    client.register("m", source)
    assert script.files == {"big.bin": BIG}


@pytest.mark.parametrize("after", [0, 1, 150, 99_999])
def test_a_cut_connection_goes_on_where_the_server_is(
    client: Client, script: Script, source: Path, after: int
) -> None:
    script.cut = after
    client.register("m", source)
    assert script.files == {"big.bin": BIG}
    assert sent(script) == 300_000 - after


def test_an_answer_that_is_lost_is_asked_for_again(
    client: Client, script: Script, source: Path
) -> None:
    def lose(handler: Handler, heard: Heard) -> bool:
        if heard.method != "PATCH" or heard.headers["upload-offset"] != "200000":
            return False
        handler.wfile = open(os.devnull, "wb")  # noqa: PTH123, SIM115 - swallows the answer
        handler._answer(heard)
        handler.drop()
        return True

    script.faults.append(lose)
    client.register("m", source)
    assert script.files == {"big.bin": BIG}
    assert sent(script) == 300_000


def test_a_killed_run_is_gone_on_with_by_the_next(
    url: str, script: Script, source: Path, tmp_path: Path
) -> None:
    def die(handler: Handler, heard: Heard) -> bool:
        if heard.headers.get("upload-offset") != "200000":
            return False
        handler.problem(403, "denied", "not now")
        return True

    script.faults.append(die)
    with (
        open_client(url, home=tmp_path / "home") as first,
        pytest.raises(Exception, match="not now"),
    ):
        first.register("m", source)
    with open_client(url, home=tmp_path / "home") as second:
        second.register("m", source)
    assert len(script.asked("POST", "/registry/uploads?")) == 0
    assert [len(each) for each in script.uploads.values()] == [300_000]
    assert sent(script) == 400_000  # the refused piece, and nothing else, was sent again
    assert not list((tmp_path / "home" / "uploads").iterdir())


def test_an_upload_that_the_server_forgot_is_begun_anew(
    client: Client, script: Script, source: Path
) -> None:
    def forget(handler: Handler, heard: Heard) -> bool:
        if heard.headers.get("upload-offset") != "100000":
            return False
        script.uploads.clear()
        script.uploads["f" * 32] = bytearray()
        handler.problem(404, "not_found", "there is no such upload")
        return True

    script.faults.append(forget)
    client.register("m", source)
    assert script.files == {"big.bin": BIG}


def test_bytes_that_arrive_damaged_are_sent_once_more_and_then_refused(
    client: Client, script: Script, source: Path
) -> None:
    def damage(handler: Handler, heard: Heard) -> bool:
        del handler
        if heard.method == "PATCH":
            heard.body = b"\0" * len(heard.body)
        return False

    script.faults.append(damage)
    with pytest.raises(Invalid, match="another sha256"):
        client.register("m", source)
    assert sent(script) == 600_000


def test_a_file_that_changes_while_it_is_sent_is_a_conflict(
    client: Client, script: Script, source: Path
) -> None:
    def change(handler: Handler, heard: Heard) -> bool:
        del handler
        if heard.method == "PATCH":
            source.write_bytes(b"other" * 60_000)
        return False

    script.faults.append(change)
    with pytest.raises(Conflict, match=r"'big\.bin' changed while it was read"):
        client.register("m", source)
    assert not script.files


def test_patience_ends(url: str, script: Script, source: Path, tmp_path: Path) -> None:
    script.faults += [answer(503)] * 100
    with (
        open_client(url, home=tmp_path / "home", patience=0.5) as client,
        pytest.raises(Unavailable, match="cannot answer now"),
    ):
        client.register("m", source)
