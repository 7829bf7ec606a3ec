"""The short way in answers what the long way would have answered, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from server_site import Answer, Caller, Site, site_on
from starlette.types import Message, Receive, Scope, Send

from modelry.core.ports import Unit
from modelry.server.short import LARGEST
from modelry.stores.memory import MemoryStore

T = TypeVar("T")
VERSIONS = "/registry/models/m/versions"
SHORT = {"Content-Type": "application/json"}
LONG = {
    "Content-Type": "application/json;charset=UTF-8"
}  # means the same, and is not known at once
CHANGING = ("id", "ref", "number", "version", "created_at", "updated_at", "model_uri")


def alike(answer: Answer) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Answer what does not differ between two requests of one kind."""
    headers = {name: value for name, value in answer.headers.items()
               if name not in {"etag", "x-request-id", "content-length"}}  # fmt: skip
    body = answer.json()
    return answer.status_code, headers, {
        name: value for name, value in body.items() if name not in {*CHANGING, "request_id"}}  # fmt: skip


def both(caller: Caller, content: bytes, **headers: str) -> tuple[Answer, Answer]:
    """Send the same by the short and by the long way."""
    short = caller.post(VERSIONS, content=content, headers={**SHORT, **headers})
    return short, caller.post(VERSIONS, content=content, headers={**LONG, **headers})


@pytest.mark.parametrize("content", [
    b"{}", b'{"metrics": {"auc": 0.91}, "tags": ["a"], "params": {"n": [1, {"x": null}]}}',
    b'{"environment": {"python": "3.12", "platform": "x", "packages": {"a": "1"}}}',
])  # fmt: skip
def test_a_version_is_made_alike(site: Site, content: bytes) -> None:
    short, long = both(site.admin, content)
    assert short.status_code == 201
    assert alike(short) == alike(long)
    assert long.json()["number"] == short.json()["number"] + 1


@pytest.mark.parametrize("content", [
    b"", b"[]", b"{", b"null", b'{"a": 1, "a": 2}', b'{"metrics": {"auc": NaN}}', b"\xff{}",
    b'{"unknown": 1}', b'{"metrics": {"auc": "high"}}', b'{"version": "not a label!"}',
    b'{"params": {}, "metadata": {}}', b'{"source": "http://elsewhere"}', b'{"kind": "file"}',
    b'{"description": "' + b"x" * LARGEST + b'", "unknown": 1}', b"[" * 100,
])  # fmt: skip
def test_what_is_wrong_is_refused_alike(site: Site, content: bytes) -> None:
    short, long = both(site.admin, content)
    assert 400 <= short.status_code < 500
    assert alike(short) == alike(long)


@pytest.mark.parametrize("content", [b"{}", b"{", b'{"unknown": 1}'])
def test_callers_who_may_not_are_refused_alike(site: Site, content: bytes) -> None:
    site.admin.version("m")
    callers = (
        site.nobody,
        site.holder("modelry_nonsense"),
        site.account(),
        site.account(default="reader"),
    )
    for caller in callers:
        short, long = both(caller, content)
        assert 400 <= short.status_code < 500
        assert alike(short) == alike(long)
    foreign = site.admin.post(VERSIONS, content=b"{}", headers={**SHORT, "Host": "evil.example"})
    assert foreign.status_code == 421


def test_a_key_has_one_effect_whichever_way_it_came(site: Site) -> None:
    key = {"Idempotency-Key": "one"}
    first = site.admin.post(VERSIONS, content=b"{}", headers={**SHORT, **key})
    second = site.admin.post(VERSIONS, content=b"{}", headers={**LONG, **key})
    assert first.json() == second.json()
    other = site.admin.post(VERSIONS, content=b'{"tags": []}', headers={**SHORT, **key})
    assert other.status_code == 422


class Broken(MemoryStore):
    """A store with a mistake in it."""

    wrong = False

    def change(self, work: Callable[[Unit], T], *, alone: bool = False) -> T:
        """Fail as no store may."""
        if self.wrong:
            raise ZeroDivisionError
        return super().change(work, alone=alone)


def test_a_mistake_of_ours_is_answered_alike(tmp_path: Path) -> None:
    store = Broken()
    with site_on(tmp_path, store) as site:
        store.wrong = True
        short, long = (_answered(site, headers) for headers in (SHORT, LONG))
        store.wrong = False
    assert short == long
    assert short[0] == 500
    assert b"ZeroDivisionError" not in short[1]


def _answered(site: Site, headers: dict[str, str]) -> tuple[int, bytes]:
    """Send `{}` past httpx, which would raise what the app raises after its answer."""
    request = site.admin.request("POST", VERSIONS, content=b"{}", headers={
        **headers, "X-Request-Id": "same"})  # fmt: skip
    scope: Scope = {
        "type": "http", "method": "POST", "path": VERSIONS, "raw_path": VERSIONS.encode(),
        "query_string": b"", "headers": [(k.lower(), v) for k, v in request.headers.raw],
        "client": ("192.0.2.7", 4711), "server": ("localhost", 80), "scheme": "http", "state": {},
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    with pytest.raises(ZeroDivisionError):
        site.loop._runner.run(_call(site, scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


async def _call(site: Site, scope: Scope, receive: Receive, send: Send) -> None:
    await site.loop.app(scope, receive, send)
