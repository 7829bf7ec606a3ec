"""Signing in: with a browser, and as a pipeline."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from modelry.core.errors import Invalid, Unauthenticated, Unavailable, Unsupported
from modelry.remotes.client.address import address_of
from modelry.remotes.client.signing import Desk, challenge_of, checked_token, identity_token

TOKEN = {
    "id": "abcdefghijkl", "account": "ada", "name": "login", "project": None, "role": None,
    "created_at": "2026-11-21T09:00:00.000000Z", "expires_at": "2026-11-21T10:00:00.000000Z",
    "last_used_at": None, "secret": "modelry_x",
}  # fmt: skip
GITHUB = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://github.example/token?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bearer",
}


def desk(answer: Callable[[httpx.Request], httpx.Response]) -> Desk:
    transport = httpx.MockTransport(answer)
    return Desk(address_of("https://models.example"), patience=0.2, transport=transport)


class Server:
    """Signs in whoever comes with a browser, and checks the proof."""

    def __init__(self, tamper: Mapping[str, str] | None = None) -> None:
        self.tamper = tamper or {}
        self.challenge = ""
        self.pages: list[httpx.Response] = []

    def browse(self, url: str) -> None:
        """Be the browser: go back to the listener with a code."""
        given = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.challenge = given["challenge"]
        back = {"state": given["state"], "code": "c0de", **self.tamper}
        query = {name: value for name, value in back.items() if value}

        def visit() -> None:
            self.pages.append(httpx.get(given["redirect"], params=query, trust_env=False))

        threading.Thread(target=visit).start()

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert "authorization" not in request.headers
        assert request.url.path == "/auth/token"
        assert challenge_of(body["verifier"]) == self.challenge
        assert body["code"] == "c0de"
        return httpx.Response(200, json=TOKEN)


def test_a_person_signs_in_with_a_browser() -> None:
    server = Server()
    made = desk(server.answer).in_browser(server.browse, 20)
    assert (made.token.account, made.secret) == ("ada", "modelry_x")


def test_the_challenge_is_that_of_the_standard() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_code_for_somebody_else_is_not_taken() -> None:
    server = Server({"state": "forged"})
    with pytest.raises(Unauthenticated, match="nobody signed in"):
        desk(server.answer).in_browser(server.browse, 0.5)
    assert [page.status_code for page in server.pages] == [404]


def test_a_refusal_of_the_provider_is_told() -> None:
    server = Server({"code": "", "error": "access_denied"})
    with pytest.raises(Unauthenticated, match="signing in was refused: access_denied"):
        desk(server.answer).in_browser(server.browse, 20)


def test_github_gives_a_job_its_identity_for_this_server_alone() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "github.example":
            return httpx.Response(200, json={"value": "jwt"})
        assert json.loads(request.content) == {"token": "jwt", "project": "risk"}
        return httpx.Response(200, json=TOKEN)

    made = desk(answer).as_pipeline("risk", GITHUB)
    assert made.secret == TOKEN["secret"]
    assert asked[0].url.params["audience"] == "https://models.example"
    assert asked[0].url.params["api-version"] == "2.0"
    assert asked[0].headers["authorization"] == "Bearer bearer"
    assert "authorization" not in asked[1].headers


def test_another_pipeline_brings_its_identity() -> None:
    assert identity_token("https://x", {"MODELRY_ID_TOKEN": "jwt"}) == "jwt"
    with pytest.raises(Unsupported, match="permission id-token: write"):
        identity_token("https://x", {})


def test_a_job_without_the_permission_is_told() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(403))
    with pytest.raises(Unavailable, match="has it the permission"):
        identity_token("https://x", GITHUB, transport)


@pytest.mark.parametrize("text", ["", " \n", "two words", "ünïcode"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="that is no token"):
        checked_token(text)
    assert checked_token(" modelry_x\n") == "modelry_x"
