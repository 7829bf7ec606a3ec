"""Every route of MLflow's dialect, by every kind of caller, and with whatever a caller may send."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from server_site import Answer, Caller, Site, site_on

from modelry.core.access import NEEDS, Action, Role
from modelry.server.dialect import Dialect
from modelry.server.dialects.mlflow import aliases, mlflow_dialect, models, sealed, versions
from modelry.server.rules import Rule, RuledRoute
from modelry.stores.memory import MemoryStore

REGISTRY: Sequence[RuledRoute] = [
    *models.routes, *versions.routes, *aliases.routes, *sealed.routes,
]  # fmt: skip
RUN = "0" * 32
USUAL: dict[str, Any] = {
    "name": "m", "new_name": "n", "version": "1", "stage": "Staging", "alias": "a", "key": "k",
    "value": "v", "source": "s3://b/c", "archive_existing_versions": False, "run_id": RUN,
    "run_uuid": RUN, "experiment_id": "1", "experiment_name": "e", "model_id": f"m-{RUN}",
    "metric_key": "auc", "timestamp": 1, "step": 0, "path": "x", "status": "FINISHED",
}  # fmt: skip


def every_route() -> Sequence[RuledRoute]:
    """Answer all routes of the dialect, also those of runs and artefacts."""

    class _Settings:
        public_url = None
        mlflow_copied: Sequence[str] = ()

    class _Desk:
        settings = _Settings()

    made: Dialect = mlflow_dialect(_Desk())  # type: ignore[arg-type]  # only routes are looked at
    return [route for route in made.app.routes if isinstance(route, RuledRoute)]


def path_of(route: RuledRoute, project: str = "ours") -> str:
    path = route.path.replace(":path}", "}")
    known = {**USUAL, "name": "m", "number": "2", "webhook_id": "w", "tag_key": "k",
             "artifact_path": f"1/{RUN}/artifacts/x", "path": "model.bin"}  # fmt: skip
    return f"/projects/{project}/api" + path.format_map(
        {key: str(each) for key, each in known.items()}
    )


def method_of(route: RuledRoute) -> str:
    return min((route.methods or set()) - {"HEAD"})


def send(caller: Caller, route: RuledRoute, project: str, asked: dict[str, Any]) -> Answer:
    method = method_of(route)
    if method == "GET":
        plain = {key: str(each).lower() if isinstance(each, bool) else each
                 for key, each in asked.items() if key != "path" or "sealed" not in route.path}  # fmt: skip
        return caller.get(path_of(route, project), params=plain)
    return caller(method, path_of(route, project), json=asked)


class Place:
    """A site with a project of ours and one of others, which forgets what a request did."""

    def __init__(self, site: Site) -> None:
        self.site = site
        for project in ("ours", "them", "else"):
            site.admin.made("/registry/projects", {"name": project})
        for project in ("ours", "them"):
            site.admin.made("/registry/models", {"name": f"{project}/m"})
            site.admin.version(f"{project}/m")
            site.admin.version(f"{project}/m", b"weights")
            alias = {"name": "m", "alias": "a", "version": "1"}
            path = f"/projects/{project}/api/2.0/mlflow/registered-models/alias"
            assert site.admin.post(path, alias).status_code == 200
        self.stranger = site.account("stranger", **{"else": "admin"})
        self.callers = {role: site.account(f"the-{role}", ours=str(role)) for role in Role}
        assert isinstance(site.world.store, MemoryStore)
        self._store = site.world.store
        self._kept = self._store._state

    def forget(self) -> None:
        """Go back to the beginning, at a generation that never was."""
        state = self._kept.copy()
        state.generation = self._store._state.generation + 1
        self._store._state = state


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with site_on(tmp_path_factory.mktemp("place")) as site:
        yield Place(site)


@pytest.mark.parametrize(
    "route",
    [each for each in every_route() if each.rule != Rule.ANYONE],
    ids=lambda route: route.name,
)
def test_nobody_comes_in_without_a_token(place: Place, route: RuledRoute) -> None:
    answer = send(place.site.nobody, route, "ours", USUAL)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("route", REGISTRY, ids=lambda route: route.name)
def test_a_foreign_project_is_an_absent_one(place: Place, route: RuledRoute) -> None:
    told = [send(place.stranger, route, project, USUAL) for project in ("them", "none")]
    theirs, absent = [(each.status_code, each.content) for each in told]
    assert theirs[0] == absent[0] == 404
    assert theirs[1].replace(b"them", b"none") == absent[1]
    assert {key: value for key, value in told[0].headers.items() if key != "x-request-id"} == {
        key: value for key, value in told[1].headers.items() if key != "x-request-id"}  # fmt: skip
    place.forget()


@pytest.mark.parametrize("route", REGISTRY, ids=lambda route: route.name)
def test_each_role_may_what_the_rule_of_the_route_says(place: Place, route: RuledRoute) -> None:
    needed = NEEDS[Action(route.rule)]
    for role, caller in place.callers.items():
        fresh = {"name": "fresh"} if route.path.endswith("registered-models/create") else {}
        answer = send(caller, route, "ours", USUAL | fresh)
        if role.covers(needed):
            assert answer.status_code == 200, (role, answer.text)
        else:
            assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
        place.forget()


HOSTILE: Sequence[Any] = [
    None, "", " ", 0, -1, 2**63 - 1, -(2**63) + 1, 1.5, 1e308, True, [], {}, [[]], [{}], [None],
    ["x"], [1], {"a": {"b": []}}, "x" * 70_000, "\N{BLACK HEART SUIT}", "'", '"', "`", "a' OR '1'='1",
    "%", "_", "*" * 200, "../../etc", "..", "/", ":", "a:b", "models:/", "models:/x/y/z", "models:/m-",
    "runs:/", "runs://x/y", "mlflow-artifacts:", "s3:", "http://[", "file:", "latest", "v1", "\u202e",
    "\x07", "a\0b", "-0", "+1", "1_0", "\N{ARABIC-INDIC DIGIT ONE}", "NaN", "Infinity", [{"key": None, "value": {}}],
    [{"key": "k", "value": 5}], [{"key": 5}], [{"key": "k" * 300, "value": "v"}],
    "name = 'a' AND " * 50, "(" * 500, "name LIKE '" + "%a" * 400 + "'", "eyJvZmZzZXQiOiAxZTk5OX0=",
    "W" * 5000, "🦊" * 100, "Production", "@", "#", ";", "\r\nX: y", "{}", "null", "true",
]  # fmt: skip
MORE = ["filter", "order_by", "max_results", "page_token", "tags", "stages", "description", "metrics",
        "params", "run_link", "view_type", "experiment_ids", "artifact_location", "events", "url",
        "user_id", "start_time", "end_time", "run_name", "datasets", "models", "model_json",
        "output_file_name", "num_parts", "upload_id", "parts"]  # fmt: skip


def queried(asked: dict[str, Any]) -> dict[str, Any]:
    """Answer parameters as a query can hold them."""
    found: dict[str, Any] = {}
    for key, each in asked.items():
        values = each if isinstance(each, list) else [each]
        found[key] = [str(value)[:3000].replace("\0", "\\0") for value in values]
    return found


def fits(answer: Answer) -> bool:
    """Say whether an answer is one that a client does not repeat for minutes."""
    return (answer.status_code < 500 and answer.status_code not in {408, 429}) or (
        answer.status_code == 501)  # fmt: skip


@pytest.mark.parametrize("route", every_route(), ids=lambda route: route.name)
def test_whatever_is_sent_is_no_fault_of_the_server(place: Place, route: RuledRoute) -> None:
    chance = random.Random(route.name)
    names = [*USUAL, *MORE]
    for value in HOSTILE:
        one = {**USUAL, chance.choice(names): value}
        some = {**USUAL, **{name: chance.choice(HOSTILE) for name in chance.sample(names, 4)}}
        for asked in (one, some):
            if method_of(route) == "GET":
                asked = queried(asked)  # noqa: PLW2901 - as a query has it
            answer = send(place.callers[Role.ADMIN], route, "ours", asked)
            assert fits(answer), (asked, answer.text)
    place.forget()


RAW = [b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 100_000,
       b'{"name":' + b"9" * 5000 + b"}", b'{"name":"\\ud800"}', b'{"name":1e999}']  # fmt: skip
QUERIES = ["%", "%ff=%fe", "name=%00", "name", "name=a&name=b", "&" * 3000, "=".join("x" * 900),
           "name=%ED%A0%80", "a[b]=c", "max_results=1e9", "version=" + "9" * 5000]  # fmt: skip


@pytest.mark.parametrize("route", every_route(), ids=lambda route: route.name)
def test_no_bytes_of_a_body_or_a_query_are_a_fault_of_the_server(
    place: Place, route: RuledRoute
) -> None:
    caller, method, path = place.callers[Role.ADMIN], method_of(route), path_of(route)
    json = {"Content-Type": "application/json"}
    for content in RAW:
        assert fits(caller(method, path, content=content, headers=json)), content
    for query in QUERIES:
        assert fits(caller(method, f"{path}?{query}", content=b"", headers=json)), query
    place.forget()
