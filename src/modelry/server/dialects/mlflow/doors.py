"""The way of a request from a route to a verb, and of its answer back.

A route is a function that reads its parameters (`Asked`) and answers the work
to be done with them: what goes wrong while reading is never a fault of ours.
The work runs in a thread, as the caller, and answers a JSON document.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelry.core.access import Action, Actor
from modelry.core.errors import Unauthenticated
from modelry.core.service import Service
from modelry.server.callers import Remembered
from modelry.server.desk import Call, Desk, token_of
from modelry.server.dialects.mlflow.asked import Asked, given_in
from modelry.server.dialects.mlflow.refusals import misread, refused
from modelry.server.rules import Rule, RuledRoute
from modelry.server.sources import bucket_sources
from modelry.server.strict import StrictRequest
from modelry.settings import ServerSettings

if TYPE_CHECKING:
    from modelry.blobs.objects.sources import BucketSources

Document = Mapping[str, object]
Work = Callable[[Service], Document]
Read = Callable[[Asked], Work]
Unread = Callable[[Asked, Exception], Work]
Answer = Callable[["MlflowCall"], Awaitable[Response]]

PROJECT = "mlflow_project"
BASE = "mlflow_base"
_BASIC = "basic "
_ANY_NAME = frozenset({"", "token"})


class MlflowCall(Call):
    """A request of an MLflow client: it may sign in by name and password, which is its token."""

    __slots__ = ()

    @property
    def project(self) -> str:
        """The project that the request is about."""
        return str(getattr(self.request.state, PROJECT))

    @property
    def base(self) -> str:
        """The address of this project's MLflow API, as the caller reached it."""
        return str(getattr(self.request.state, BASE))

    def actor(self) -> Actor:
        """Answer who asks. Raises `Unauthenticated`, also for a token of another name."""
        name, token = self._credentials()
        actor = self._holder(token)
        if not _is_of(actor, name):
            msg = "the token is not of this user; name its account, or 'token'"
            raise Unauthenticated(msg)
        self.request.state.actor = actor.name
        return actor

    def remembered(self) -> Remembered | None:
        """See `Call.remembered`."""
        name, token = self._credentials()
        known = self.desk.callers.remembered(token)
        return known if known and _is_of(known.actor, name) else None

    def _credentials(self) -> tuple[str | None, str | None]:
        header = self.request.headers.get("authorization")
        return basic_of(header) or (None, token_of(header))


def _is_of(actor: Actor, name: str | None) -> bool:
    """Say whether the name beside a token may stand there."""
    return name is None or name.lower() in _ANY_NAME or name.lower() == actor.name.lower()


def basic_of(header: str | None) -> tuple[str, str] | None:
    """Answer the name and the password of a header, None where it has none."""
    if header is None or not header.lower().startswith(_BASIC):
        return None
    try:
        text = base64.b64decode(header[len(_BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _, password = text.partition(":")
    return name, password


def call_of(request: Request) -> MlflowCall:
    """Answer the call that a request is."""
    desk: Desk = request.app.state.desk
    return MlflowCall(desk, StrictRequest(request.scope, request.receive))


def door(method: str, path: str, read: Read, rule: Action | Rule = Rule.SIGNED_IN,
         misread_by: Unread | None = None, *, once: bool = False) -> RuledRoute:  # fmt: skip
    """Make a route that answers JSON: `path` goes on after `/api`, such as `/2.0/mlflow/...`.

    A request that cannot be read is refused, by the work that `misread_by` makes of the refusal
    where there is something to do then. With `once` the work is one change (`Call.once`).
    """

    async def endpoint(request: Request) -> Response:
        call = call_of(request)
        asked = Asked(call.project, {})
        try:
            asked = await asked_in(call)
            work = read(asked)
        except Exception as error:  # noqa: BLE001 - a request that cannot be read is refused
            refusal = misread(error)
            if misread_by is None:
                return await refused_by(call, refusal)
            work = misread_by(asked, refusal)
        return await answered(call, work, once=once)

    return RuledRoute(path, endpoint, rule, methods=[method], name=f"{method} {path}")


def raw_door(method: str, path: str, answer: Answer, rule: Action | Rule = Rule.SIGNED_IN) -> RuledRoute:  # fmt: skip
    """Make a route that answers what it likes, such as bytes; its refusals are rendered here."""

    async def endpoint(request: Request) -> Response:
        call = call_of(request)
        try:
            return await answer(call)
        except Exception as error:  # noqa: BLE001 - told as a refusal, and logged where it broke
            return refused(error)

    return RuledRoute(path, endpoint, rule, methods=[method], name=f"{method} {path}")


async def asked_in(call: MlflowCall) -> Asked:
    """Read what a request asks. Raises `Refusal` and `Invalid`."""
    request = call.request
    place = {name: str(value) for name, value in request.path_params.items()}
    settings = call.desk.settings
    external, buckets = frozenset(settings.mlflow_sources), buckets_of(settings)
    return Asked(call.project, await given_in(request), place, call.base, external, buckets)


def buckets_of(settings: ServerSettings) -> BucketSources | None:
    """Answer the places from which models are copied. Raises `Invalid` for a setting that is wrong."""
    copied = settings.mlflow_copied
    return bucket_sources(tuple(copied), settings.blobs or "") if copied else None


async def answered(call: MlflowCall, work: Work, *, once: bool = False) -> Response:
    """Do the work in a thread, as the caller, and render its answer or its refusal."""
    try:
        return json_answer(await (call.once if once else call)(work))
    except Exception as error:  # noqa: BLE001 - told as a refusal, and logged where it broke
        return refused(error)


def json_answer(document: Document) -> Response:
    """Answer a document; MLflow knows no other status than 200."""
    return _Json(msgspec.json.encode(document))


class _Json(Response):
    """An answer whose headers are known."""

    def __init__(self, body: bytes) -> None:
        self.status_code, self.background, self.body = 200, None, body
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
        ]


async def refused_by(call: MlflowCall, error: Exception) -> Response:
    """Refuse a request that cannot be read; a stranger learns only that he is one."""
    try:
        await call.desk.threads.run(call.actor)
    except Exception as stranger:  # noqa: BLE001 - whatever it is comes first
        return refused(stranger)
    return refused(error)
