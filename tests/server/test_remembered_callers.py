"""Who was remembered may do nothing that has been taken away since, and all that was given since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server_site import Answer, Caller, Loop, Site, site_on
from starlette.requests import Request

from modelry.core.ports import Store
from modelry.server.app import make_app
from modelry.server.callers import Callers
from modelry.server.dialect import Hot
from modelry.server.hot import HotDoors
from modelry.settings import ServerSettings
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.stores.sql.postgresql import open_postgresql
from modelry.telemetry.request_lines import RequestLines
from modelry.testing.fakes import world_on
from modelry.testing.postgresql import QUIET, fresh_database, some_postgresql

VERSIONS = "/registry/models/m/versions"
MLFLOW = "/api/2.0/mlflow/model-versions"
MEMBER = "/registry/projects/default/members/bob"


def natively(caller: Caller) -> Answer:
    return caller.post(VERSIONS, {"metrics": {"auc": 0.9}})


def by_mlflow(caller: Caller) -> Answer:
    return caller.post(f"{MLFLOW}/create", {"name": "m", "source": "s3://bucket/model"})


def by_transition(caller: Caller) -> Answer:
    staged = {"name": "m", "version": "1", "stage": "Staging", "archive_existing_versions": False}
    return caller.post(f"{MLFLOW}/transition-stage", staged)


DOORS = {"natively": natively, "by MLflow": by_mlflow, "a transition": by_transition}


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with some_postgresql(QUIET) as uri:
        yield uri


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "sqlite":
        made: Any = SqliteStore(tmp_path / "registry.db")
    else:
        made = open_postgresql(fresh_database(request.getfixturevalue("postgresql")))
    yield made
    made.close()


@pytest.fixture
def two(store: Store, tmp_path: Path) -> Iterator[tuple[Site, Loop]]:
    """Two servers of one registry: what one changes, the other has to find out."""
    folder = tmp_path / "two"
    loop = Loop(make_app(world_on(store, folder), ServerSettings(home=folder, log="off")))
    loop.start()
    with site_on(tmp_path / "one", store) as one:
        one.admin.version("m", b"one", version="1")
        yield one, loop
    loop.stop()


def known(two: tuple[Site, Loop], role: str = "approver") -> tuple[Caller, Caller]:
    """Answer an admin at the first server, and Bob, whom the second has seen."""
    first = two[0].account("bob", default=role)
    bob = Caller(two[1], first.token)
    assert bob.get(VERSIONS).status_code == 200
    return two[0].admin, bob


def denials(admin: Caller) -> list[Any]:
    asked = {"kind": "change.denied", "actor": "bob"}
    found: list[Any] = admin.get("/registry/audit", params=asked).json()["items"]
    return found


def versions(admin: Caller) -> int:
    return int(admin.get(VERSIONS).json()["total"])


@pytest.mark.parametrize("door", DOORS)
def test_it_is_done_as_whoever_was_remembered(two: tuple[Site, Loop], door: str) -> None:
    admin, bob = known(two)
    for _ in range(3):
        assert DOORS[door](bob).status_code in {200, 201}
    log = admin.get("/registry/audit", params={"actor": "bob"}).json()["items"]
    assert len(log) == (1 if door == "a transition" else 3)
    assert denials(admin) == []


@pytest.mark.parametrize("door", DOORS)
def test_a_token_that_was_revoked_elsewhere_does_nothing(two: tuple[Site, Loop], door: str) -> None:
    admin, bob = known(two)
    assert DOORS[door](bob).status_code in {200, 201}
    before = versions(admin)
    (token,) = admin.get("/registry/tokens", params={"account": "bob"}).json()["items"]
    assert admin.delete(f"/registry/tokens/{token['id']}").status_code == 204
    assert DOORS[door](bob).status_code == 401
    assert versions(admin) == before


@pytest.mark.parametrize("door", DOORS)
def test_a_role_that_was_taken_elsewhere_is_gone_and_one_denial_tells(
    two: tuple[Site, Loop], door: str
) -> None:
    admin, bob = known(two)
    before = versions(admin)
    admin.put(MEMBER, {"role": "reader"})
    answer = DOORS[door](bob)
    assert answer.status_code == 403, answer.text
    assert versions(admin) == before
    assert len(denials(admin)) == 1


@pytest.mark.parametrize("door", DOORS)
def test_a_role_that_was_given_elsewhere_is_there_and_no_denial_tells(
    two: tuple[Site, Loop], door: str
) -> None:
    admin, bob = known(two, "reader")
    assert DOORS[door](bob).status_code == 403
    assert len(denials(admin)) == 1
    admin.put(MEMBER, {"role": "approver"})
    assert DOORS[door](bob).status_code in {200, 201}
    assert len(denials(admin)) == 1


@pytest.mark.parametrize("door", [natively, by_mlflow])
def test_what_is_refused_for_another_reason_is_recorded_once(
    two: tuple[Site, Loop], door: Callable[[Caller], Answer]
) -> None:
    admin, bob = known(two)
    assert door(bob).status_code in {200, 201}
    refused = (
        bob.post(VERSIONS, {"version": "1"})
        if door is natively
        else bob.post(f"{MLFLOW}/create", {"name": "absent", "source": "s3://bucket/model"})
    )
    assert refused.status_code == (409 if door is natively else 404)
    assert len(denials(admin)) == 1


def test_what_is_refused_after_a_change_of_roles_is_recorded_once(
    two: tuple[Site, Loop],
) -> None:
    admin, bob = known(two)
    assert natively(bob).status_code == 201
    admin.put(MEMBER, {"role": "admin"})
    assert bob.post(VERSIONS, {"version": "1"}).status_code == 409
    assert len(denials(admin)) == 1
    assert natively(bob).status_code == 201
    admin.put(MEMBER, {"role": "approver"})
    assert bob.post(VERSIONS, {"source": "ftp://host/m"}).status_code == 422
    assert len(denials(admin)) == 2


def test_a_hot_door_shows_nothing_to_whom_it_was_taken_from(two: tuple[Site, Loop]) -> None:
    """Each look-up is the first of its kind, so that who asks has to be known."""
    admin, bob = known(two)
    path = "/api/2.0/mlflow/model-versions/search?filter=name%3D%27m%27&n="
    assert [bob.get(f"{path}{each}").status_code for each in range(3)] == [200] * 3
    admin.delete(MEMBER)
    assert bob.get(f"{path}4").json() in ({}, bob.get(f"{path}5").json())
    assert bob.get(VERSIONS).status_code == 404
    admin.put(MEMBER, {"role": "reader"})
    assert len(bob.get(f"{path}6").json()["model_versions"]) == 1
    (token,) = admin.get("/registry/tokens", params={"account": "bob"}).json()["items"]
    admin.delete(f"/registry/tokens/{token['id']}")
    assert bob.get(f"{path}7").status_code == 401


LOOKS = {
    "natively": f"{VERSIONS}/1",
    "by MLflow": f"{MLFLOW}/get?name=m&version=1",
    "a search": f"{MLFLOW}/search?filter=name%3D%27m%27",
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_is_at_what_may_be_seen_now_and_each_denial_is_recorded_once(
    two: tuple[Site, Loop], look: str
) -> None:
    """Who asks was remembered, and what he asks for was not."""
    admin, bob = known(two)
    path = LOOKS[look]
    assert bob.get(path).status_code == 200
    for times in (1, 2):
        assert admin.delete(MEMBER).status_code == 204
        assert bob.get(path).status_code == 404
        assert len(denials(admin)) == times
        admin.put(MEMBER, {"role": "reader"})
        assert bob.get(path).status_code == 200
        assert len(denials(admin)) == times


@pytest.mark.parametrize("look", LOOKS)
def test_what_others_commit_costs_a_look_nothing_and_what_is_about_access_one_more(
    two: tuple[Site, Loop], look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, bob = known(two)
    path = LOOKS[look]
    bob.get(path)
    answers: list[str] = []
    answer = HotDoors._answer

    def counted(doors: HotDoors, request: Request, hot: Hot) -> Any:  # noqa: ANN401 - handed on
        answers.append(request.scope["path"])
        return answer(doors, request, hot)

    monkeypatch.setattr(HotDoors, "_answer", counted)
    for times in (1, 2, 3):
        natively(admin)
        assert bob.get(path).status_code == 200
        assert len(answers) == times
    admin.put(MEMBER, {"role": "reader"})
    assert bob.get(path).status_code == 200
    along = hasattr(two[0].world.store, "marking")
    assert len(answers) == (5 if along else 4)


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_with_a_token_that_was_revoked_elsewhere_is_refused(
    two: tuple[Site, Loop], look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(RequestLines, "tell", lambda _, request: told.append(request.actor))
    admin, bob = known(two)
    assert bob.get(LOOKS[look]).status_code == 200
    (token,) = admin.get("/registry/tokens", params={"account": "bob"}).json()["items"]
    natively(admin)
    assert bob.get(LOOKS[look]).status_code == 200
    assert admin.delete(f"/registry/tokens/{token['id']}").status_code == 204
    told.clear()
    assert bob.get(LOOKS[look]).status_code == 401
    assert told == [""]  # nobody has that token any more


def test_a_token_that_is_used_by_looks_alone_is_told_as_used(
    two: tuple[Site, Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, bob = known(two)
    (token,) = admin.get("/registry/tokens", params={"account": "bob"}).json()["items"]
    told: list[str | None] = []
    monkeypatch.setattr(Callers, "used", lambda _, *use: told.append(use[0]))
    for look in LOOKS.values():
        assert bob.get(look).status_code == 200
    assert told == [token["id"]] * len(LOOKS)


def test_a_key_that_did_its_work_answers_who_may_still_ask(two: tuple[Site, Loop]) -> None:
    admin, bob = known(two)
    key = {"Idempotency-Key": "one"}
    first = bob.post(VERSIONS, {"version": "7"}, headers=key)
    again = bob.post(VERSIONS, {"version": "7"}, headers=key)
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert versions(admin) == 2
    admin.put(MEMBER, {"role": "reader"})
    assert bob.post(VERSIONS, {"version": "7"}, headers=key).status_code == 403
    assert versions(admin) == 2
