"""The hot doors: a version by ref, stage, alias or number, answered from memory.

What is remembered is a whole answer, for one token and one address. It is
given only while the store says that nothing was committed since it was read
(`Store.generation`), by whatever process. So an acknowledged promotion is seen
by the next request, everywhere, and there is no time for which an answer may
be stale.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from modelry.core.errors import RegistryError
from modelry.core.verbs.world import Outdated
from modelry.server import answers
from modelry.server.desk import EARLY, MARK, Desk
from modelry.server.dialect import Dialect, Hot, HotDoor
from modelry.server.early import Early, marking_of
from modelry.server.edge import RAW_SECURITY, Edge
from modelry.server.marks import Marks
from modelry.server.problems import problem
from modelry.telemetry.metrics import metrics
from modelry.telemetry.middleware import WHOLE

_MOST = 20_000
_MOST_BYTES = 64 * 1024 * 1024
_LARGEST = 256 * 1024
"""Bytes of the largest answer that is remembered, as versions may have many files."""

_LARGEST_QUESTION = 4096
"""Bytes of the largest body of a question that is remembered."""


Key = tuple[bytes, bytes, bytes, bytes, str, bytes]


@dataclass(slots=True)
class _Remembered:
    body: bytes
    etag: bytes
    headers: list[tuple[bytes, bytes]]
    head: bytes
    actor: str
    token: str | None
    expires: int | None
    route: str


class HotDoors:
    """Answers what it remembers; everything else goes on to the edge and the app behind it."""

    def __init__(
        self, edge: Edge, desk: Desk, native: HotDoor, dialects: Sequence[Dialect] = ()
    ) -> None:
        self._app, self._desk = edge, desk
        self._native = native
        self._dialects = tuple(dialects)
        doors = [native, *(each.hot for each in dialects if each.hot is not None)]
        self._posts = tuple(path for door in doors for path in door.posts)
        self._varying = frozenset(name for door in doors for name in door.varying) | {b"origin"}
        self.marks = Marks(desk.world.store, desk.threads.run)
        self._marking = marking_of(desk.world)
        self._known: dict[Key, _Remembered] = {}
        self._at: Hashable = None
        self._moves = 0
        self._bytes = 0
        self.hit, self._miss = metrics().hit, metrics().miss

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or look and remember, or pass on."""
        if scope["type"] != "http":
            try:
                await self._app(scope, receive, send)
            finally:
                self.marks.close()  # a server's life ended; nobody else speaks anything but HTTP
            return
        method = scope["method"]
        if method != "GET" and not (method == "POST" and scope["path"].endswith(self._posts)):
            await self._app(scope, receive, send)
            return
        asked = self._asked(scope)
        body: bytes | None = b""
        if asked is not None and method == "POST":
            body, receive = await _question(receive)
        if asked is None or body is None:
            await self._app(scope, receive, send)
            return
        token, seen, host = asked
        key = (scope["raw_path"], scope["query_string"], token, host, scope["scheme"], body)
        found = None
        if key in self._known:
            mark = self.marks.peek()
            found = self.still(key, mark if mark is not None else await self._now())
        if found is not None:
            self.hit()
            await _send(found, seen, scope, send)
            return
        hot = self._door(scope, body)
        if hot is None:
            await self._app(scope, receive, send)
            return
        self._miss.inc()
        await self._look(key, hot, seen, scope, receive, send)

    def _asked(self, scope: Scope) -> tuple[bytes, bytes, bytes] | None:
        """Answer who asks, what he has, and whom; None with a header that varies the answer."""
        token = seen = host = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                token = value
            elif name == b"host":
                host = value
            elif name == b"if-none-match":
                seen = value
            elif name in self._varying and (name != b"origin" or scope["method"] == "POST"):
                return None
        return token, seen, host

    def _door(self, scope: Scope, body: bytes) -> Hot | None:
        """Answer the read that a request is, by whoever its path belongs to."""
        path: str = scope["path"]
        for dialect in self._dialects:
            if dialect.claims(path):
                return dialect.hot.of(scope, body) if dialect.hot is not None else None
        return self._native.of(scope, body) if scope["method"] == "GET" else None

    def remembers(self, scope: Scope) -> Key | None:
        """Answer the key of a request without a body whose answer is remembered, else None."""
        asked = self._asked(scope)
        if asked is None:
            return None
        token, _, host = asked
        key = (scope["raw_path"], scope["query_string"], token, host, scope["scheme"], b"")
        return key if key in self._known else None

    def still(self, key: Key, mark: Hashable) -> _Remembered | None:
        """Answer what is remembered for `key`, where it holds at `mark`."""
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
        self, key: Key, hot: Hot, seen: bytes,
        scope: Scope, receive: Receive, send: Send,
    ) -> None:  # fmt: skip
        request = Request(scope, receive)
        request_id = str(scope["state"].get("request_id", ""))
        try:
            self._app.look(scope)
        except RegistryError as refusal:
            response = problem(refusal, request_id)
        else:
            moves = self._moves
            try:
                mark, found = await self._desk.threads.run(lambda: self._read(request, hot))
            except Exception as error:  # noqa: BLE001 - whoever reads says how it is refused
                response = hot.refuse(error, request_id)
            else:
                if found is None:
                    await self._app(scope, receive, send)
                    return
                if mark == self._at or moves == self._moves:  # else others may have seen more
                    self._remember(key, mark, found)
                await _send(found, seen, scope, send)
                return
        scope["state"]["route"] = hot.name
        response.raw_headers.extend(RAW_SECURITY)
        await response(scope, receive, send)

    async def _now(self) -> Hashable:
        """Answer the mark of now, None where the store cannot be asked."""
        mark = self.marks.peek()
        if mark is not None:
            return mark
        try:
            return await self.marks.mark()
        except RegistryError:
            return None

    def _remember(self, key: Key, mark: Hashable, found: _Remembered) -> None:
        """Keep an answer that was read after the store said `mark`.

        If something was committed in between, the mark is never said again, and
        nobody is given the answer.
        """
        if len(found.body) > _LARGEST:
            return
        if mark != self._at or len(self._known) >= _MOST or self._bytes >= _MOST_BYTES:
            self._forget(mark)
        self._bytes += len(found.body)
        self._known[key] = found

    def _forget(self, mark: Hashable) -> None:
        self._known.clear()
        self._at, self._bytes = mark, 0
        self._moves += 1

    def _read(self, request: Request, hot: Hot) -> tuple[Hashable, _Remembered | None]:
        """Read an answer, and the mark of a moment that is not later."""
        if self._marking is not None:
            early = Early(self._desk.callers)
            with suppress(Outdated), _stated(request, EARLY, early):
                return early.read(self._marking, lambda: self._answer(request, hot))
            request.scope["state"].pop("actor", None)  # he may be nobody by now
        mark = self._desk.world.store.generation()
        with _stated(request, MARK, mark):
            return mark, self._answer(request, hot)

    def _answer(self, request: Request, hot: Hot) -> _Remembered | None:
        actor, response = hot.read(request)
        if response is None:
            return None
        etag = next((value for name, value in response.raw_headers if name == b"etag"), b"")
        headers = [*response.raw_headers, *RAW_SECURITY]
        return _Remembered(
            bytes(response.body), etag, headers, _head(headers), actor.name, actor.token,
            actor.expires, hot.name,
        )  # fmt: skip


