"""A server in this process, and callers that speak to it through HTTP alone."""

# ruff: noqa: ANN401 - documents are whatever JSON holds

from __future__ import annotations

import asyncio
import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message

from modelry.core.ports import Store
from modelry.core.verbs.world import World
from modelry.server.app import desk_of, make_app, native_app
from modelry.server.first import first_admin
from modelry.settings import ServerSettings
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import world_on

Answer = httpx.Response
BASE = "http://localhost"


class Loop:
    """The event loop of an app, and the life of that app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        async def begin() -> None:
            scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
            life = self.app(scope, self._inbox.get, self._told.put)
            self._task = asyncio.ensure_future(life)
            await self._inbox.put({"type": "lifespan.startup"})
            assert (await self._told.get())["type"] == "lifespan.startup.complete"

        self._runner.run(begin())

    def stop(self) -> None:
        async def end() -> None:
            await self._inbox.put({"type": "lifespan.shutdown"})
            assert (await self._told.get())["type"] == "lifespan.shutdown.complete"
            assert self._task is not None
            await self._task

        self._runner.run(end())
        self._runner.close()

    def ask(self, request: httpx.Request, address: str) -> Answer:
        async def send() -> Answer:
            transport = httpx.ASGITransport(self.app, client=(address, 4711))
            async with httpx.AsyncClient(transport=transport) as client:
                return await client.send(request)

        return self._runner.run(send())

    def together(self, requests: list[httpx.Request]) -> list[Answer]:
        """Send several requests at the same time."""

        async def send() -> list[Answer]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport) as client:
                return list(await asyncio.gather(*map(client.send, requests)))

        return self._runner.run(send())

    def overtaken(
        self,
        first: httpx.Request,
        second: httpx.Request,
        after: Future[None],
        then: Callable[[], None],
    ) -> list[Answer]:
        """Send one request, another `after` something was done, and do `then` when that is answered."""

        async def send() -> list[Answer]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport) as client:
                slow = asyncio.ensure_future(client.send(first))
                await asyncio.wrap_future(after)
                fast = await client.send(second)
                then()
                return [await slow, fast]

        return self._runner.run(send())


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or with none."""

    loop: Loop
    token: str | None = None
    address: str = "192.0.2.7"
    base: str = BASE

    def request(self, method: str, path: str, **more: Any) -> httpx.Request:
        headers = httpx.Headers(more.pop("headers", None))
        if self.token is not None and "authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        return httpx.Request(method, f"{self.base}{path}", headers=headers, **more)

    def __call__(self, method: str, path: str, **more: Any) -> Answer:
        return self.loop.ask(self.request(method, path, **more), self.address)

    def get(self, path: str, **more: Any) -> Answer:
        return self("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        if "content" in more:
            return self("POST", path, **more)
        return self("POST", path, json={} if json is None else json, **more)

    def patch(self, path: str, json: Any, **more: Any) -> Answer:
        return self("PATCH", path, json=json, **more)

    def put(self, path: str, json: Any, **more: Any) -> Answer:
        return self("PUT", path, json=json, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self("DELETE", path, **more)

    def made(self, path: str, json: Any = None, status: int = 201, **more: Any) -> Any:
        """Post, which has to work, and answer the document."""
        answer = self.post(path, json, **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    def from_address(self, address: str) -> Caller:
        return replace(self, address=address)

    def upload(self, data: bytes) -> dict[str, Any]:
        """Upload bytes and answer what a version says of a file with them, but its path."""
        sha256 = hashlib.sha256(data).hexdigest()
        begun = self.made("/registry/uploads", {"size": len(data), "sha256": sha256})
        if data:
            sent = self.append(begun["id"], 0, data)
            assert sent.status_code == 204, sent.text
        return {"sha256": sha256, "size": len(data), "upload": begun["id"]}

    def append(self, upload: str, offset: int, data: bytes) -> Answer:
        headers = {"Content-Type": "application/octet-stream", "Upload-Offset": str(offset)}
        return self("PATCH", f"/registry/uploads/{upload}", content=data, headers=headers)

    def version(self, model: str, data: bytes | None = None, **more: Any) -> Any:
        """Register a version, with a file where `data` is given."""
        files = [] if data is None else [{"path": "model.bin", **self.upload(data)}]
        return self.made(f"/registry/models/{model}/versions", {"files": files, **more})


@dataclass
class Site:
    """A running app: its world, its first admin, and accounts as they are needed."""

    loop: Loop
    world: World
    admin: Caller
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def nobody(self) -> Caller:
        return Caller(self.loop)

    def holder(self, token: str) -> Caller:
        return Caller(self.loop, token)

    def token(self, account: str, **more: Any) -> Caller:
        made = self.admin.made("/registry/tokens", {"name": "test", "account": account, **more})
        return self.holder(made["secret"])

    def account(self, name: str = "", **roles: str) -> Caller:
        """Make an account with a role in each project (`everywhere`: in all)."""
        name = name or f"person-{next(self._names)}"
        self.admin.made("/registry/accounts", {"name": name})
        for project, role in roles.items():
            where = "*" if project == "everywhere" else project
            given = self.admin.put(f"/registry/projects/{where}/members/{name}", {"role": role})
            assert given.status_code == 200, given.text
        return self.token(name)


def new_app() -> FastAPI:
    """Build the app over an empty registry, to look at what it is made of."""
    folder = Path(tempfile.mkdtemp(prefix="modelry-app-"))
    return native_app(desk_of(world_on(MemoryStore(), folder), ServerSettings(log="off")))


def app_routes() -> list[BaseRoute]:
    """Answer every route of the app."""
    return list(new_app().routes)


@contextmanager
def site_on(
    folder: Path,
    store: Store | None = None,
    *,
    change: Callable[[World], World] = lambda world: world,
    **settings: Any,
) -> Iterator[Site]:
    """Run a server over `store` (by default in memory) and blobs in `folder`."""
    told = ServerSettings(home=folder, log="off", **settings)
    world = world_on(store or MemoryStore(), folder)
    secret = first_admin(world)
    assert secret is not None
    world = change(world)
    loop = Loop(make_app(world, told))
    loop.start()
    try:
        yield Site(loop, world, Caller(loop, secret))
    finally:
        loop.stop()
