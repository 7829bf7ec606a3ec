"""How the client speaks with a server: once, patiently, and never giving a token away."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from modelry.core import errors
from modelry.core.errors import Invalid, RegistryError, Unavailable
from modelry.remotes.client import Client, PlainHttp, open_client
from modelry.remotes.client.address import address_of
from modelry.remotes.client.credentials import keep_token
from modelry.remotes.client.problems import KINDS
from modelry.remotes.client.wire import Ask

GONE = "gone"
URL = "http://127.0.0.1:8000"
SECRET = "modelry_abcdefghijkl_" + "s" * 43
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def talk(tmp_path: Path) -> Callable[..., Client]:
    """Open a client whose server is a function."""

    def opened(answer: Answer, patience: float = 5, url: str = URL, token: str = SECRET) -> Client:
        transport = httpx.MockTransport(answer)
        home = tmp_path / "home"
        return open_client(url, home=home, token=token, patience=patience, transport=transport)

    return opened


Talk = Callable[..., Client]


def problem(status: int, code: str, detail: str, **facts: object) -> httpx.Response:
    document = {"status": status, "code": code, "detail": detail, "facts": facts}
    content = json.dumps(document).encode()
    media = {"content-type": "application/problem+json", "x-request-id": "r1"}
    return httpx.Response(status, content=content, headers=media)


def test_every_refusal_has_its_code() -> None:
    every = {each for each in vars(errors).values() if isinstance(each, type)}
    assert set(KINDS.values()) == {
        each for each in every if issubclass(each, RegistryError) and each is not RegistryError
    }
    assert {kind.code: kind for kind in KINDS.values()} == KINDS


@pytest.mark.parametrize("kind", list(KINDS.values()))
def test_a_problem_is_raised_as_the_refusal_that_it_was(
    talk: Talk, kind: type[RegistryError]
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return problem(400, kind.code, "what was wrong", ref="m:1", message="x", self="y")

    with pytest.raises(kind) as caught:
        talk(answer).resolve("m")
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.facts) == ("what was wrong", {"ref": "m:1"})


def test_a_change_carries_one_key_for_all_its_tries(talk: Talk) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            raise httpx.ReadError(GONE, request=request)
        if len(keys) == 2:
            return httpx.Response(503, headers={"retry-after": "0"})
        return httpx.Response(204)

    client = talk(answer)
    client.describe("m", "x")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    client.describe("m", "x")
    assert len(set(keys)) == 2


def test_what_the_server_refuses_is_not_tried_again(talk: Talk) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return problem(507, "unavailable", "the disk is full", reason="storage_full")

    with pytest.raises(Unavailable, match="the disk is full") as caught:
        talk(answer).describe("m", "x")
    assert len(asked) == 1
    assert caught.value.__notes__ == [f"request r1 at {URL}"]


def test_a_server_that_does_not_answer_is_named_with_what_to_do(talk: Talk) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(GONE, request=request)

    with pytest.raises(Unavailable, match=f"the server {URL} cannot be reached .*MODELRY_URI"):
        talk(answer, patience=0.5).resolve("m")


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (200, {"content-type": "text/html"}, r"is no modelry server \(status 200, text/html\)"),
        (404, {"content-type": "text/html; x"}, r"is no modelry server \(status 404, text/html\)"),
        (302, {"location": "https://sso.example"}, r"sends elsewhere \(status 302\)"),
        (500, {}, r"cannot answer now \(status 500\)"),
    ],
)
def test_something_else_at_the_address_is_told(
    talk: Talk, status: int, headers: dict[str, str], said: str
) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, content=b"<html>")

    with pytest.raises(Unavailable, match=said):
        talk(answer).resolve("m")


@pytest.mark.parametrize(
    "uri",
    ["https://ada:secret@host", "https://token@host", "https://host?token=secret", "http://",
     "https://host#secret", "https://host:port", "ftp://host/secret", "https:///x"],
)  # fmt: skip
def test_an_address_with_a_secret_in_it_is_refused_without_repeating_it(
    uri: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid) as caught:
        open_client(uri, home=tmp_path)
    assert "secret" not in caught.value.message
    assert "secret" not in str(caught.value.facts)


@pytest.mark.parametrize(
    ("uri", "origin", "prefix"),
    [
        ("HTTP://Host:80/", "http://host", ""),
        ("https://host:443/models/", "https://host", "/models"),
        ("http://[::1]:9", "http://[::1]:9", ""),
    ],
)
def test_an_address_has_one_spelling(uri: str, origin: str, prefix: str) -> None:
    address = address_of(uri)
    assert (address.origin, address.prefix) == (origin, prefix)


def test_a_token_is_in_no_message_and_no_repr(talk: Talk) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        raise httpx.ConnectError(GONE, request=request)

    client = talk(answer, patience=0.2)
    with pytest.raises(Unavailable) as caught:
        client.resolve("m")
    assert SECRET not in repr(caught.value) + str(caught.value.facts) + repr(client)
    assert SECRET not in repr(client._wire) + repr(client._wire.http)


def test_a_token_over_plain_http_to_another_machine_is_warned_of_once(talk: Talk) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": []})

    with pytest.warns(PlainHttp, match="travels to http://far.example unencrypted"):
        talk(answer, url="http://far.example")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        talk(answer, url="http://far.example").projects()
        for near in (
            "http://localhost:1",
            "http://127.9.9.9",
            "http://[::1]",
            "https://far.example",
        ):
            talk(answer, url=near)
        talk(answer, url="http://other.example", token="")


def test_a_kept_token_goes_to_its_own_server_alone(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"items": []})

    keep_token("https://one.example", SECRET, tmp_path)
    for uri in ("https://one.example/prefix", "https://two.example", "https://one.example:8443"):
        transport = httpx.MockTransport(answer)
        with open_client(uri, home=tmp_path, transport=transport) as client:
            client.projects()
    assert seen == [f"Bearer {SECRET}", None, None]


def test_an_export_that_breaks_off_is_not_taken_for_whole(talk: Talk, tmp_path: Path) -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"\0" * 100
            raise httpx.RemoteProtocolError(GONE)

    def broken(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Broken())

    def short(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"\0" * 10_240)

    for answer in (broken, short):
        with (
            (tmp_path / "out.tar").open("wb") as stream,
            pytest.raises(Unavailable, match="broke off and is not whole"),
        ):
            talk(answer).export(stream)


def test_another_protocol_s_refusals_are_answered_and_nothing_else(talk: Talk) -> None:
    ask = Ask("GET", "/api/2.0/mlflow/registered-models/search", {"filter": None})
    said = {"error_code": "INVALID_PARAMETER_VALUE", "message": "no such key"}
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503 if len(asked) == 1 else 400, json=said)

    assert talk(answer).spoken(ask) == said
    assert [each.headers["authorization"] for each in asked] == [f"Bearer {SECRET}"] * 2
    with pytest.raises(Invalid, match="another host"):
        talk(lambda _: problem(400, "invalid", "another host")).spoken(ask)
    for strange in (b"[]", b"<html>"):
        page = httpx.Response(200, headers={"content-type": "application/json"}, content=strange)
        with pytest.raises(Unavailable, match="is no modelry server"):
            talk(lambda _, page=page: page).spoken(ask)
