"""Requests to one server: with its token, tried again where that is safe, refusals as errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self
from uuid import uuid4

import httpx

from modelry.core.errors import RegistryError, Unavailable
from modelry.remotes.client.address import Address
from modelry.remotes.client.patience import PATIENCE, Patience
from modelry.remotes.client.problems import refusal_of, stranger

PASSING = frozenset({429, 502, 503, 504})
"""Statuses that go away by themselves."""

LONG = 3600.0
"""Seconds for which the answer to work on the whole registry is waited for."""

_SECONDS = 60.0
_CONNECT = 10.0
_CONNECTIONS = httpx.Limits(max_connections=64, max_keepalive_connections=16)
_FIRST_CONTACT = 1 / 3
"""The part of the patience for a server that has not answered once: it may not exist."""

Params = Mapping[str, str | int | Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request before it is sent: its parts, and how long its answer may take."""

    method: str
    path: str
    params: Params = field(default_factory=dict)
    json: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None


class Wire:
    """The connections to one server. Safe to share between threads.

    The token travels in a header, to this server alone: redirects are not
    followed here, and it is in no message, no log and no `repr`.
    """

    def __init__(
        self,
        address: Address,
        token: str | None = None,
        *,
        patience: float = PATIENCE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        from importlib.metadata import version

        self.address = address
        self.patience = patience
        self._met = False
        self._secret = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(
            timeout=httpx.Timeout(_SECONDS, connect=_CONNECT),
            limits=_CONNECTIONS,
            headers={"User-Agent": f"modelry/{version('modelry')}"},
            follow_redirects=False,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"<Wire to {self.address}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self.http.close()

    def get(self, path: str, params: Params | None = None) -> Any:  # noqa: ANN401 - JSON
        """Answer what a route shows, as JSON."""
        return self.read(self.ask(Ask("GET", path, params or {})))

    def content(self, path: str) -> bytes:
        """Answer what a route shows, as it is."""
        return self.ask(Ask("GET", path)).content

    def send(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        params: Params | None = None,
        seconds: float | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Change something, once however often it is tried; answer the JSON, None for no content."""
        headers = {"Idempotency-Key": uuid4().hex}
        response = self.ask(Ask(method, path, params or {}, json, headers, seconds))
        return self.read(response) if response.content else None

    def read(self, response: httpx.Response) -> Any:  # noqa: ANN401 - JSON
        """Answer the JSON of a response; what holds none comes from no modelry server."""
        try:
            return response.json()
        except ValueError as error:
            raise stranger(response, str(self.address)) from error

    def ask(self, ask: Ask) -> httpx.Response:
        """Send a request until it is answered. Raises the refusal that the server answers."""
        return self.checked(self.answer(ask))

    def answer(self, ask: Ask) -> httpx.Response:
        """Send a request until it is answered; answer also a refusal. Raises `Unavailable`."""
        left = self.begin_waiting()
        while True:
            try:
                response = self.http.send(self.request(ask))
            except httpx.RequestError as error:
                if not left.wait():
                    raise self.unreachable(error) from error
                continue
            self._met = True
            if response.status_code in PASSING and left.wait(wish_of(response)):
                continue
            return response

    def begin_waiting(self) -> Patience:
        """Answer the patience for one request."""
        return Patience(self.patience if self._met else self.patience * _FIRST_CONTACT)

    def request(self, ask: Ask, **more: Any) -> httpx.Request:  # noqa: ANN401 - what httpx takes
        """Make the request; `more` goes to `httpx.Client.build_request`."""
        given = {key: value for key, value in ask.params.items() if value is not None}
        if ask.json is not None:
            more["json"] = ask.json
        if ask.seconds is not None:
            more["timeout"] = httpx.Timeout(_SECONDS, connect=_CONNECT, read=ask.seconds)
        return self.http.build_request(
            ask.method, f"{self.address}{ask.path}", params=given,
            headers={**self._secret, **ask.headers}, **more,
        )  # fmt: skip

    @contextmanager
    def stream(self, ask: Ask) -> Iterator[httpx.Response]:
        """Open a response whose body is read piece by piece; a refusal is raised."""
        left = self.begin_waiting()
        while True:
            try:
                response = self.http.send(self.request(ask), stream=True)
            except httpx.RequestError as error:
                if not left.wait():
                    raise self.unreachable(error) from error
                continue
            self._met = True
            try:
                if response.status_code in PASSING and left.wait(wish_of(response)):
                    continue
                if not response.is_success:
                    response.read()
                    raise refusal_of(response, str(self.address))
                yield response
            finally:
                response.close()
            return

    def checked(self, response: httpx.Response) -> httpx.Response:
        """Answer a response that is a success of ours, else raise its refusal."""
        if not response.is_success and response.status_code != HTTPStatus.NOT_MODIFIED:
            raise self.refusal(response)
        return response

    def refusal(self, response: httpx.Response) -> RegistryError:
        """Answer the refusal of a response that was read."""
        return refusal_of(response, str(self.address))

    def unreachable(self, error: Exception) -> Unavailable:
        """Say that the server does not answer, and what to do."""
        what = _FAILURES.get(type(error), "does not answer")
        why = str(error) or type(error).__name__
        msg = (
            f"the server {self.address} {what} ({why}); check that it runs, the address "
            "(MODELRY_URI or --uri) and the network, then try again"
        )
        return Unavailable(msg, server=str(self.address))


_FAILURES: Mapping[type[Exception], str] = {
    httpx.ConnectError: "cannot be reached",
    httpx.ConnectTimeout: "cannot be reached",
    httpx.ReadTimeout: "took too long to answer",
    httpx.RemoteProtocolError: "broke off",
    httpx.ReadError: "broke off",
}


def wish_of(response: httpx.Response) -> float | None:
    """Answer the seconds that `Retry-After` asks for; a date there is not read."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None
