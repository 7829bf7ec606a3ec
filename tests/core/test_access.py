"""Who may do what: every verb, asked by everybody, allowed exactly as the table of roles says."""

import inspect
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import pytest

from modelry.blobs.tree import LocalSources
from modelry.core.access import (
    EVERYWHERE,
    NEEDS,
    ONLY_ADMINS_REGISTER,
    Action,
    Actor,
    Role,
    check_role,
)
from modelry.core.administration import Administration
from modelry.core.denials import Denials
from modelry.core.draft import draft
from modelry.core.errors import Conflict, Denied, Invalid, NotFound, RegistryError
from modelry.core.events import REGISTRY, Event, EventKind
from modelry.core.lifecycle import DEFAULT_LIFECYCLE, lifecycle_to_json
from modelry.core.model import uid
from modelry.core.registry import Registry
from modelry.core.selection import Selection
from modelry.core.service import Service
from modelry.core.tracking.model import Run
from modelry.core.tracking.search import Search
from modelry.core.verbs.describe import Wording
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.logged_models import Saving
from modelry.core.verbs.promote import Wish
from modelry.core.verbs.runs import Beginning
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import FixedSurroundings, world_on

PLAIN = draft(version=None, metrics=None, params=None, tags=None, datasets=(), description=None,
              run_id=None)  # fmt: skip
ISSUER = "https://ci.example"
STAGES = cast("list[object]", lifecycle_to_json(DEFAULT_LIFECYCLE))

READER, PUBLISHER, APPROVER, ADMIN = Role


@dataclass(frozen=True, slots=True)
class Caller:
    """An actor, with the role that it must turn out to have in `team` and in the registry."""

    actor: Actor
    team: Role | None
    registry: Role | None = None


def caller(
    roles: Mapping[str, Role],
    team: Role | None,
    registry: Role | None = None,
    *,
    project: str | None = None,
    cap: Role | None = None,
) -> Caller:
    return Caller(Actor("zoe", roles, project, cap), team, registry)


