"""Artefacts of runs: named, replaced, taken away, and what a version keeps of them."""

from __future__ import annotations

import json
import math
import threading

import pytest
from tracked_world import begin, log, point, put, save, someone, upload

from modelry.core.access import Role
from modelry.core.draft import draft
from modelry.core.errors import Denied, Invalid, NotFound, Unavailable
from modelry.core.model import Dataset, File, Version
from modelry.core.service import Service
from modelry.core.tracking.model import Run, UsedDataset
from modelry.core.tracking.tracking import Tracking
from modelry.core.verbs.artifacts import Entry
from modelry.core.verbs.enlist import Parts
from modelry.core.verbs.from_run import uri_of
from modelry.core.verbs.world import World


@pytest.fixture
def service(world: World) -> Service:
    return Service(world)


@pytest.fixture
def tracking(service: Service) -> Tracking:
    return service.tracking()


@pytest.fixture
def run(tracking: Tracking) -> Run:
    return begin(tracking)


def sealed(service: Service, run: Run, **facts: object) -> Version:
    """Register what a run has stored, as MLflow's registry does."""
    given = {"version": None, "metrics": None, "params": None, "tags": None, "datasets": (),
             "description": None, "run_id": None, **facts}  # fmt: skip
    filled = service.with_run(draft(**given), run.id)  # type: ignore[arg-type]  # fields by name
    parts = Parts("folder", service.stored_files(run.artifact_root), run.artifact_root)
    return service.enlist("m", parts, filled)


def test_artefacts_are_listed_folder_by_folder(
    world: World, service: Service, tracking: Tracking, run: Run
) -> None:
    root = run.artifact_root
    for path in ("a.txt", "dir/b.txt", "dir/sub/c.txt"):
        put(world, f"{root}/{path}", path.encode())
    assert tracking.artifacts(root) == (Entry("a.txt", 5), Entry("dir", None))
    assert tracking.artifacts(f"{root}/dir") == (Entry("b.txt", 9), Entry("sub", None))
    assert tracking.artifacts(f"{root}/a.txt") == tracking.artifacts(f"{root}/absent") == ()
    assert tracking.artifact(f"{root}/dir/b.txt").size == 9
    for place in (root, f"mlflow-artifacts:/{root}", f"mlflow-artifacts:/{root}/"):
        assert [file.path for file in service.stored_files(place)] == [
            "a.txt", "dir/b.txt", "dir/sub/c.txt"]  # fmt: skip
    assert [file.path for file in service.stored_files(f"{root}/dir")] == ["b.txt", "sub/c.txt"]
    assert [file.path for file in service.stored_files(f"{root}/dir/b.txt")] == ["b.txt"]
    model = save(tracking)
    put(world, f"{model.artifact_root}/MLmodel", b"x")
    assert [file.path for file in service.stored_files(model.artifact_root)] == ["MLmodel"]


@pytest.mark.parametrize("path", ["", "..", "a/../b", "a//b", "/a", "a\\b", "a\0", "x" * 1025])
def test_a_path_that_cannot_be_is_refused(
    world: World, tracking: Tracking, run: Run, path: str
) -> None:
    _, file = upload(world, b"x")
    for ask in (tracking.may_put, lambda place: tracking.put_artifact(place, file)):
        with pytest.raises((Invalid, NotFound)):
            ask(f"{run.artifact_root}/{path}")
    assert service_files(tracking, run) == ()


def service_files(tracking: Tracking, run: Run) -> tuple[File, ...]:
    return tracking.stored_files(run.artifact_root)


def test_no_path_is_a_file_and_a_folder(world: World, tracking: Tracking, run: Run) -> None:
    put(world, f"{run.artifact_root}/a/b", b"x")
    with pytest.raises(Invalid, match="'a/b' is a file, so nothing can be kept at 'a/b/c/d'"):
        put(world, f"{run.artifact_root}/a/b/c/d", b"x")
    with pytest.raises(Invalid, match="'a' is a folder"):
        put(world, f"{run.artifact_root}/a", b"x")
    assert tracking.delete_artifacts(f"{run.artifact_root}/a") == 1
    put(world, f"{run.artifact_root}/a", b"x")