@contextmanager
def _stated(request: Request, name: str, what: object) -> Iterator[None]:
    """Let the state of a request keep something."""
    setattr(request.state, name, what)
    try:
        yield
    finally:
        delattr(request.state, name)


def _head(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Answer headers as they are sent; nothing where they do not say how long the body is.

    Nor for those that no server sends, which is left to say so to the one who does.
    """
    head = b"".join([b"%b: %b\r\n" % header for header in headers])
    told = any(name == b"content-length" for name, _ in headers)
    return head if told and head.count(b"\n") == head.count(b"\r") == len(headers) else b""


async def _question(receive: Receive) -> tuple[bytes | None, Receive]:
    """Read a short body; what does not come at once and whole is left to the app (None)."""
    first = await receive()
    waiting: list[Message] = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    body: bytes = first.get("body", b"")
    whole = first["type"] == "http.request" and not first.get("more_body", False)
    return (body if whole and len(body) <= _LARGEST_QUESTION else None), again


async def _send(found: _Remembered, seen: bytes, scope: Scope, send: Send) -> None:
    state = scope["state"]
    state["actor"], state["route"] = found.actor, found.route
    if seen and found.etag and answers.unchanged(seen.decode("latin-1"), found.etag.decode()):
        headers = [(b"etag", found.etag), *RAW_SECURITY]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    if found.head and WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": 200, "head": found.head, "body": found.body})
        return
    await send({"type": "http.response.start", "status": 200, "headers": found.headers})
    await send({"type": "http.response.body", "body": found.body})
