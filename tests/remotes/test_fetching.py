"""Bytes come from a server whatever happens on the way, each verified, none twice in vain."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted import Fault, Handler, Heard, Script, scripted

from modelry.core.errors import Corrupt, Unavailable
from modelry.remotes.client import Client, fetching, open_client

BIG = os.urandom(300_000)
TOKEN = "x" * 20


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(fetching, "SPAN", 100_000)
    return Script(files={"big.bin": BIG, "deep/small #%.txt": b"small", "empty": b""})


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with scripted(script) as address:
        yield address


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[Client]:
    with open_client(url, home=tmp_path / "home", token=TOKEN, patience=5) as opened:
        yield opened


def fetched(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def body(status: int, data: bytes) -> Fault:
    """Make a fault: the next file is answered with `status` and `data`."""

    def fault(handler: Handler, heard: Heard) -> bool:
        if "/files/big" not in heard.path:
            return False
        handler.raw(status, data)
        return True

    return fault


def cut(after: int) -> Fault:
    """Make a fault: the next range of the big file ends after so many bytes."""

    def fault(handler: Handler, heard: Heard) -> bool:
        if "bytes=100000-" not in heard.headers.get("range", ""):
            return False
        handler.send_response(206)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(BIG[100_000 : 100_000 + after])
        handler.drop()
        return True

    return fault


def test_a_version_is_fetched_in_ranges_and_the_second_use_asks_once(
    client: Client, script: Script
) -> None:
    folder = client.use("m")
    assert fetched(folder) == script.files
    ranges = {heard.headers["range"] for heard in script.asked("GET", "/files/big.bin")}
    assert ranges == {"bytes=0-99999", "bytes=100000-199999", "bytes=200000-299999"}
    before = len(script.heard)
    assert client.use("m") == folder
    assert [heard.path for heard in script.heard[before:]] == ["/registry/resolve?ref=m"]


def test_what_another_version_has_too_is_not_fetched_again(client: Client, script: Script) -> None:
    client.use("m")
    script.files["more"] = b"more"
    before = len(script.heard)
    client.use("m")
    assert len(script.heard[before:]) == 2


def test_a_connection_that_breaks_goes_on_where_it_broke(client: Client, script: Script) -> None:
    script.faults.append(cut(70_000))
    assert fetched(client.use("m")) == script.files
    assert script.asked("GET", "/files/big.bin")[-1].headers["range"].startswith("bytes=")
    ranges = [heard.headers["range"] for heard in script.asked("GET", "/files/big.bin")]
    assert "bytes=170000-199999" in ranges


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_goes_away_by_itself_is_waited_for(
    client: Client, script: Script, status: int
) -> None:
    script.faults += [body(status, b"<html>")]
    assert fetched(client.use("m")) == script.files


def test_a_run_that_was_killed_is_gone_on_with_by_the_next(
    url: str, script: Script, tmp_path: Path
) -> None:
    def refuse(handler: Handler, heard: Heard) -> bool:
        if "bytes=200000-" not in heard.headers.get("range", ""):
            return False
        (have,) = (tmp_path / "home" / "cache" / "parts").glob("*.have")
        while have.read_text().count("\n") < 3:  # until both other ranges are here
            threading.Event().wait(0.01)
        handler.problem(403, "denied", "not now")
        return True

    script.faults.append(refuse)
    with (
        open_client(url, home=tmp_path / "home") as first,
        pytest.raises(Exception, match="not now"),
    ):
        first.use("m")
    assert not list((tmp_path / "home" / "use").rglob("big.bin"))
    script.heard.clear()
    with open_client(url, home=tmp_path / "home") as second:
        assert fetched(second.use("m")) == script.files
    (again,) = script.asked("GET", "/files/big")
    assert again.headers["range"] == "bytes=200000-299999"


def test_wrong_bytes_are_fetched_once_more(client: Client, script: Script) -> None:
    script.faults.append(body(206, b"\0" * 100_000))
    assert fetched(client.use("m")) == script.files


def test_bytes_that_stay_wrong_are_refused_and_never_visible(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.faults += [body(206, b"\0" * 100_000)] * 20
    with pytest.raises(Corrupt, match=r"'big\.bin' of m:1 cannot be used"):
        client.use("m", to=tmp_path / "here")
    assert not (tmp_path / "here").exists()
    sha256 = hashlib.sha256(BIG).hexdigest()
    assert not list((tmp_path / "home" / "cache" / "sha256").rglob(sha256))


def test_a_cached_blob_that_was_damaged_is_fetched_again(
    client: Client, script: Script, tmp_path: Path
) -> None:
    client.use("m")
    (kept,) = (tmp_path / "home" / "cache" / "sha256").rglob(hashlib.sha256(BIG).hexdigest())
    kept.chmod(0o600)
    kept.write_bytes(b"\0" * len(BIG))
    assert fetched(client.use("m", to=tmp_path / "here")) == script.files


def test_a_server_without_ranges_is_read_from_the_start(client: Client, script: Script) -> None:
    script.faults += [body(200, BIG)] * 3
    assert fetched(client.use("m")) == script.files


def test_a_redirect_is_followed_without_the_token(client: Client, script: Script) -> None:
    store = Script(files={"blob": BIG})

    def redirect(handler: Handler, heard: Heard) -> bool:
        if "/files/big" in heard.path:
            assert "redirect=1" in heard.path
            handler.raw(307, b"", Location=f"{elsewhere}/files/blob")
            script.faults.append(redirect)
            return True
        return False

    with scripted(store) as elsewhere:
        script.faults.append(redirect)
        assert fetched(client.use("m")) == script.files
    assert len(store.heard) == 3
    assert all("authorization" not in heard.headers for heard in store.heard)
    assert all(TOKEN not in str(heard) for heard in store.heard)
    assert script.heard[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_where_a_redirect_leads_nowhere_the_server_sends_the_bytes(
    client: Client, script: Script
) -> None:
    def redirect(handler: Handler, heard: Heard) -> bool:
        if "redirect=1" in heard.path and "/files/" in heard.path:
            handler.raw(307, b"", Location="http://127.0.0.1:9/blob")
            script.faults.append(redirect)
            return True
        return False

    script.faults.append(redirect)
    assert fetched(client.use("m")) == script.files


def test_many_who_want_the_same_version_fetch_it_once(
    url: str, script: Script, tmp_path: Path
) -> None:
    found: list[Path] = []

    def use() -> None:
        with open_client(url, home=tmp_path / "home") as client:
            found.append(client.use("m"))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4
    assert len(script.asked("GET", "/files/big.bin")) == 3


def test_patience_ends(url: str, script: Script, tmp_path: Path) -> None:
    script.faults += [body(503, b"")] * 200
    with (
        open_client(url, home=tmp_path / "home", patience=0.5) as client,
        pytest.raises(Unavailable, match="cannot answer now"),
    ):
        client.use("m")
