"""Experiments, runs and logged models: what may be logged, and by whom."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tracked_world import EVERYTHING, begin, log, point, save, someone, upload

from modelry.core.access import Role
from modelry.core.errors import Conflict, Denied, Invalid, NotFound, RegistryError
from modelry.core.ports import Unit, View
from modelry.core.service import Service
from modelry.core.tracking.model import RUN_NAME, DatasetSummary, Link, UsedDataset
from modelry.core.tracking.tracking import Tracking
from modelry.core.verbs.logging_runs import Batch
from modelry.core.verbs.world import RequestKey, World
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import world_on


@pytest.fixture
def service(world: World) -> Service:
    return Service(world)


@pytest.fixture
def tracking(service: Service) -> Tracking:
    return service.tracking()


@pytest.fixture
def two_projects(service: Service) -> tuple[Tracking, Tracking]:
    service.create_project("lab")
    return service.tracking(), service.tracking("lab")


def kinds(service: Service) -> list[str]:
    return [str(event.kind) for event in service.project_history()]


def test_every_project_has_an_experiment_of_its_own_that_nobody_made(
    two_projects: tuple[Tracking, Tracking], service: Service
) -> None:
    ours, theirs = two_projects
    assert [each.name for each in ours.find_experiments(EVERYTHING)] == ["Default"]
    mine, other = begin(ours), begin(theirs)
    assert (mine.project, mine.experiment_id) == ("default", "0")
    assert (other.project, other.artifact_root) == ("lab", f"0/{other.id}/artifacts")
    assert ours.experiment("0").author == "modelry"
    assert [each.id for each in ours.find_runs(["0"], EVERYTHING)] == [mine.id]
    assert [each.id for each in theirs.find_runs(["0"], EVERYTHING)] == [other.id]
    assert kinds(service) == []
    with pytest.raises(NotFound, match="there is no project 'absent'"):
        service.tracking("absent").experiment("0")


def test_an_experiment_is_found_by_id_and_by_name_and_its_name_is_unique(
    tracking: Tracking, service: Service
) -> None:
    made = tracking.create_experiment("digits", {"a": "b"})
    assert made.id.isdecimal()
    assert tracking.experiment(made.id) == tracking.experiment_named("digits") == made
    for name in ("digits", "Default"):
        with pytest.raises(Conflict, match=rf"Experiment\(name={name}\) already exists"):
            tracking.create_experiment(name, {})
    with pytest.raises(Invalid, match="Invalid experiment name: ''"):
        tracking.create_experiment("", {})
    with pytest.raises(NotFound, match="Could not find experiment with name 'x'"):
        tracking.experiment_named("x")
    for absent in ("17", "0/default", "x"):
        with pytest.raises(NotFound, match=f"No Experiment with id={absent} exists"):
            tracking.experiment(absent)
    assert kinds(service) == ["experiment.created"]


def test_an_experiment_is_renamed_and_tagged(tracking: Tracking, service: Service) -> None:
    made = tracking.create_experiment("a", {})
    tracking.create_experiment("b", {})
    tracking.rename_experiment(made.id, "c")
    tracking.rename_experiment(made.id, "c")
    with pytest.raises(Conflict):
        tracking.rename_experiment(made.id, "b")
    tracking.tag_experiment(made.id, {"x": "1", "y": "2"})
    tracking.untag_experiment(made.id, "y")
    with pytest.raises(NotFound, match="No tag with name: y"):
        tracking.untag_experiment(made.id, "y")
    found = tracking.experiment(made.id)
    assert (found.name, found.tags) == ("c", {"x": "1"})
    assert service.project_history().events[1].body["before"] == "a"


def test_a_deleted_experiment_takes_its_runs_along_and_brings_back_those_alone(
    tracking: Tracking, service: Service
) -> None:
    made = tracking.create_experiment("a", {})
    gone, with_it = begin(tracking, made.id), begin(tracking, made.id)
    tracking.delete_run(gone.id)
    tracking.delete_run(gone.id)
    tracking.delete_experiment(made.id)
    assert tracking.run(with_it.id).deleted is not None
    assert not tracking.find_runs([made.id], EVERYTHING)
    with pytest.raises(NotFound):
        tracking.delete_experiment(made.id)
    with pytest.raises(NotFound):
        tracking.restore_experiment("0")
    refusals: Sequence[Callable[[], object]] = (
        lambda: begin(tracking, made.id),
        lambda: save(tracking, made.id),
        lambda: tracking.tag_experiment(made.id, {"a": "b"}),
        lambda: tracking.rename_experiment(made.id, "z"),
        lambda: log(tracking, with_it, point("a", 1.0)),
    )
    for refused in refusals:
        with pytest.raises(Invalid, match=r"'active' state|non-active"):
            refused()
    with pytest.raises(Conflict):
        tracking.create_experiment("a", {})
    tracking.restore_experiment(made.id)
    assert [each.id for each in tracking.find_runs([made.id], EVERYTHING)] == [with_it.id]
    assert kinds(service) == ["experiment.restored", "experiment.deleted", "run.deleted",
                              "experiment.created"]  # fmt: skip


def test_a_run_has_a_name_which_is_also_a_tag(tracking: Tracking) -> None:
    assert begin(tracking).name.count("-") == 2
    assert begin(tracking, name="n").tags == {RUN_NAME: "n"}
    assert begin(tracking, tags={RUN_NAME: "t"}).name == "t"
    with pytest.raises(Invalid, match=r"Both 'run_name' argument and 'mlflow\.runName' tag"):
        begin(tracking, name="n", tags={RUN_NAME: "t"})
    run = begin(tracking, name="n")
    log(tracking, run, tags={RUN_NAME: "m", "a": "b"})
    assert tracking.run(run.id).name == "m"
    tracking.update_run(run.id, name="o")
    assert tracking.run(run.id).tags == {RUN_NAME: "o", "a": "b"}
    log(tracking, run, tags={RUN_NAME: ""})
    assert tracking.run(run.id).name == "o"


def test_a_run_ends_and_is_deleted_and_restored(tracking: Tracking, service: Service) -> None:
    run = begin(tracking, user="ada", start=3)
    ended = tracking.update_run(run.id, status="FINISHED", end=9)
    assert (ended.status, ended.start, ended.end, ended.user) == ("FINISHED", 3, 9, "ada")
    assert tracking.update_run(run.id).end == 9
    tracking.delete_run(run.id)
    with pytest.raises(Invalid, match=f"The run {run.id} must be in the 'active' state"):
        tracking.update_run(run.id, status="FAILED")
    tracking.restore_run(run.id)
    tracking.restore_run(run.id)
    assert tracking.run(run.id).deleted is None
    assert kinds(service) == ["run.restored", "run.deleted"]


def test_a_parameter_keeps_its_first_value(tracking: Tracking) -> None:
    run = begin(tracking)
    for _ in range(2):
        log(tracking, run, params=[("c", "1")])
    alone = "Param with key='c' was already logged with value='1' for run ID='.*'. Attempted"
    with pytest.raises(Invalid, match=alone):
        log(tracking, run, params=[("c", "2")], few=True)
    with pytest.raises(Invalid, match=r"Params were already logged='\[\{'key': 'c'"):
        log(tracking, run, point("a", 1.0), params=[("d", "3"), ("c", "2")], tags={"t": "u"})
    found = tracking.run(run.id)
    assert (found.params, found.metrics, "t" in found.tags) == ({"c": "1"}, (), False)


def test_what_is_no_number_is_a_measurement_too(tracking: Tracking) -> None:
    run = begin(tracking)
    log(tracking, run, point("a", math.nan), point("a", -math.inf, 1), point("b", math.inf))
    assert [each.value for each in tracking.run(run.id).metrics] == [-math.inf, math.inf]
    assert [each.step for each in tracking.history(run.id, "a", 10)] == [0, 1]
    assert tracking.history(run.id, "a", 10, 1) == [point("a", -math.inf, 1)]


_LONG = "x" * 251
_WRONG: dict[str, Callable[[], Batch]] = {
    "exceeds the maximum length of 250": lambda: Batch(params=[(_LONG, "1")], tags={}),
    "'Metric name' exceeds": lambda: Batch(points=[point(_LONG, 1.0)], tags={}),
    "A key name must be provided": lambda: Batch(points=[point("", 1.0)], tags={}),
    "Names may only contain": lambda: Batch(params=[("a<b", "1")], tags={}),
    r"would resolve to 'b'": lambda: Batch(tags={"a/../b": "1"}),
    r"parameter 'key' supplied.*resolve to '\.\./b'": lambda: Batch(tags={"../b": "1"}, few=True),
    r"'params\[0\].key' supplied": lambda: Batch(params=[("/b", "1")], tags={}),
    "resolve to '.'": lambda: Batch(tags={".": "1"}),
    "'Param value' exceeds the maximum length of 6000": lambda: Batch(
        params=[("a", "x" * 6001)], tags={}),
    r"'tags\[0\].value' exceeds the maximum length of 8000": lambda: Batch(tags={"a": "x" * 8001}),
    r"Duplicate parameter keys have been submitted: \['a'\]": lambda: Batch(
        params=[("a", "1"), ("a", "1")], tags={}),
    "Timestamp must be a nonnegative long": lambda: Batch(
        points=[replace(point("a", 1.0), timestamp=-1)], tags={}),
    r"'metrics\[1\].step' supplied": lambda: Batch(
        points=[point("a", 1.0), point("a", 1.0, 2**63)], tags={}),
    "at most 1000 metrics. Got 1001": lambda: Batch(points=[point("a", 1.0)] * 1001, tags={}),
    "at most 100 params. Got 101": lambda: Batch(
        params=[(f"p{n}", "") for n in range(101)], tags={}),
    "at most 100 tags. Got 101": lambda: Batch(tags={f"t{n}": "" for n in range(101)}),
    "at most 1000 metrics, params, and tags. Got 1001": lambda: Batch(
        points=[point("a", 1.0)] * 1000, params=[("p", "")], tags={}),
    "NUL": lambda: Batch(tags={"a": "\0"}),
    "lone surrogate": lambda: Batch(params=[("a", "\ud800")], tags={}),
}  # fmt: skip


@pytest.mark.parametrize("why", _WRONG)
def test_what_cannot_be_kept_is_refused_in_the_words_of_mlflow(
    tracking: Tracking, why: str
) -> None:
    run = begin(tracking)
    with pytest.raises(Invalid, match=why):
        tracking.log(run.id, _WRONG[why]())
    assert tracking.run(run.id) == run


@pytest.mark.parametrize(
    ("used", "why"),
    [
        (UsedDataset(name="", digest="1"), "name cannot be empty"),
        (UsedDataset(name="a", digest=""), "digest cannot be empty"),
        (UsedDataset(name="a", digest="1" * 37), "'digest' exceeds"),
        (UsedDataset(name="a", digest="1", tags={"k": "v" * 501}), "'value' exceeds"),
    ],
)
def test_a_data_set_that_cannot_be_kept_is_refused(
    tracking: Tracking, used: UsedDataset, why: str
) -> None:
    run = begin(tracking)
    with pytest.raises(Invalid, match=why):
        tracking.relate(run.id, [used])
    with pytest.raises(Invalid, match="Step must be a valid long"):
        tracking.relate(run.id, links=[Link("output", "m-1", 2**63)])


def test_what_a_run_read_and_made_is_told_with_it(tracking: Tracking) -> None:
    run, model = begin(tracking), save(tracking)
    used = UsedDataset(name="d", digest="1", tags={"mlflow.data.context": "training"})
    tracking.relate(run.id, [used], [Link("output", model.id, 2)])
    found = tracking.run(run.id)
    assert (found.datasets, found.links) == ((used,), (Link("output", model.id, 2),))
    assert tracking.datasets(["0"]) == [DatasetSummary("0/default", "d", "1", "training")]
    assert tracking.datasets([]) == ()


def test_a_logged_model_is_made_finished_tagged_and_deleted(
    tracking: Tracking, service: Service
) -> None:
    run = begin(tracking)
    model = save(tracking, run_id=run.id, name="m", params=[("a", "1")], tags={"t": "u"})
    assert model.artifact_root == f"0/models/{model.id}/artifacts"
    assert (model.status, model.experiment_id) == ("PENDING", "0")
    assert tracking.finalize_logged_model(model.id, "READY").status == "READY"
    assert tracking.tag_logged_model(model.id, {"v": "w"}).tags == {"t": "u", "v": "w"}
    tracking.untag_logged_model(model.id, "t")
    with pytest.raises(NotFound, match="No tag with key 't'"):
        tracking.untag_logged_model(model.id, "t")
    tracking.add_model_params(model.id, [("a", "1"), ("b", "2")])
    with pytest.raises(Invalid, match="Changing param values is not allowed"):
        tracking.add_model_params(model.id, [("a", "3")])
    log(tracking, run, point("auc", 0.5, model=model.id))
    found = service.logged_model(model.id)
    assert (found.params, found.tags) == ({"a": "1", "b": "2"}, {"v": "w"})
    assert found.metrics == ((run.id, point("auc", 0.5, model=model.id)),)
    assert [each.id for each in tracking.find_logged_models(["0"], EVERYTHING)] == [model.id]
    assert tracking.find_logged_models([], EVERYTHING) == ()
    tracking.delete_logged_model(model.id)
    for ask in (tracking.logged_model, tracking.delete_logged_model):
        with pytest.raises(NotFound, match=f"Logged model with ID '{model.id}' not found"):
            ask(model.id)
    assert kinds(service) == ["logged_model.deleted"]


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "50%", "it's", '"'])
def test_the_name_of_a_logged_model_is_a_part_of_addresses(tracking: Tracking, name: str) -> None:
    with pytest.raises(Invalid, match="Model name must be a non-empty string"):
        save(tracking, name=name)


def test_nothing_reaches_into_another_project(two_projects: tuple[Tracking, Tracking]) -> None:
    ours, theirs = two_projects
    mine, model, run = begin(ours), save(theirs), begin(theirs)
    for reach in (
        lambda: log(ours, mine, point("auc", 0.5, model=model.id)),
        lambda: ours.relate(mine.id, links=[Link("input", model.id)]),
        lambda: save(ours, run_id=run.id),
        lambda: save(ours, run_id="absent"),
        lambda: ours.relate(mine.id, links=[Link("input", "m-absent")]),
    ):
        with pytest.raises(NotFound):
            reach()
    assert theirs.logged_model(model.id).metrics == ()


READERS_ASK: dict[str, Callable[[Tracking, str, str], object]] = {
    "run": lambda t, run, _: t.run(run),
    "history": lambda t, run, _: t.history(run, "a", 1),
    "logged model": lambda t, _, model: t.logged_model(model),
    "experiment": lambda t, _, __: t.experiment("0"),
    "experiments": lambda t, _, __: t.find_experiments(EVERYTHING),
}
PUBLISHERS_ASK: dict[str, Callable[[Tracking, str, str], object]] = {
    "log": lambda t, run, _: t.log(run, Batch(tags={"a": "b"})),
    "relate": lambda t, run, _: t.relate(run),
    "begin": lambda t, _, __: begin(t),
    "update": lambda t, run, _: t.update_run(run),
    "finalize": lambda t, _, model: t.finalize_logged_model(model, "READY"),
    "create": lambda t, _, __: t.create_experiment("mine", {}),
    "tag": lambda t, _, __: t.tag_experiment("0", {"a": "b"}),
}
ADMINS_ASK: dict[str, Callable[[Tracking, str, str], object]] = {
    "delete the run": lambda t, run, _: t.delete_run(run),
    "restore the run": lambda t, run, _: t.restore_run(run),
    "delete the model": lambda t, _, model: t.delete_logged_model(model),
    "delete the experiment": lambda t, _, __: t.delete_experiment("0"),
}


@pytest.mark.parametrize("role", [None, Role.READER, Role.PUBLISHER, Role.ADMIN])
def test_a_reader_looks_a_publisher_logs_an_admin_deletes(
    world: World, tracking: Tracking, role: Role | None
) -> None:
    run, model = begin(tracking), save(tracking)
    roles = {"elsewhere": Role.ADMIN} if role is None else {"default": role}
    asked = someone(world, roles)
    for needed, ask in (
        *((Role.READER, each) for each in READERS_ASK.values()),
        *((Role.PUBLISHER, each) for each in PUBLISHERS_ASK.values()),
        *((Role.ADMIN, each) for each in ADMINS_ASK.values()),
    ):
        if role is not None and role.covers(needed):
            ask(asked, run.id, model.id)
        else:
            with pytest.raises((NotFound, Denied)) as refusal:
                ask(asked, run.id, model.id)
            assert isinstance(refusal.value, Denied) == (role is not None)


def test_what_is_of_another_project_is_told_in_the_words_for_what_is_absent(
    world: World, tracking: Tracking, service: Service
) -> None:
    run, model, made = begin(tracking), save(tracking), tracking.create_experiment("x", {})
    stranger = someone(world, {"elsewhere": Role.ADMIN})

    def told(ask: Callable[[], object]) -> str:
        with pytest.raises(NotFound) as refusal:
            ask()
        return refusal.value.message

    for there, absent, ask in (
        (run.id, "f" * 32, stranger.run),
        (model.id, f"m-{'f' * 32}", stranger.logged_model),
        (made.id, "999", stranger.experiment),
    ):
        foreign = told(lambda ask=ask, there=there: ask(there))  # type: ignore[misc]  # bound now
        nothing = told(lambda ask=ask, absent=absent: ask(absent))  # type: ignore[misc]  # bound now
        assert foreign.replace(there, "ID") == nothing.replace(absent, "ID")
    denials = [event for event in service.log() if str(event.kind) == "change.denied"]
    assert len(denials) == 6
    assert stranger.find_runs([made.id], EVERYTHING) == ()


def test_a_thousand_experiments_are_searched_at_once_and_no_more(tracking: Tracking) -> None:
    ids = [str(number) for number in range(1, 1001)]
    assert tracking.find_runs(ids, EVERYTHING) == ()
    with pytest.raises(Invalid, match="1001 experiment_ids are too many"):
        tracking.find_runs([*ids, "1001"], EVERYTHING)


def test_an_absent_run_is_told_to_everybody_alike(tracking: Tracking, service: Service) -> None:
    with pytest.raises(NotFound, match="Run with id=x not found"):
        service.run("x")
    assert not [event for event in service.log() if str(event.kind) == "change.denied"]
    run = begin(tracking)
    with pytest.raises(NotFound, match="No tag with name: a in run"):
        tracking.untag_run(run.id, "a")
    log(tracking, run, tags={"a": "b"})
    tracking.untag_run(run.id, "a")
    assert "a" not in tracking.run(run.id).tags


def test_a_repeated_request_begins_one_run_and_makes_one_model(world: World) -> None:
    once = Service(replace(world, request=RequestKey("k1", "f"))).tracking()
    made = once.create_experiment("a", {})
    assert once.create_experiment("a", {}) == made
    again = Service(replace(world, request=RequestKey("k2", "f"))).tracking()
    assert begin(again).id == begin(again).id
    third = Service(replace(world, request=RequestKey("k3", "f"))).tracking()
    assert save(third).id == save(third).id


def test_two_who_need_the_experiment_of_a_project_at_once_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    world = world_on(store, tmp_path)
    change = store.change
    faster = Service(world_on(store, tmp_path))

    def slower(work: Callable[[Unit], object]) -> object:
        monkeypatch.setattr(store, "change", change)
        begin(faster.tracking())
        return change(work)

    monkeypatch.setattr(store, "change", slower)
    begin(Service(world).tracking())
    assert len(faster.tracking().find_runs(["0"], EVERYTHING)) == 2


def test_what_vanished_between_the_look_and_the_change_is_refused(tmp_path: Path) -> None:
    world = world_on(MemoryStore(), tmp_path)
    tracking = Service(world).tracking()
    made, run, model = tracking.create_experiment("a", {}), begin(tracking), save(tracking)
    _, file = upload(world, b"x")

    def guard(view: View) -> None:
        tables = view._tables  # type: ignore[attr-defined]  # of the store in memory
        for table in (tables.experiments, tables.runs, tables.logged_models):
            table.clear()

    late = Service(replace(world, guard=guard)).tracking()
    asks: Sequence[Callable[[], object]] = (
        lambda: late.tag_experiment(made.id, {"a": "b"}),
        lambda: late.delete_experiment(made.id),
        lambda: late.rename_experiment(made.id, "b"),
        lambda: late.log(run.id, Batch(tags={"a": "b"})),
        lambda: late.finalize_logged_model(model.id, "READY"),
        lambda: late.put_artifact(f"{model.artifact_root}/a", file),
    )
    for ask in asks:
        with pytest.raises(RegistryError):
            ask()
    late.delete_run(run.id)
    assert "run.deleted" not in kinds(Service(world))
