"""Who may what: every tracking route, by every kind of caller, in every kind of project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest
from server_site import Caller, Site, site_on
from tracking_requests import RECIPES, Ground, fill

from modelry.core.access import NEEDS, Action, Role
from modelry.server.dialects.mlflow import (
    about,
    artifacts,
    experiments,
    logged_models,
    parts,
    run_logs,
    runs,
)
from modelry.server.rules import Rule
from modelry.stores.memory import MemoryStore

OURS, THEIRS = "ours", "theirs"
ROOMS = (about, artifacts, experiments, logged_models, parts, run_logs, runs)
RULES = {
    (method, route.path): route.rule
    for room in ROOMS
    for route in room.routes
    for method in route.methods - {"HEAD"}
    if route.path not in {"/version", "/health"}
}
KINDS: Mapping[str, Role | None] = {
    "no token": None, "a wrong token": None, "a stranger": None, "a reader": Role.READER,
    "a publisher": Role.PUBLISHER, "an approver": Role.APPROVER, "an admin": Role.ADMIN,
}  # fmt: skip
NOTHING = {("POST", "/2.0/mlflow/runs/search"), ("POST", "/2.0/mlflow/logged-models/search"),
           ("POST", "/2.0/mlflow/experiments/search-datasets"),
           ("GET", "/2.0/mlflow-artifacts/artifacts")}  # fmt: skip
"""What answers a stranger with nothing, as it does where nothing is."""


class Registry:
    """A site with our project, perhaps a foreign one, and callers of each kind."""

    def __init__(self, site: Site, *, theirs: bool) -> None:
        self.ours = fill(site, OURS)
        self.theirs = fill(site, THEIRS) if theirs else Ground(THEIRS)
        site.admin.made("/registry/projects", {"name": "elsewhere"})
        self.callers: dict[str, Caller] = {
            "no token": site.nobody,
            "a wrong token": site.holder(f"modelry_abcdefghijkl_{'A' * 43}"),
            "a stranger": site.account(elsewhere="admin"),
        }
        for name, role in KINDS.items():
            if role is not None:
                self.callers[name] = site.account(ours=str(role))
        assert isinstance(site.world.store, MemoryStore)
        self.store, self.kept = site.world.store, site.world.store._state

    def forget(self) -> None:
        """Go back to the beginning, at a generation that never was."""
        state = self.kept.copy()
        state.generation = self.store._state.generation + 1
        self.store._state = state

    def same(self) -> bool:
        """Say whether nothing changed but the record of what was denied."""
        return all(
            getattr(self.store._state, name) == getattr(self.kept, name)
            for name in ("experiments", "runs", "logged_models", "points", "artifacts")
        )


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Registry]]:
    folder = tmp_path_factory.mktemp("matrix")
    with site_on(folder / "a") as first, site_on(folder / "b") as second:
        yield Registry(first, theirs=True), Registry(second, theirs=False)


def expected(route: tuple[str, str], name: str, *, ours: bool) -> int:
    rule, done = RULES[route], RECIPES[route].done
    if rule == Rule.ANYONE:
        return done
    if rule == Rule.SLIP:
        return 401  # whoever it is: what is asked for is the slip
    if name in {"no token", "a wrong token"}:
        return 401
    if rule == Rule.SIGNED_IN:
        return done
    role = KINDS[name] if ours else None
    if role is None:
        return 404
    return done if role.covers(NEEDS[Action(rule)]) else 403


def test_every_tracking_route_is_tried() -> None:
    assert RECIPES.keys() == RULES.keys()
    assert {route for route, rule in RULES.items() if rule == Rule.SIGNED_IN} >= NOTHING


@pytest.mark.parametrize("route", sorted(RULES), ids=lambda route: f"{route[0]} {route[1]}")
def test_a_tracking_route_lets_in_whom_its_rule_names(
    registries: tuple[Registry, Registry], route: tuple[str, str]
) -> None:
    full, half = registries
    for name in KINDS:
        bodies = []
        for registry, ground in ((full, full.ours), (full, full.theirs), (half, half.theirs)):
            registry.forget()
            answer = RECIPES[route].send(registry.callers[name], route[0], ground)
            case = f"{name} in {ground.project}: {answer.text}"
            assert answer.status_code == expected(route, name, ours=ground is registry.ours), case
            assert registry.same() or (ground is registry.ours and answer.status_code == 200), case
            bodies.append(re.sub(r'"request_id":"[^"]*"', "", ground.plain(answer.text)))
            if answer.status_code >= 400:
                assert {"error_code", "message"} == answer.json().keys()
        assert bodies[1] == bodies[2]
        if route in NOTHING and name == "a stranger":
            assert bodies == ["{}"] * 3
