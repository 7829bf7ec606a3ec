"""A backup carries experiments, runs, logged models and artefacts, and is read with distrust."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_transfer import members, repacked
from tracked_world import EVERYTHING, begin, log, point, put, save

from modelry.core.errors import Invalid, Unsupported
from modelry.core.service import Service
from modelry.core.strict_json import dumps
from modelry.core.tracking.model import Link, UsedDataset
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import world_on

Change = Callable[[dict[str, Any]], None]


def lived(folder: Path) -> Service:
    """Let a little of everything happen in two projects."""
    world = world_on(MemoryStore(), folder)
    service = Service(world)
    service.create_project("lab")
    for project in ("default", "lab"):
        tracking = service.tracking(project)
        made = tracking.create_experiment("digits", {"t": "u"})
        run = begin(tracking, made.id, user="ada", start=3, tags={"k": "v"})
        model = save(tracking, made.id, run_id=run.id, params=[("p", "1")], tags={"t": "u"})
        log(tracking, run, point("auc", 0.5, model=model.id, dataset="d", digest="1"),
            point("auc", math.nan, 1), point("up", math.inf), point("down", -math.inf),
            params=[("C", "1")])  # fmt: skip
        used = UsedDataset(name="d", digest="1", source="{}", schema="s", tags={"a": "b"})
        tracking.relate(run.id, [used], [Link("output", model.id, 1)])
        put(world, f"{run.artifact_root}/a", f"a of {project}".encode())
        put(world, f"{model.artifact_root}/MLmodel", b"model")
        tracking.update_run(run.id, status="FINISHED", end=9)
        tracking.delete_run(begin(tracking).id)
        tracking.delete_logged_model(save(tracking).id)
    return service


def everything(service: Service) -> list[object]:
    facts: list[object] = []
    for project in service.projects():
        tracking = service.tracking(project)
        experiments = tracking.find_experiments(EVERYTHING)
        ids = [each.id for each in experiments]
        runs = tracking.find_runs(ids, EVERYTHING)
        facts += [experiments, repr(runs), tracking.find_logged_models(ids, EVERYTHING)]
        facts += [repr(tracking.history(run.id, "auc", 10)) for run in runs]
        facts += [service.stored_files(run.artifact_root) for run in runs]
    return facts


def packed(service: Service, name: str | None = None) -> io.BytesIO:
    stream = io.BytesIO()
    service.export(stream, name)
    stream.seek(0)
    return stream


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return packed(lived(tmp_path_factory.mktemp("lived"))).getvalue()


@pytest.fixture
def other(tmp_path: Path) -> Service:
    store = SqliteStore(tmp_path / "other" / "registry.db")
    return Service(world_on(store, tmp_path / "other"))


def test_a_restored_backup_has_the_same_runs(tmp_path: Path, other: Service) -> None:
    service = lived(tmp_path / "lived")
    carried = other.restore(packed(service))
    assert carried.blobs == 3
    assert everything(other) == everything(service)
    assert not other.audit().problems
    assert other.gc(grace=0).blobs == 0
    assert other.checkpoint().heads == service.checkpoint().heads
    again = Service(world_on(MemoryStore(), tmp_path / "again"))
    again.restore(packed(other))
    assert everything(again) == everything(service)


def test_an_import_takes_models_alone(tmp_path: Path, other: Service) -> None:
    service = lived(tmp_path / "lived")
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    service.register("m", path)
    assert other.import_(packed(service)).blobs == 1
    assert [each.model.name for each in other.models()] == ["m"]
    assert not other.tracking().find_runs(["0"], EVERYTHING)
    assert other.gc(grace=0).blobs == 0
    alone = Service(world_on(MemoryStore(), tmp_path / "alone"))
    assert alone.import_(packed(service, "m")).blobs == 1


def changed(archive: bytes, kind: str, change: Change) -> io.BytesIO:
    """Change the first record of tracking of a kind, and make the end of the archive right."""
    parts = members(io.BytesIO(archive))
    records = [json.loads(line) for line in dict(parts)["records.jsonl"].splitlines()]
    change(next(each for each in records if each.get("kind") == kind and each["record"] == "tracking"))  # fmt: skip
    text = b"".join(dumps(each).encode() + b"\n" for each in records)
    return repacked([(name, text if name == "records.jsonl" else data) for name, data in parts])


def field(name: str, value: object) -> Change:
    def change(record: dict[str, Any]) -> None:
        record["body"][name] = value

    return change


def rows(value: object) -> Change:
    return lambda record: record["body"].update(rows=[value])


FORGERIES: dict[str, tuple[str, Change]] = {
    "no body": ("run", lambda record: record.update(body=[])),
    "another kind": ("run", lambda record: record.update(kind="other")),
    "an id that is none": ("run", field("id", "../x")),
    "a key that is none": ("experiment", field("key", "x")),
    "a model without an id": ("logged_model", field("id", "x")),
    "a field too many": ("run", field("more", "x")),
    "a number that is text": ("run", field("created", "x")),
    "a flag for a number": ("run", field("start", True)),  # noqa: FBT003 - a forged value
    "parameters that are a list": ("run", field("params", [])),
    "a parameter that is a number": ("run", field("params", {"a": 1})),
    "tags that cannot be": ("run", field("tags", {"..": "x"})),
    "links that are none": ("run", field("links", [["other", "m", 1]])),
    "data sets without a name": ("run", field("datasets", [{"name": "", "digest": "1"}])),
    "a run of no experiment": ("run", field("experiment", "7")),
    "a run of another project": ("run", field("project", "elsewhere")),
    "an experiment that is another project's own": ("experiment", field("key", "0/elsewhere")),
    "a project that is none": ("experiment", field("project", "../x")),
    "an artefact of nothing": ("artifact", field("of", "f" * 32)),
    "an artefact elsewhere": ("artifact", field("path", "../../etc/passwd")),
    "an artefact without a digest": ("artifact", field("sha256", "ab")),
    "an artefact of other bytes": ("artifact", field("sha256", "ab" * 32)),
    "measurements of nothing": ("points", field("run", "f" * 32)),
    "a measurement that is cut": ("points", rows(["a", 1])),
    "a measurement that is text": ("points", rows(["a", "much", 1, 1, None, None, None])),
    "a measurement before time": ("points", rows(["a", 1, -1, 1, None, None, None])),
    "a measurement of no model": ("points", rows(["a", 1, 1, 1, "m-1", None, None])),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_archive_is_refused_and_nothing_is_kept(
    archive: bytes, other: Service, forgery: str
) -> None:
    with pytest.raises(Invalid):
        other.restore(changed(archive, *FORGERIES[forgery]))
    assert not other.checkpoint().heads
    assert not other.tracking().find_runs(["0"], EVERYTHING)


def test_a_measurement_of_a_model_of_another_project_is_refused(
    archive: bytes, other: Service
) -> None:
    parts = members(io.BytesIO(archive))
    records = [json.loads(line) for line in dict(parts)["records.jsonl"].splitlines()]
    bodies = [each["body"] for each in records if each["record"] == "tracking"]
    model = next(each for each in bodies if each.get("model_type") == "" and each["project"] == "lab")  # fmt: skip
    ours = {each["id"] for each in bodies if "links" in each and each["project"] == "default"}
    told = next(each for each in bodies if each.get("run") in ours)
    told["rows"] = [["a", 1, 1, 1, model["id"], None, None]]
    text = b"".join(dumps(each).encode() + b"\n" for each in records)
    with pytest.raises(Invalid, match="measured a model of another project"):
        other.restore(
            repacked([(name, text if name == "records.jsonl" else data) for name, data in parts])
        )


def test_a_store_that_keeps_no_runs_takes_no_backup_with_them(
    archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on(MemoryStore(), tmp_path)
    with world.store.read() as view:
        monkeypatch.setattr(type(view), "tracking", None)
    service = Service(world)
    with pytest.raises(Unsupported, match="restore it into one on SQLite or PostgreSQL"):
        service.restore(io.BytesIO(archive))
    service.create_project("lab")
    assert packed(service).getvalue()
