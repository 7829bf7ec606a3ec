"""Who may what: every route, by every kind of caller, in every kind of project."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from recipes import ELSEWHERE, OURS, RECIPES, THEIRS, Asked, Place, fill
from server_site import Answer, Caller, Site, app_routes, site_on
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from modelry.core.access import EVERYWHERE, NEEDS, Action, Role
from modelry.core.events import Event, EventKind
from modelry.server.dialect import under
from modelry.server.rules import OPEN, Rule, RuledRoute, Unguarded, refuse_unguarded, rule_of
from modelry.stores.memory import MemoryStore
from modelry.stores.memory.tables import Tables

WRONG = "modelry_abcdefghijkl_" + "A" * 43
_COUNT = itertools.count(1)


@dataclass(frozen=True)
class Kind:
    """A kind of caller: its role in each place (None: nobody knows it), and its account."""

    roles: Mapping[str, Role] | None
    account: str
    narrowed: Mapping[str, str] = field(default_factory=dict)

    def role(self, place: str) -> Role | None:
        return (self.roles or {}).get(place)


def _all(role: Role) -> dict[str, Role]:
    return dict.fromkeys((OURS, THEIRS, ELSEWHERE, EVERYWHERE), role)


KINDS = {
    "no token": Kind(None, "anonymous"),
    "a wrong token": Kind(None, "anonymous"),
    "a stranger": Kind({ELSEWHERE: Role.ADMIN}, "stranger"),
    "a reader": Kind({OURS: Role.READER}, "reader"),
    "a publisher": Kind({OURS: Role.PUBLISHER}, "publisher"),
    "an approver": Kind({OURS: Role.APPROVER}, "approver"),
    "an admin of the project": Kind({OURS: Role.ADMIN}, "owner"),
    "a reader everywhere": Kind(_all(Role.READER), "auditor"),
    "an admin everywhere": Kind(_all(Role.ADMIN), "root"),
    "an admin narrowed to another project": Kind(
        {ELSEWHERE: Role.ADMIN}, "root", {"project": ELSEWHERE}
    ),
    "an admin capped to reader": Kind(_all(Role.READER), "root", {"role": "reader"}),
}


class Ground:
    """A site with a member of each kind, which forgets what each request did."""

    def __init__(self, site: Site, *, theirs: bool) -> None:
        self.site = site
        admin = site.admin
        admin.made("/registry/accounts", {"name": "mate"})
        admin.made("/registry/accounts", {"name": "ci", "service": True})
        admin.made("/registry/projects", {"name": ELSEWHERE})
        self.ours = fill(site, OURS)
        self.theirs = fill(site, THEIRS) if theirs else None
        self.callers = self._callers()
        store = site.world.store
        assert isinstance(store, MemoryStore)
        self._store = store
        self._kept = store._state

    def _callers(self) -> dict[str, Caller]:
        site = self.site
        for kind in KINDS.values():
            if kind.roles is not None and not kind.narrowed:
                roles = {place: str(role) for place, role in kind.roles.items()}
                if EVERYWHERE in roles:
                    roles = {"everywhere": roles[EVERYWHERE]}
                site.account(kind.account, **{p: r for p, r in roles.items() if p != THEIRS})
        known = {
            name: site.token(kind.account, **kind.narrowed)
            for name, kind in KINDS.items()
            if kind.roles is not None
        }
        return {"no token": site.nobody, "a wrong token": site.holder(WRONG), **known}

    def forget(self) -> None:
        """Go back to the beginning, at a generation that never was."""
        state = self._kept.copy()
        state.generation = self._store._state.generation + 1
        self._store._state = state

    def happened(self) -> list[Event]:
        new = self._store._state.events.keys() - self._kept.events.keys()
        return [self._store._state.events[key] for key in sorted(new)]

    def changed(self) -> list[str]:
        """Name the tables in which anything changed, but for the record of what happened."""
        own = {"events", "heads", "generation"}
        return [
            each.name for each in fields(Tables)
            if each.name not in own
            and getattr(self._store._state, each.name) != getattr(self._kept, each.name)
        ]  # fmt: skip


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ground, Ground]]:
    """Two registries: in the second one the foreign project is absent."""
    folder: Path = tmp_path_factory.mktemp("matrix")
    with site_on(folder / "a") as first, site_on(folder / "b") as second:
        yield Ground(first, theirs=True), Ground(second, theirs=False)


@dataclass(frozen=True)
class Try:
    """What one caller asked at one place, and what came of it."""

    asked: Asked
    answer: Answer
    request_id: str
    address: str


def attempt(ground: Ground, name: str, route: tuple[str, str], place: Place) -> Try:
    ground.forget()
    count = next(_COUNT)
    address = f"10.{count >> 16 & 255}.{count >> 8 & 255}.{count & 255}"
    caller = ground.callers[name].from_address(address)
    asked = RECIPES[route](place, caller)
    ground._kept = ground._store._state  # what the recipe itself prepared does not count
    request_id = f"matrix-{count}"
    return Try(asked, asked.send(caller, route[0], request_id), request_id, address)


def expected(rule: str, kind: Kind, asked: Asked, *, absent: bool) -> frozenset[int]:
    """Answer the statuses that the rule of a route allows: the whole of the policy."""
    if rule == "anyone":
        return asked.done
    if kind.roles is None:
        return frozenset({401})
    if rule in {Rule.SIGNED_IN, Rule.SELF}:
        return asked.done
    role, needed = kind.role(asked.where), NEEDS[Action(rule)]
    if asked.where != EVERYWHERE and (role is None or (absent and asked.by_id)):
        return frozenset({404})
    if role is None or not role.covers(needed):
        return frozenset({403})
    return frozenset({404}) if absent and asked.where != EVERYWHERE else asked.done


RULES = {
    (method, route.path): str(rule_of(route))
    for route in app_routes()
    if isinstance(route, APIRoute)
    for method in route.methods or ()
}


REGISTERING = ("POST", "/registry/models/{model_id:model}/versions")
"""The route whose every refusal is recorded (S2.15)."""


def test_every_route_with_a_rule_is_tried() -> None:
    assert RECIPES.keys() == RULES.keys()
    plain = {
        getattr(route, "path", "") for route in app_routes() if not isinstance(route, APIRoute)
    }
    assert plain <= OPEN.keys()


@pytest.mark.parametrize("route", sorted(RULES), ids=lambda route: f"{route[0]} {route[1]}")
def test_a_route_lets_in_whom_its_rule_names_and_records_whom_it_denies(
    grounds: tuple[Ground, Ground], route: tuple[str, str]
) -> None:
    full, half = grounds
    assert full.theirs is not None
    for name, kind in KINDS.items():
        for ground, place, absent in (
            (full, full.ours, False), (full, full.theirs, False), (half, full.theirs, True),
        ):  # fmt: skip
            kept = ground._kept
            tried = attempt(ground, name, route, place)
            case = f"{name} at {place.project}{' (absent)' if absent else ''}: {tried.answer.text}"
            status = tried.answer.status_code
            assert status in expected(RULES[route], kind, tried.asked, absent=absent), case
            if status in {401, 403} or (status == 404 and 404 not in tried.asked.done):
                _nothing_but_the_record(ground, kind, tried, case, told=route == REGISTERING)
            ground._kept = kept


def _nothing_but_the_record(
    ground: Ground, kind: Kind, tried: Try, case: str, *, told: bool
) -> None:
    """Require that nothing happened but a record; of what is absent there is one where it is `told`."""
    assert ground.changed() == [], case
    happened = ground.happened()
    if kind.role(EVERYWHERE) is not None and tried.answer.status_code == 404 and not told:
        assert happened == [], case  # it is absent, and nobody was denied anything
        return
    (event,) = happened
    assert event.kind is EventKind.DENIED, case
    assert event.actor == kind.account, case
    assert event.body["request"] == {"address": tried.address, "request": tried.request_id}, case


STRANGERS = ("a stranger", "a reader", "an admin of the project",
             "an admin narrowed to another project")  # fmt: skip


@pytest.mark.parametrize("route", sorted(RULES), ids=lambda route: f"{route[0]} {route[1]}")
def test_a_foreign_project_answers_as_an_absent_one_byte_for_byte(
    grounds: tuple[Ground, Ground], route: tuple[str, str]
) -> None:
    full, half = grounds
    assert full.theirs is not None
    for name in STRANGERS:
        seen: list[object] = []
        for ground in (full, half):
            ground.forget()
            caller = ground.callers[name].from_address("10.200.0.1")
            asked = RECIPES[route](full.theirs, caller)
            answer = asked.send(caller, route[0], "the-same")
            seen.append((answer.status_code, answer.headers.raw, answer.content))
        if asked.where == THEIRS:
            assert seen[0] == seen[1], name


def test_the_app_is_not_built_with_a_route_that_has_no_rule() -> None:
    app = FastAPI()

    @app.get("/registry/backdoor")
    async def backdoor() -> str:
        return "open"

    with pytest.raises(Unguarded, match="/registry/backdoor"):
        refuse_unguarded(app.routes)


def test_a_mounted_app_has_no_rule_either() -> None:
    app = FastAPI()
    app.mount("/inside", FastAPI())

    with pytest.raises(Unguarded, match="/inside"):
        refuse_unguarded(app.routes)


def test_a_plain_route_says_its_rule_or_is_none() -> None:
    async def answer(request: Request) -> Response:
        return Response(request.url.path)

    ruled = RuledRoute("/elsewhere", answer, Action.READ)

    refuse_unguarded([ruled])
    assert rule_of(ruled) == str(Action.READ)
    with pytest.raises(Unguarded, match="/elsewhere"):
        refuse_unguarded([ruled, Route("/elsewhere", answer)])


def test_a_path_below_a_claimed_one_is_the_dialects_and_no_other() -> None:
    claims = under("/api/v9")

    assert claims("/api/v9")
    assert claims("/api/v9/models")
    assert not claims("/api/v99")
