"""The routes of signing in: they read a request, ask, and answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from modelry.core.denials import Denials
from modelry.core.documents import token_document
from modelry.core.errors import Invalid, Unsupported
from modelry.core.strict_json import load_object
from modelry.core.verbs.tokens import NewToken
from modelry.core.verbs.world import World
from modelry.server.signin import people, pipelines
from modelry.server.signin.granting import hashed
from modelry.server.signin.jwks import Issuers
from modelry.server.signin.options import SignIn
from modelry.server.signin.pace import LOGINS, too_many
from modelry.server.signin.people import Begun
from modelry.server.signin.provider import LOGIN_SECONDS

WorldFactory = Callable[[Request], World]
Runner = Callable[[Callable[[], Response]], Awaitable[Response]]

_MOST_BYTES = 64 * 1024
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def signin_routes(
    settings: SignIn, world_factory: WorldFactory, run: Runner = run_in_threadpool
) -> list[Route]:
    """Answer the routes under `/auth`.

    `world_factory` gives a world with the trace of a request; `run` runs what
    waits for the store or the network in a thread.
    """
    near = settings.insecure_loopback
    people_of = Issuers([settings.issuer] if settings.issuer else [], insecure_loopback=near)
    pipelines_of = Issuers(settings.trusted_issuers, insecure_loopback=near)
    doors = _Doors(settings, world_factory, run, people_of, pipelines_of)
    return [
        Route("/auth/config", doors.config, methods=["GET"]),
        Route("/auth/login", doors.login, methods=["GET"]),
        Route("/auth/callback", doors.callback, methods=["GET"]),
        Route("/auth/token", doors.token, methods=["POST"]),
        Route("/auth/exchange", doors.exchange, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class _Doors:
    settings: SignIn
    world_factory: WorldFactory
    run: Runner
    people_of: Issuers
    pipelines_of: Issuers
    pace: Denials = field(default_factory=lambda: Denials(each=LOGINS))

    async def config(self, request: Request) -> Response:
        """Say how people sign in here."""
        del request
        issuer = self.settings.issuer
        return JSONResponse({"oidc": True, "issuer": issuer} if issuer else {"oidc": False})

    async def login(self, request: Request) -> Response:
        """Send a browser to the identity provider."""
        redirect, state, challenge = _asked(request, "redirect", "state", "challenge")
        world = self.world_factory(request)

        def work() -> Response:
            if self.pace.admit(str(world.trace.get("address", "")), world.clock.now()) is None:
                raise too_many()
            begun = people.begin(world, self.settings, self.people_of, redirect, state, challenge)
            return self._sent(begun)

        return await self.run(work)

    def _sent(self, begun: Begun) -> Response:
        """Answer the redirect, with a cookie that binds the login to this browser."""
        response = RedirectResponse(begun.location, 302, _PRIVATE)
        response.set_cookie(
            self._cookie(begun.state), begun.browser, LOGIN_SECONDS,
            path="/", secure=self._secure, httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    async def callback(self, request: Request) -> Response:
        """Send a browser that comes back from the provider on to the program that asked."""
        asked = _once_each(request)
        world = self.world_factory(request)
        cookie = self._cookie(asked.get("state", ""))
        browser = request.cookies.get(cookie, "")

        def work() -> Response:
            place = people.finish(world, self.settings, self.people_of, asked, browser)
            response = RedirectResponse(place, 302, _PRIVATE)
            response.delete_cookie(cookie, path="/", secure=self._secure, httponly=True)
            return response

        return await self.run(work)

    async def token(self, request: Request) -> Response:
        """Give a token for the code of a login."""
        code, verifier = await _fields(request, "code", "verifier")
        world = self.world_factory(request)
        return await self.run(lambda: _shown(people.redeem(world, self.settings, code, verifier)))

    async def exchange(self, request: Request) -> Response:
        """Give a token for the identity token of a pipeline."""
        jwt, project = await _fields(request, "token", "project")
        audience = self.settings.public_url
        if audience is None:
            msg = (
                "this server knows no public address of its own, for which a pipeline's token "
                "would be made; its operator sets MODELRY_PUBLIC_URL"
            )
            raise Unsupported(msg)
        world = self.world_factory(request)
        return await self.run(
            lambda: _shown(pipelines.exchange(world, jwt, project, audience, self.pipelines_of))
        )

    @property
    def _secure(self) -> bool:
        return (self.settings.public_url or "").startswith("https://")

    def _cookie(self, state: str) -> str:
        name = f"modelry-login-{hashed(state)[:16]}"
        return f"__Host-{name}" if self._secure else name


def _shown(made: NewToken) -> Response:
    document = {**token_document(made.token), "secret": made.secret}
    return JSONResponse(document, headers=_PRIVATE)


def _once_each(request: Request) -> dict[str, str]:
    """Answer the query, in which nothing may stand twice."""
    pairs = request.query_params.multi_items()
    asked = dict(pairs)
    if len(asked) != len(pairs):
        msg = "a field of the query stands in it twice; send each once"
        raise Invalid(msg)
    return asked


def _asked(request: Request, *names: str) -> tuple[str, ...]:
    asked = _once_each(request)
    if asked.keys() != set(names):
        msg = f"the query takes exactly {', '.join(names)}"
        raise Invalid(msg)
    return tuple(asked[name] for name in names)


async def _fields(request: Request, *names: str) -> tuple[str, ...]:
    """Answer the fields of a JSON body, which are text and all there is."""
    given = load_object(await _body(request), "the body", max_bytes=_MOST_BYTES)
    if given.keys() != set(names):
        msg = f"the body takes exactly the fields {', '.join(names)}"
        raise Invalid(msg)
    values = tuple(given[name] for name in names)
    if not all(isinstance(value, str) and value for value in values):
        msg = f"the fields {', '.join(names)} must be text"
        raise Invalid(msg)
    return tuple(str(value) for value in values)


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        msg = "send JSON, with Content-Type: application/json"
        raise Invalid(msg, reason="media_type")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            msg = f"the body may have {_MOST_BYTES} bytes at most"
            raise Invalid(msg, reason="too_large")
    return bytes(body)
