"""The hot doors: a version by ref, stage, alias or number, answered from memory.

What is remembered is a whole answer, for one token and one address. It is
given only while the store says that nothing was committed since it was read
(`Store.generation`), by whatever process. So an acknowledged promotion is seen
by the next request, everywhere, and there is no time for which an answer may
be stale.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from modelry.core.errors import RegistryError
from modelry.core.names import parse_model
from modelry.core.service import Service
from modelry.server import answers
from modelry.server.desk import Call, Desk
from modelry.server.dialects.native.places import is_id, model_name
from modelry.server.dialects.native.versions import body_of
from modelry.server.edge import SECURITY, Edge
from modelry.server.marks import Marks
from modelry.server.problems import problem
from modelry.telemetry.metrics import metrics

_MOST = 20_000
_MOST_BYTES = 64 * 1024 * 1024
_LARGEST = 256 * 1024
"""Bytes of the largest answer that is remembered, as versions may have many files."""

_RESOLVE = "/registry/resolve"
_MODELS = "/registry/models/"
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]

Key = tuple[bytes, bytes, bytes, bytes]
Find = Callable[[Service], str]


@dataclass(slots=True)
class _Remembered:
    body: bytes
    etag: bytes
    headers: list[tuple[bytes, bytes]]
    actor: str
    token: str | None
    expires: int | None
    route: str


class HotDoors:
    """Answers what it remembers; everything else goes on to the edge and the app behind it."""

    def __init__(self, edge: Edge, desk: Desk) -> None:
        self._app, self._desk = edge, desk
        self._marks = Marks(desk.world.store, desk.threads.run)
        self._known: dict[Key, _Remembered] = {}
        self._at: Hashable = None
        self._bytes = 0
        self._hit, self._miss = metrics().hit, metrics().miss

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or look and remember, or pass on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        token = seen = host = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                token = value
            elif name == b"host":
                host = value
            elif name == b"if-none-match":
                seen = value
        key = (scope["raw_path"], scope["query_string"], token, host)
        if key in self._known:
            found = await self._still(key)
            if found is not None:
                self._hit.inc()
                await _send(found, seen, scope, send)
                return
        route = _route(scope)
        if route is None:
            await self._app(scope, receive, send)
            return
        self._miss.inc()
        await self._look(key, route, seen, scope, receive, send)

    async def _still(self, key: Key) -> _Remembered | None:
        """Answer what is remembered for `key`, where it holds now."""
        mark = await self._now()
        if mark is None:
            return None  # the store is away: looking again says so
        if mark != self._at:
            self._forget(mark)
            return None
        found = self._known.get(key)
        if found is None:
            return None
        now = self._desk.world.clock.now()
        if found.expires is not None and found.expires <= now:
            return None
        self._desk.callers.used(found.token, now)
        return found

    async def _look(  # noqa: PLR0913 - an ASGI call, and what is known of it
        self, key: Key, route: tuple[str, Find], seen: bytes,
        scope: Scope, receive: Receive, send: Send,
    ) -> None:  # fmt: skip
        call = Call(self._desk, Request(scope, receive))
        name, find = route
        try:
            self._app.look(scope)
            mark, found = await self._desk.threads.run(lambda: self._read(call, name, find))
        except RegistryError as refusal:
            scope["state"]["route"] = name
            response = problem(refusal, call.request_id)
            response.raw_headers.extend(_HEADERS)
            await response(scope, receive, send)
            return
        if await self._now() == mark:  # else it changed meanwhile: the next one remembers
            self._remember(key, mark, found)
        await _send(found, seen, scope, send)

    async def _now(self) -> Hashable:
        """Answer the mark of now, None where the store cannot be asked."""
        mark = self._marks.peek()
        if mark is not None:
            return mark
        try:
            return await self._marks.mark()
        except RegistryError:
            return None

    def _remember(self, key: Key, mark: Hashable, found: _Remembered) -> None:
        if len(found.body) > _LARGEST:
            return
        if mark != self._at or len(self._known) >= _MOST or self._bytes >= _MOST_BYTES:
            self._forget(mark)
        self._bytes += len(found.body)
        self._known[key] = found

    def _forget(self, mark: Hashable) -> None:
        self._known.clear()
        self._at, self._bytes = mark, 0

    def _read(self, call: Call, name: str, find: Find) -> tuple[Hashable, _Remembered]:
        mark = self._desk.world.store.generation()
        actor = call.actor()
        service = self._desk.service(actor, call.trace)
        response = answers.of_version(body_of(service, service.resolve(find(service))))
        etag = response.headers["etag"].encode()
        headers = [*response.raw_headers, *_HEADERS]
        return mark, _Remembered(
            bytes(response.body), etag, headers, actor.name, actor.token, actor.expires, name
        )


async def _send(found: _Remembered, seen: bytes, scope: Scope, send: Send) -> None:
    state = scope["state"]
    state["actor"], state["route"] = found.actor, found.route
    if seen and answers.unchanged(seen.decode("latin-1"), found.etag.decode()):
        headers = [(b"etag", found.etag), *_HEADERS]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": found.headers})
    await send({"type": "http.response.body", "body": found.body})


def _route(scope: Scope) -> tuple[str, Find] | None:
    """Read which version a path names, None where it is another door."""
    path: str = scope["path"]
    if path == _RESOLVE:
        ref = _only(scope["query_string"], "ref")
        return (path, lambda _: ref) if ref else None
    if not path.startswith(_MODELS):
        return None
    parts = path[len(_MODELS) :].split("/")
    if len(parts) == 3 and parts[0] == "stages" and parts[2] == "latest":  # noqa: PLR2004
        return _latest(scope, parts[1])
    if len(parts) in {3, 4} and parts[-2] == "versions" and parts[0] != "versions":
        place, version = "/".join(parts[:-2]), parts[-1]
        plain = not scope["query_string"] and not is_id(version)
        if plain and all(parts) and len(version) <= 128:  # noqa: PLR2004 - as the door
            name = f"{_MODELS}{{model_id}}/versions/{{version}}"
            return name, lambda service: f"{model_name(service, place)}:{version}"
    return None


def _latest(scope: Scope, stage: str) -> tuple[str, Find] | None:
    place = _only(scope["query_string"], "model_id")
    if place is None or not 0 < len(stage) <= 128:  # noqa: PLR2004 - as the door
        return None

    def find(service: Service) -> str:
        name = model_name(service, place)
        return f"{name}@{service.stages(parse_model(name).project).stage(stage).name}"

    return f"{_MODELS}stages/{{stage}}/latest", find


def _only(query: bytes, name: str) -> str | None:
    """Answer the one parameter of a query; None where there is another, or none."""
    try:
        pairs = parse_qsl(query.decode("ascii"), strict_parsing=True, keep_blank_values=True)
    except (UnicodeDecodeError, ValueError):
        return None
    if len(pairs) != 1 or pairs[0][0] != name or not 0 < len(pairs[0][1]) <= 600:  # noqa: PLR2004
        return None
    return pairs[0][1]