@pytest.mark.parametrize(
    "place",
    ["", "x", "0", "0/artifacts", "0/{run}/other", "1/{run}/artifacts/a", "0/models/{run}/artifacts",
     "0/m-{run}/artifacts", "../0/{run}/artifacts/a", "0/{absent}/artifacts/a", "0/{run}"],
)  # fmt: skip
def test_what_is_no_place_or_another_ones_is_absent(
    world: World, tracking: Tracking, run: Run, place: str
) -> None:
    put(world, f"{run.artifact_root}/a", b"x")
    text = place.format(run=run.id, absent="e" * 32)
    with pytest.raises(NotFound):
        tracking.artifact(text)
    with pytest.raises(NotFound, match="No such artifact"):
        tracking.artifact(f"{run.artifact_root}/b")


def test_who_may_do_what_with_artefacts(world: World, tracking: Tracking, run: Run) -> None:
    place = f"{run.artifact_root}/a"
    put(world, place, b"x")
    _, file = upload(world, b"y")
    stranger = someone(world, {"elsewhere": Role.ADMIN})
    for ask in (stranger.artifact, stranger.artifacts, stranger.may_put, stranger.stored_files,
                stranger.delete_artifacts):  # fmt: skip
        with pytest.raises(NotFound, match=f"Run with id={run.id} not found"):
            ask(place)
    reader = someone(world, {"default": Role.READER})
    assert reader.artifact(place).size == 1
    with pytest.raises(Denied):
        reader.put_artifact(place, file)
    publisher = someone(world, {"default": Role.PUBLISHER})
    publisher.may_put(place)
    publisher.put_artifact(place, file)
    with pytest.raises(Denied):
        publisher.delete_artifacts(place)
    assert tracking.artifact(place).sha256 == file.sha256


def test_a_deleted_run_takes_no_artefacts(world: World, tracking: Tracking, run: Run) -> None:
    tracking.delete_run(run.id)
    with pytest.raises(Invalid, match="must be in the 'active' state"):
        put(world, f"{run.artifact_root}/a", b"x")
    model = save(tracking)
    tracking.delete_logged_model(model.id)
    with pytest.raises(NotFound):
        put(world, f"{model.artifact_root}/a", b"x")


def test_an_artefact_whose_bytes_are_not_here_is_refused(tracking: Tracking, run: Run) -> None:
    with pytest.raises(Unavailable, match="the bytes went away"):
        tracking.put_artifact(f"{run.artifact_root}/a", File("", "e" * 64, 1))
    assert service_files(tracking, run) == ()


def test_the_collection_leaves_artefacts_and_takes_what_was_replaced_or_deleted(
    world: World, service: Service, tracking: Tracking, run: Run
) -> None:
    place = f"{run.artifact_root}/a"
    first = put(world, place, b"first")
    assert service.gc(grace=0).blobs == 0
    second = put(world, place, b"second")
    assert service.gc(grace=0).blobs == 1
    assert (world.blobs.size(first), world.blobs.size(second)) == (None, 6)
    assert service.among([second]) == {second}
    tracking.delete_run(run.id)
    assert service.gc(grace=0).blobs == 0
    assert tracking.delete_artifacts(run.artifact_root) == 1
    assert tracking.delete_artifacts(run.artifact_root) == 0
    assert service.gc(grace=0).blobs == 1
    event = service.project_history().events[0]
    assert (str(event.kind), event.body["files"]) == ("artifacts.deleted", 1)