CALLERS = {
    "nobody": caller({}, None),
    "an admin of another project": caller({"other": ADMIN}, None),
    "a reader": caller({"team": READER}, READER),
    "a publisher": caller({"team": PUBLISHER}, PUBLISHER),
    "an approver": caller({"team": APPROVER}, APPROVER),
    "an admin": caller({"team": ADMIN}, ADMIN),
    "a reader everywhere": caller({EVERYWHERE: READER}, READER, READER),
    "a reader everywhere who approves here": caller(
        {EVERYWHERE: READER, "team": APPROVER}, APPROVER, READER),
    "an admin of the registry": caller({EVERYWHERE: ADMIN}, ADMIN, ADMIN),
    "a token of that admin for another project": caller({EVERYWHERE: ADMIN}, None, project="other"),
    "a token of that admin for this project": caller({EVERYWHERE: ADMIN}, ADMIN, project="team"),
    "a token of that admin to read": caller({EVERYWHERE: ADMIN}, READER, READER, cap=READER),
    "a token to publish here of that admin": caller(
        {EVERYWHERE: ADMIN}, PUBLISHER, project="team", cap=PUBLISHER),
    "a token to approve of a reader": caller({"team": READER}, READER, cap=APPROVER),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """A registry with a little in it, and what the verbs are called with."""

    world: World
    store: MemoryStore
    file: Path
    archive: bytes
    token: str
    publisher: str
    run: Run
    model: str


def tracked(site: Site, project: str) -> Run:
    """Answer the run of `team`, and one that is not there of any other project."""
    return site.run if project == "team" else replace(site.run, id="f" * 32)


@dataclass(frozen=True, slots=True)
class Row:
    """A verb: what it does where, and how it is called in a project.

    `where` is `team`, `registry`, `hidden` (for whom it is not allowed, the
    thing does not exist; needs `action` in `scope`) or `open` (everybody may
    call it, and it answers what they may see).
    """

    where: str
    action: Action
    call: Callable[[Any, Site, str], object]
    scope: str = "registry"
    then: type[RegistryError] | None = None


R, P, D, A, X, C, WHOLE, DEPLOYS = (
    Action.READ, Action.REGISTER, Action.DESCRIBE, Action.POINT, Action.REMOVE, Action.CONFIGURE,
    Action.OPERATE, Action.DEPLOY)  # fmt: skip


def team(action: Action, call: Callable[[Any, Site, str], object]) -> Row:
    return Row("team", action, call)


def whole(call: Callable[[Any, Site, str], object],
          then: type[RegistryError] | None = None) -> Row:  # fmt: skip
    return Row("registry", WHOLE, call, then=then)


def everybody(call: Callable[[Any, Site, str], object]) -> Row:
    return Row("open", R, call)


EVERY_ONE = Selection((), (), 0, 10)

REGISTRY_ROWS: dict[str, list[Row]] = {
    "register": [team(P, lambda r, s, p: r.register(f"{p}/new", s.file)),
                 team(P, lambda r, s, p: r.register(f"{p}/m", s.file, version="9"))],
    "create_model": [team(P, lambda r, _, p: r.create_model(f"{p}/new"))],
    "tag": [team(D, lambda r, _, p: r.tag(f"{p}/m:1", {"a": "b"})),
            team(D, lambda r, _, p: r.tag(f"{p}/m", {"a": "b"}))],
    "describe": [team(D, lambda r, _, p: r.describe(f"{p}/m", "words"))],
    "promote": [team(A, lambda r, _, p: r.promote(f"{p}/m:1", "staging"))],
    "archive": [team(A, lambda r, _, p: r.archive(f"{p}/m:1"))],
    "rollback": [team(A, lambda r, _, p: r.rollback(f"{p}/m"))],
    "alias": [team(A, lambda r, _, p: r.alias(f"{p}/m", "best", "1"))],
    "remove_alias": [team(A, lambda r, _, p: r.remove_alias(f"{p}/m", "champion"))],
    "deploy": [team(DEPLOYS, lambda r, _, p: r.deploy(f"{p}/m:1", "eu"))],
    "deployments": [team(R, lambda r, _, p: r.deployments(f"{p}/m"))],
    "resolve": [team(R, lambda r, _, p: r.resolve(f"{p}/m")),
                team(R, lambda r, _, p: r.resolve(f"models:/{p}/m@champion"))],
    "use": [team(R, lambda r, _, p: r.use(f"{p}/m:1"))],
    "model": [team(R, lambda r, _, p: r.model(f"{p}/m"))],
    "models": [team(R, lambda r, _, p: r.models(p)), everybody(lambda r, _, __: r.models())],
    "versions": [team(R, lambda r, _, p: r.versions(f"{p}/m"))],
    "search": [team(R, lambda r, _, p: r.search("m", project_name=p)),
               everybody(lambda r, _, __: r.search("m"))],
    "compare": [team(R, lambda r, _, p: r.compare(f"{p}/m:1", f"{p}/m:2"))],
    "history": [team(R, lambda r, _, p: r.history(f"{p}/m"))],
    "project_history": [team(R, lambda r, _, p: r.project_history(p))],
    "log": [team(R, lambda r, _, p: r.log(project_name=p)), everybody(lambda r, _, __: r.log())],
    "environment": [team(R, lambda r, _, p: r.environment(f"{p}/m:1"))],
    "delete": [team(X, lambda r, _, p: r.delete(f"{p}/solo:1")),
               team(X, lambda r, _, p: r.delete(f"{p}/solo"))],
    "purge": [team(X, lambda r, _, p: r.purge(f"{p}/m:3"))],
    "gc": [whole(lambda r, _, __: r.gc())],
    "verify": [team(R, lambda r, _, p: r.verify(f"{p}/m:1")),
               team(R, lambda r, _, p: r.verify(f"{p}/m")), whole(lambda r, _, __: r.verify())],
    "audit": [team(R, lambda r, _, p: r.audit(f"{p}/m")), whole(lambda r, _, __: r.audit())],
    "checkpoint": [whole(lambda r, _, __: r.checkpoint())],
    "create_project": [whole(lambda r, _, __: r.create_project("fresh")),
                       whole(lambda r, _, p: r.create_project(p))],
    "projects": [everybody(lambda r, _, __: r.projects())],
    "stages": [team(R, lambda r, _, p: r.stages(p))],
    "configure_stages": [team(C, lambda r, _, p: r.configure_stages([*STAGES, "extra"], p))],
    "export": [team(R, lambda r, _, p: r.export(io.BytesIO(), f"{p}/m")),
               whole(lambda r, _, __: r.export(io.BytesIO()))],
    "import_": [whole(lambda r, s, _: r.import_(io.BytesIO(s.archive)))],
    "restore": [whole(lambda r, s, _: r.restore(io.BytesIO(s.archive)), Invalid)],
    "close": [everybody(lambda r, _, __: r.close())],
}  # fmt: skip

SERVICE_ROWS: dict[str, list[Row]] = {
    "enlist": [team(P, lambda r, _, p: r.enlist(f"{p}/new", Parts("folder", ()), PLAIN))],
    "take": [team(P, lambda r, s, p: r.take(f"{p}/new", s.file, PLAIN))],
    "refused": [everybody(lambda r, _, __: r.refused("team/new", Conflict("taken")))],
    "registering": [everybody(lambda r, _, __: r.registering("team/new"))],
    "reword": [team(D, lambda r, _, p: r.reword(f"{p}/m:1", Wording(tags={"a": "b"})))],
    "new_model": [team(P, lambda r, _, p: r.new_model(f"{p}/new", "", {}))],
    "new_project": [whole(lambda r, _, __: r.new_project("fresh")),
                    whole(lambda r, _, p: r.new_project(p), Conflict)],
    "look": [everybody(lambda r, _, __: r.look(lambda view: view.head("nowhere")))],
    "among": [everybody(lambda r, _, __: r.among(["0" * 64]))],
    "find_models": [team(R, lambda r, _, p: r.find_models(p)),
                    everybody(lambda r, _, __: r.find_models())],
    "find_versions": [team(R, lambda r, _, p: r.find_versions(f"{p}/m"))],
    "summary": [team(R, lambda r, _, p: r.summary(p)), everybody(lambda r, _, __: r.summary())],
    "identify_model": [Row("hidden", R, lambda r, _, p: r.identify_model(uid(p, "m")), "team")],
    "identify_version": [
        Row("hidden", R, lambda r, _, p: r.identify_version(uid(p, "m", 1)), "team")],
    "known": [team(R, lambda r, _, p: r.known(f"{p}/m"))],
    "entry": [team(R, lambda r, _, p: r.entry(f"{p}/m"))],
    "take_from": [team(P, lambda r, s, p: r.take_from(
        f"{p}/m", LocalSources().open(s.file), PLAIN, origin="s3://b/m"))],
    "transition": [team(A, lambda r, _, p: r.transition(f"{p}/m:1", lambda _: Wish("staging")))],
    "sheet": [team(R, lambda r, _, p: r.sheet(f"{p}/m:1"))],
    "select_models": [team(R, lambda r, _, p: r.select_models(p, EVERY_ONE))],
    "select_versions": [team(R, lambda r, _, p: r.select_versions(p, EVERY_ONE))],
    "rename": [team(X, lambda r, _, p: r.rename(f"{p}/solo", f"{p}/renamed"))],
    "retire": [team(X, lambda r, _, p: r.retire(f"{p}/solo:1"))],
    "stamps": [everybody(lambda r, _, __: r.stamps([]))],
    "tracking": [everybody(lambda r, _, p: r.tracking(p)),
                 team(R, lambda r, _, p: r.tracking(p).find_experiments(Search(within=()))),
                 team(Action.LOG, lambda r, _, p: r.tracking(p).create_experiment("new", {}))],
    "run": [Row("hidden", R, lambda r, s, p: r.run(tracked(s, p).id), "team")],
    "logged_model": [Row("hidden", R, lambda r, s, p: r.logged_model(
        s.model if p == "team" else f"m-{'f' * 32}"), "team")],
    "stored_files": [Row("hidden", R, lambda r, s, p: r.stored_files(
        tracked(s, p).artifact_root), "team")],
    "with_run": [Row("hidden", R, lambda r, s, p: r.with_run(PLAIN, tracked(s, p).id), "team")],
}  # fmt: skip

PEOPLE_ROWS: dict[str, list[Row]] = {
    "create_account": [whole(lambda r, _, __: r.create_account("bob"))],
    "disable_account": [whole(lambda r, _, __: r.disable_account("ada"))],
    "enable_account": [whole(lambda r, _, __: r.enable_account("ada"))],
    "accounts": [whole(lambda r, _, __: r.accounts())],
    "set_member": [team(C, lambda r, _, p: r.set_member(p, "zoe", "admin")),
                   Row("registry", C, lambda r, _, __: r.set_member("*", "zoe", "admin"))],
    "remove_member": [team(C, lambda r, _, p: r.remove_member(p, "ada")),
                      Row("registry", C, lambda r, _, __: r.remove_member("*", "boss"))],
    "members": [team(R, lambda r, _, p: r.members(p)), whole(lambda r, _, __: r.members("*"))],
    "create_token": [whole(lambda r, _, __: r.create_token("ada", "x")),
                     team(R, lambda r, _, p: r.create_token("zoe", "x", project=p))],
    "tokens": [whole(lambda r, _, __: r.tokens()), whole(lambda r, _, __: r.tokens("ada")),
               everybody(lambda r, _, __: r.tokens("zoe"))],
    "revoke_token": [Row("hidden", WHOLE, lambda r, s, p: r.revoke_token(
        s.token if p == "team" else "a" * 12))],
    "trust_publisher": [team(C, lambda r, _, p: r.trust_publisher(
        p, ISSUER, {"repository": "x"}, "ci"))],
    "publishers": [team(C, lambda r, _, p: r.publishers(p))],
    "distrust_publisher": [team(C, lambda r, s, p: r.distrust_publisher(p, s.publisher))],
}  # fmt: skip

TABLES: dict[type, dict[str, list[Row]]] = {
    Registry: REGISTRY_ROWS,
    Service: REGISTRY_ROWS | SERVICE_ROWS,
    Administration: PEOPLE_ROWS,
}
CASES = [
    pytest.param(kind, row, id=f"{kind.__name__}.{name}-{at}")
    for kind, rows in ((Service, REGISTRY_ROWS | SERVICE_ROWS), (Administration, PEOPLE_ROWS))
    for name, each in rows.items()
    for at, row in enumerate(each)
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("access")
    store = MemoryStore()
    world = world_on(store, folder / "home")
    registry = Registry(world)

    def file(text: str) -> Path:
        path = folder / text / "model.bin"
        path.parent.mkdir()
        path.write_text(text)
        return path

    carried = io.BytesIO()
    registry.register("carried", file("c"))
    registry.export(carried, "carried")
    for project in ("team", "other"):
        registry.create_project(project)
        for number in (1, 2, 3):
            registry.register(f"{project}/m", file(f"{project}{number}"))
        registry.register(f"{project}/solo", file(f"{project}solo"))
        registry.promote(f"{project}/m:1", "production")
        registry.promote(f"{project}/m:2", "production")
        registry.alias(f"{project}/m", "champion", "1")
        registry.delete(f"{project}/m:3")
    admin = registry.admin
    for name in ("zoe", "ada", "boss"):
        admin.create_account(name)
    admin.create_account("ci", service=True)
    admin.set_member("team", "ada", "reader")
    admin.set_member("*", "boss", "admin")
    token = admin.create_token("ada", "laptop").token.id
    publisher = admin.trust_publisher("team", ISSUER, {"repository": "acme"}, "ci").id
    tracking = Service(world).tracking("team")
    begun = tracking.create_run(Beginning(experiment_id="0", tags={}))
    model = tracking.create_logged_model(Saving(experiment_id="0", tags={})).id
    return Site(world, store, file("new"), carried.getvalue(), token, publisher, begun, model)


def facts(store: MemoryStore) -> dict[str, object]:
    """Answer all that a store holds but its events."""
    state = store._state
    names = {each.name for each in fields(state)} - {"events", "heads", "generation"}
    return {name: dict(getattr(state, name)) for name in names}


def events(store: MemoryStore) -> list[Event]:
    return list(store._state.events.values())


def run(site: Site, kind: type, row: Row, actor: Actor, project: str) -> RegistryError | None:
    """Call a verb as `actor` and answer what it raised."""
    world = replace(site.world, actor=actor, surroundings=FixedSurroundings(actor.name),
                    denials=Denials())  # fmt: skip
    with world.blobs.hold():  # what one caller purges, the next may still export
        try:
            row.call(kind(world), site, project)
        except RegistryError as error:
            return error
    return None


@pytest.mark.parametrize("kind", TABLES)
def test_every_verb_has_a_row_in_the_table(kind: type) -> None:
    verbs = {name for name, each in inspect.getmembers(kind, inspect.isfunction)
             if not name.startswith("_")}  # fmt: skip
    assert verbs == TABLES[kind].keys()


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize(("kind", "row"), CASES)
def test_a_verb_is_allowed_exactly_as_its_role_says(
    site: Site, kind: type, row: Row, who: str
) -> None:
    asking, saved = CALLERS[who], site.store._state
    before, told = facts(site.store), events(site.store)
    try:
        error = run(site, kind, row, asking.actor, "team")
        after, news = facts(site.store), events(site.store)[len(told) :]
        stranger = run(site, kind, row, asking.actor, "absent")
    finally:
        site.store._state = saved
    where = row.scope if row.where == "hidden" else row.where
    role = asking.registry if where == "registry" else asking.team
    if row.where == "open" or (role is not None and role.covers(NEEDS[row.action])):
        assert type(error) is (row.then or type(None)), error
        return
    assert after == before
    assert [event.kind for event in news] == [EventKind.DENIED]
    assert news[0].actor == "zoe"
    assert {"asked", "reason"} <= news[0].body.keys()
    if row.where == "hidden" or (row.where == "team" and role is None):
        assert type(error) is NotFound
        assert news[0].chain == REGISTRY
        assert type(stranger) is NotFound
        if row.where == "team":
            assert error.message.replace("team", "absent") == stranger.message
            assert error.facts.keys() == stranger.facts.keys()
    else:
        assert type(error) is Denied
        assert news[0].chain == ("team" if row.where == "team" else REGISTRY)


@pytest.mark.parametrize("who", CALLERS)
def test_a_role_is_that_of_the_project_or_of_everywhere_and_no_more_than_its_token(
    who: str,
) -> None:
    asking = CALLERS[who]
    assert asking.actor.role_in("team") is asking.team
    assert asking.actor.role_in(EVERYWHERE) is asking.registry


def test_a_scope_is_what_may_be_read() -> None:
    assert CALLERS["nobody"].actor.scope == frozenset()
    assert CALLERS["a reader"].actor.scope == frozenset({"team"})
    assert CALLERS["a reader everywhere"].actor.scope is None
    assert CALLERS["a token of that admin for another project"].actor.scope == frozenset({"other"})
    assert Actor("zoe", {"team": READER}, project="other").scope == frozenset()


def test_what_is_hidden_is_hidden_in_the_words_of_what_is_absent(site: Site) -> None:
    saved, actor = site.store._state, CALLERS["nobody"].actor
    for name in ("identify_model", "identify_version", "revoke_token", "run", "logged_model"):
        kind = Administration if name == "revoke_token" else Service
        row = TABLES[kind][name][0]
        hidden, absent = (run(site, kind, row, actor, project) for project in ("team", "absent"))
        assert hidden is not None
        assert absent is not None
        assert type(hidden) is type(absent) is NotFound
        ids = [str(next(iter(each.facts.values()))) for each in (hidden, absent)]
        assert hidden.message.replace(ids[0], ids[1]) == absent.message
    site.store._state = saved


def test_a_strict_registry_lets_only_admins_register(site: Site) -> None:
    saved = site.store._state
    world = replace(site.world, actor=CALLERS["an approver"].actor, needs=ONLY_ADMINS_REGISTER)
    with pytest.raises(
        Denied, match="to register takes the role admin, and zoe is approver of team"
    ):
        Registry(world).register("team/new", site.file)
    Registry(world).tag("team/m:1", {"a": "b"})
    allowed = replace(world, actor=CALLERS["an admin"].actor)
    assert Registry(allowed).register("team/new", site.file).number == 1
    site.store._state = saved


def test_roles_have_names() -> None:
    assert check_role("Approver") is Role.APPROVER
    with pytest.raises(Invalid, match="there are reader, publisher, approver, admin"):
        check_role("king")


def test_a_service_says_for_whom_it_acts(site: Site) -> None:
    actor = CALLERS["a reader"].actor
    service = Service(replace(site.world, actor=actor))
    assert (service.account, service.actor) == ("zoe", actor)


def test_what_is_asked_of_an_absent_project_leaves_no_record_in_its_name(site: Site) -> None:
    saved = site.store._state
    row = REGISTRY_ROWS["create_model"][0]
    error = run(site, Service, row, CALLERS["a reader everywhere"].actor, "absent")
    assert type(error) is Denied
    assert "absent" not in site.store._state.heads
    assert events(site.store)[-1].chain == REGISTRY
    site.store._state = saved
