"""What the native API remembers is what it says when it does not: to everybody, of every place."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server_site import Answer, Caller, Site, site_on
from starlette.requests import Request

from modelry.server.dialect import Hot
from modelry.server.hot import HotDoors
from modelry.stores.sql import SqliteStore
from modelry.stores.sql.postgresql import open_postgresql
from modelry.testing.postgresql import QUIET, fresh_database, some_postgresql

MODEL = "/registry/models/m"
STAGES = "/registry/projects/default/stages"
KEPT = (
    MODEL,
    "/registry/models/default%2Fm",
    "/registry/models/default/m",
    "/registry/models/m/versions/1",
    "/registry/models/default/m/versions/1",
    "/registry/models/stages/staging/latest?model_id=m",
    "/registry/resolve?ref=m:1",
    STAGES,
    "/registry/projects/DEFAULT/stages",
)
"""What is remembered."""

LEFT = (
    "/registry/models/m/",
    "/registry/models/m?limit=1",
    "/registry/models/summary",
    "/registry/models/m/versions",
    "/registry/models/default/m/versions",
    "/registry/models/versions/m",
    "/registry/models/default/m/more",
    "/registry/projects/default/stages/",
    "/registry/projects/default/stages?limit=1",
    "/registry/projects/a/b/stages",
    "/registry/projects/default/history",
)
"""What is not, and looks like it."""

REFUSED = (
    "/registry/models/none",
    "/registry/models/none/m",
    "/registry/models/%20",
    "/registry/models/a%00b",
    "/registry/models/..%2Fm",
    "/registry/models/default%2Fm%2Fn",
    f"/registry/models/{'x' * 300}",
    "/registry/projects/none/stages",
    "/registry/projects/%20/stages",
    f"/registry/projects/{'x' * 300}/stages",
)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with some_postgresql(QUIET) as uri:
        yield uri


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    store: Any
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "registry.db")
    else:
        store = open_postgresql(fresh_database(request.getfixturevalue("postgresql")))
    with site_on(tmp_path / "home", store) as site:
        made = site.admin.version("m", b"one", version="1")
        moved = site.admin.post(
            f"/registry/models/versions/{made['id']}/transition", {"stage": "staging"}
        )
        assert moved.status_code == 200, moved.text
        yield site
    store.close()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are read because they are not remembered."""
    paths: list[str] = []
    looked = HotDoors._read

    def watched(doors: HotDoors, request: Request, hot: Hot) -> tuple[Hashable, Any]:
        paths.append(request.scope["path"])
        return looked(doors, request, hot)

    monkeypatch.setattr(HotDoors, "_read", watched)
    return paths


def the_long_way(caller: Caller, path: str) -> Answer:
    """Ask with a header with which nothing is remembered."""
    return caller.get(path, headers={"X-MLflow-Workspace": "default"})


def said(answer: Answer) -> tuple[int, Any, dict[str, str]]:
    """Answer what is said, without the id of the request."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    document: Any = answer.json()
    if answer.status_code >= 400:
        document.pop("request_id", None)
        headers.pop("content-length", None)
    return answer.status_code, document, headers


def callers(site: Site) -> dict[str, Caller]:
    return {
        "admin": site.admin,
        "reader": site.account("ada", default="reader"),
        "stranger": site.account("eve"),
        "nobody": Caller(site.loop),
        "a made-up token": Caller(site.loop, "mdl_none"),
    }


def test_it_says_the_same_either_way(site: Site, read: list[str]) -> None:
    for who, caller in callers(site).items():
        for path in (*KEPT, *LEFT, *REFUSED):
            read.clear()
            plain = said(the_long_way(caller, path))
            assert not read, path
            for _ in range(2):
                assert said(caller.get(path)) == plain, (who, path)


def test_what_does_not_change_is_read_once(site: Site, read: list[str]) -> None:
    for path in KEPT:
        read.clear()
        for _ in range(3):
            assert site.admin.get(path).status_code == 200, path
        assert len(read) == 1, path


def test_what_looks_like_it_is_left_to_the_app(site: Site, read: list[str]) -> None:
    for path in LEFT:
        site.admin.get(path)
        assert not read, path


def test_a_change_is_seen_by_the_next_question(site: Site) -> None:
    before = site.admin.get(MODEL)
    site.admin.version("m", b"two", version="2")
    after = site.admin.get(MODEL)
    assert [each["version"] for each in before.json()["version_list"]["items"]] == ["1"]
    assert [each["version"] for each in after.json()["version_list"]["items"]] == ["2", "1"]
    again = site.admin.get(MODEL, headers={"If-None-Match": after.headers["etag"]})
    assert again.status_code == 304
    assert site.admin.get(MODEL, headers={"If-None-Match": before.headers["etag"]}).is_success

    asked = site.admin.get(STAGES).json()
    asked["stages"].append({"name": "trial"})
    told = site.admin.put(STAGES, asked)
    assert told.status_code == 200, told.text
    assert "trial" in [each["name"] for each in site.admin.get(STAGES).json()["stages"]]
