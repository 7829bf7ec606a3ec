"""What is remembered of an answer holds from before it was read, or is not given to anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from server_site import Site, site_on
from starlette.requests import Request
from starlette.responses import Response

from modelry.core.access import Actor
from modelry.core.service import Service
from modelry.server.dialect import Hot
from modelry.server.hot import HotDoors
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.stores.sql.postgresql import open_postgresql
from modelry.testing.postgresql import QUIET, fresh_database, some_postgresql

ONE, TWO = (f"/registry/models/m/versions/{number}" for number in (1, 2))


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with some_postgresql(QUIET) as uri:
        yield uri


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    made: Any = MemoryStore()
    if request.param == "sqlite":
        made = SqliteStore(tmp_path / "registry.db")
    elif request.param == "postgresql":
        made = open_postgresql(fresh_database(request.getfixturevalue("postgresql")))
    with site_on(tmp_path / "home", made) as site:
        for number in ("1", "2"):
            site.admin.version("m", number.encode())
        yield site
    if request.param != "memory":
        made.close()


class Reads:
    """Counts what is read because it is not remembered; `before` and `after` come in between."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None
        read = HotDoors._read

        def watched(doors: HotDoors, request: Request, hot: Hot) -> tuple[Hashable, Any]:
            path = request.scope["path"]
            self.paths.append(path)
            answer = read(doors, request, _Between(hot, lambda: self.before(path)))
            self.after(path)
            return answer

        monkeypatch.setattr(HotDoors, "_read", watched)


class _Between:
    """A read with something that happens before it, after the mark was taken."""

    def __init__(self, hot: Hot, happens: Callable[[], None]) -> None:
        self._hot, self._happens, self.name = hot, happens, hot.name

    def read(self, request: Request) -> tuple[Actor, Response | None]:
        self._happens()
        return self._hot.read(request)

    def refuse(self, error: Exception, request_id: str) -> Response:
        return self._hot.refuse(error, request_id)


def tag(site: Site, value: str) -> None:
    """Commit a change of version 1, as another process would."""
    Service(site.world).tag("m:1", {"who": value})


def shown(site: Site, path: str = ONE) -> str | None:
    """Answer what the server says of the tag."""
    answer = site.admin.get(path)
    assert answer.status_code == 200, answer.text
    value: str | None = answer.json()["tags"].get("who")
    return value


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def test_what_is_read_once_is_remembered(site: Site, reads: Reads) -> None:
    for _ in range(3):
        assert shown(site) is None
    assert reads.paths == [ONE]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_beside_a_read_is_seen_by_the_next(site: Site, reads: Reads, when: str) -> None:
    def once(_: str) -> None:
        setattr(reads, when, lambda _: None)
        tag(site, "me")

    setattr(reads, when, once)
    assert shown(site) == ("me" if when == "before" else None)
    for _ in range(3):
        assert shown(site) == "me"
    # Where the mark comes with what is read, a change before it is not beside it.
    along = hasattr(site.world.store, "marking") and when == "before"
    assert reads.paths == [ONE] * (1 if along else 2)


def test_a_read_that_others_overtook_takes_nothing_from_them(site: Site, reads: Reads) -> None:
    came, go_on = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        if path == ONE:
            came.set()
            assert go_on.wait(10)

    def meanwhile() -> None:
        assert came.wait(10)
        tag(site, "me")

    reads.after = wait
    asked = [site.admin.request("GET", path) for path in (ONE, TWO)]
    with ThreadPoolExecutor(1) as others:
        changed = others.submit(meanwhile)

        answers = site.loop.overtaken(asked[0], asked[1], changed, go_on.set)
    assert [each.status_code for each in answers] == [200, 200]
    reads.paths.clear()
    reads.after = lambda _: None
    assert shown(site, TWO) is None
    assert reads.paths == []  # still remembered
    assert shown(site) == "me"
    assert reads.paths == [ONE]
