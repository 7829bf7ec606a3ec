"""A server with nothing but the routes of signing in, and a browser and a program beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modelry.core.access import Actor
from modelry.core.accounts import PUBLISHER, authenticate, publisher_body, publisher_of
from modelry.core.administration import Administration
from modelry.core.errors import RegistryError
from modelry.core.events import EVERYTHING, Event, EventKind
from modelry.core.strict_json import Json
from modelry.core.verbs.world import World
from modelry.server.signin import SignIn, signin_routes
from modelry.testing.fakes import TickingClock
from modelry.testing.identity import IdentityProvider

PUBLIC = "http://127.0.0.1:8000"
REDIRECT = "http://127.0.0.1:49152/done"
VERIFIER = "v" * 43
STATE = "state-of-the-program"


def settings_for(provider: IdentityProvider, **given: object) -> SignIn:
    said: dict[str, Any] = {
        "public_url": PUBLIC,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "trusted_issuers": (provider.issuer,),
        "insecure_loopback": True,
        **given,
    }
    return SignIn(**said)


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def clock_of(world: World) -> TickingClock:
    return cast("TickingClock", world.clock)


def seconds_of(world: World) -> float:
    return clock_of(world)._now / 1_000_000


def later(world: World, seconds: float) -> None:
    clock = clock_of(world)
    clock.set(clock._now + int(seconds * 1_000_000))


async def _problem(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RegistryError)
    facts = {name: str(value) for name, value in error.facts.items()}
    return JSONResponse({"code": error.code, "detail": error.message, "facts": facts}, 400)


class Site:
    """One process of a server; two of them on one store are two processes."""

    def __init__(self, world: World, settings: SignIn) -> None:
        self.world, self.settings = world, settings
        self.jar: dict[str, str] = {}
        routes = signin_routes(settings, self._world_of)
        self._app = Starlette(routes=routes, exception_handlers={RegistryError: _problem})

    def _world_of(self, request: Request) -> World:
        address = request.client.host if request.client else ""
        return replace(self.world, trace={"address": address, "request": "r-1"})

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as client:
                return await client.request(
                    method, path, json=json, content=content, headers=headers
                )

        return anyio.run(send)

    def browse(self, path: str, **query: str) -> httpx.Response:
        """Ask as a browser, which keeps cookies."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        path = f"{path}?{urlencode(query)}" if query else path
        answer = self.ask("GET", path, headers={"Cookie": cookies} if cookies else {})
        self.jar.update(answer.cookies.items())
        return answer

    def begin(self, **given: str) -> httpx.Response:
        asked = {"redirect": REDIRECT, "state": STATE, "challenge": challenge_of(VERIFIER)}
        return self.browse("/auth/login", **{**asked, **given})

    def consent(self, answer: httpx.Response) -> str:
        """Go where a login leads, to the provider, and answer the path that it sends back to."""
        assert answer.status_code == 302, answer.text
        returned = httpx.get(answer.headers["Location"], trust_env=False)
        assert returned.status_code == 302, returned.text
        place = returned.headers["Location"]
        assert place.startswith(PUBLIC)
        return str(place).removeprefix(PUBLIC)

    def log_in(self) -> dict[str, str]:
        """Log in as whoever the provider says, and answer what the program is told."""
        return told_by(self.browse(self.consent(self.begin())))

    def redeem(self, code: str, verifier: str = VERIFIER) -> httpx.Response:
        return self.ask("POST", "/auth/token", json={"code": code, "verifier": verifier})

    def exchange(self, token: str, project: str = "default") -> httpx.Response:
        return self.ask("POST", "/auth/exchange", json={"token": token, "project": project})

    def who(self, document: Mapping[str, Any]) -> Actor:
        """Answer who holds the token of an answer."""
        with self.world.store.read() as view:
            return authenticate(view, document["secret"], clock_of(self.world)._now)

    def token(self) -> dict[str, Any]:
        answer = self.redeem(self.log_in()["code"])
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def events(self, *kinds: EventKind) -> list[Event]:
        with self.world.store.read() as view:
            found = view.log(replace(EVERYTHING, kinds=frozenset(kinds)), None, 1000)
        return list(reversed(found))

    def trust(
        self,
        issuer: str,
        claims: Mapping[str, str],
        project: str = "default",
        role: str = "publisher",
        account: str = "robot",
    ) -> None:
        """Trust a publisher, also one of a plain issuer on this machine."""
        admin = Administration(self.world)
        admin.create_account(account, service=True)
        admin.set_member(project, account, "admin")
        body: dict[str, Json] = {
            "issuer": issuer, "claims": dict(claims), "account": account, "role": role, "created": 1,
        }  # fmt: skip
        with self.world.store.read() as view:
            key = f"{project}/{len(view.all_kept(PUBLISHER)):012d}"
        made = publisher_of(project, key.partition("/")[2], body)
        self.world.store.change(lambda unit: unit.keep(PUBLISHER, key, publisher_body(made)))


def told_by(answer: httpx.Response) -> dict[str, str]:
    """Answer what a redirect to the program says."""
    assert answer.status_code == 302, answer.text
    place = answer.headers["Location"]
    assert place.startswith(f"{REDIRECT}?")
    return dict(parse_qsl(urlsplit(place).query))