def test_the_collection_runs_while_artefacts_are_stored_and_takes_none(
    world: World, service: Service, run: Run
) -> None:
    over, collected = threading.Event(), list[int]()

    def collect() -> None:
        while not over.is_set():
            collected.append(service.gc(grace=0).blobs)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        kept = [put(world, f"{run.artifact_root}/{n}", b"x" * n) for n in range(40)]
    finally:
        over.set()
        collector.join()
    assert [world.blobs.size(sha256) for sha256 in kept] == list(range(40))
    assert (sum(collected), service.gc(grace=0).blobs) == (0, 0)


def test_a_version_keeps_the_files_of_its_run_whatever_becomes_of_the_run(
    world: World, service: Service, tracking: Tracking, run: Run
) -> None:
    place = f"{run.artifact_root}/model.bin"
    put(world, place, b"weights")
    version = sealed(service, run)
    put(world, place, b"other weights")
    tracking.delete_artifacts(run.artifact_root)
    tracking.delete_run(run.id)
    service.gc(grace=0)
    assert (service.use("m:1") / "model.bin").read_bytes() == b"weights"
    assert (version.run_id, version.source) == (run.id, run.artifact_root)
    assert not service.audit().problems


def test_a_version_takes_over_what_its_run_logged(
    world: World, service: Service, tracking: Tracking, run: Run
) -> None:
    put(world, f"{run.artifact_root}/model.bin", b"w")
    log(tracking, run, point("auc", 0.5), point("nan", math.nan), point("inf", math.inf),
        params=[("C", "1"), ("lr", "0.1"), ("Ümlaut", "x"), ("odd", "a\x07b"), ("wide", "\n" * 6000)])  # fmt: skip
    source = json.dumps({"uri": "s3://bucket/train"})
    tracking.relate(run.id, [
        UsedDataset(name="train", digest="1", source=source),
        UsedDataset(name="own", digest="2"), UsedDataset(name="odd\x07", digest="3"),
    ])  # fmt: skip
    own = Dataset("own", "2", "here")
    version = sealed(
        service, run, params={"C": "told"}, metrics={"f1": 1}, datasets=(own,), run_id="overridden"
    )
    assert version.run_id == run.id
    assert version.params == {"C": "told", "lr": "0.1", "Ümlaut": "x"}
    assert version.metrics == {"auc": 0.5, "f1": 1}
    assert version.datasets == (own, Dataset("train", "1", "s3://bucket/train"))
    sealed(service, run, params={"lr": "0.2"})
    assert service.compare("m:1", "m:2").params["lr"] == ("0.1", "0.2")


def test_a_version_takes_no_more_than_it_can_hold(
    world: World, service: Service, tracking: Tracking, run: Run
) -> None:
    put(world, f"{run.artifact_root}/model.bin", b"w")
    for start in range(0, 1200, 600):
        log(tracking, run, *(point(f"m{n:04}", 1.0) for n in range(start, start + 600)))
    version = sealed(service, run, metrics={"z": 2})
    assert len(version.metrics) == 1000
    assert version.metrics["z"] == 2


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ('{"uri": "s3://x"}', "s3://x"),
        ('{"path": "data/x.csv"}', "data/x.csv"),
        ('{"tags": {"a": 1}}', None),
        ("https://example.org/x", "https://example.org/x"),
        ('"quoted"', "quoted"),
        ("[1]", None),
        ("", None),
        ("a\x07b", None),
    ],
)
def test_where_a_data_set_is_comes_from_what_mlflow_tells_of_its_source(
    source: str, uri: str | None
) -> None:
    assert uri_of(UsedDataset(name="d", digest="1", source=source)) == uri


def test_the_run_of_another_project_gives_nothing_away(world: World, tracking: Tracking) -> None:
    run = begin(tracking)
    stranger = someone(world, {"elsewhere": Role.ADMIN})
    empty = draft(version=None, metrics=None, params=None, tags=None, datasets=(),
                  description=None, run_id=None)  # fmt: skip
    with pytest.raises(NotFound, match="Run with id="):
        stranger.with_run(empty, run.id)
