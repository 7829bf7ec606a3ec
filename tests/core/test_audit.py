"""An audit finds every record and every fact that was edited, removed or put elsewhere."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from modelry.core.errors import Invalid
from modelry.core.events import Event, EventKind, Head, Problem, follow, verify_chain
from modelry.core.registry import Registry
from modelry.core.verbs.audit import Checkpoint, checkpoint_from_text, checkpoint_to_text
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import registry_on


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registry in SQLite in which a little of everything has happened."""
    folder = tmp_path_factory.mktemp("life")

    def model_file(text: str) -> Path:
        path = folder / text / "model.bin"
        path.parent.mkdir()
        path.write_text(text)
        return path

    with registry_on(SqliteStore(folder / "home" / "registry.db"), folder / "home") as registry:
        for number in (1, 2, 3):
            registry.register("m", model_file(f"w{number}"), metrics={"auc": number / 10})
        registry.promote("m:1", "production")
        registry.promote("m:2", "production")
        registry.rollback("m")
        registry.alias("m", "champion", "2")
        registry.tag("m:1", {"team": "risk"})
        registry.describe("m", "words")
        registry.delete("m:3")
        registry.purge("m:3")
        registry.create_project("lab")
        registry.configure_stages(["new", "good"], "lab")
        registry.register("lab/x", model_file("x"))
        registry.create_model("empty", description="nothing yet")
    return folder / "home"


@pytest.fixture
def home(life: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(life, tmp_path / "home")) / "registry.db"


@pytest.fixture
def lived(home: Path) -> Iterator[Registry]:
    with registry_on(SqliteStore(home), home.parent) as registry:
        yield registry


def edit(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        connection.commit()


def test_a_registry_that_nobody_touched_has_no_problems(lived: Registry) -> None:
    seen: list[int] = []
    found = lived.audit(progress=lambda what, done, total: seen.append(total - done))  # noqa: ARG005 - the port's signature
    assert (found.chains, found.problems) == (4, ())
    assert found.events == 15
    assert seen[-1] == 0
    assert lived.audit("m").events == 11


EDITS = {
    "an edited actor": ("UPDATE events SET actor='eve' WHERE chain='default/m' AND seq=4",
                        "default/m#4", "was edited"),
    "an edited time": ("UPDATE events SET at=at+1 WHERE chain='default/m' AND seq=4",
                       "default/m#4", "was edited"),
    "an edited body": ("UPDATE events SET body=replace(body,'production','x') WHERE seq=4", "default/m#4", "was edited"),
    "a body that is no JSON": ("UPDATE events SET body='{' WHERE chain='default/m' AND seq=4",
                               "default/m", "#4 was edited"),
    "a kind that is none": ("UPDATE events SET kind='x' WHERE chain='default/m' AND seq=4",
                            "default/m", "#4 was edited"),
    "a removed record": ("DELETE FROM events WHERE chain='default/m' AND seq=5",
                         "default/m#5", "is missing"),
    "a removed last record": ("DELETE FROM events WHERE chain='default/m' AND seq=11",
                              "default/m#11", "is missing: the chain ends"),
    "a removed first record": ("DELETE FROM events WHERE chain='default/m' AND seq=1",
                               "default/m#1", "is missing"),
    "a record put elsewhere": ("UPDATE events SET seq=99 WHERE chain='default/m' AND seq=5",
                               "default/m#5", "is missing"),
    "a record before the first": ("UPDATE events SET seq=-5 WHERE chain='default/m' AND seq=1",
                                  "default/m#1", "is missing"),
    "an edited head": ("UPDATE heads SET hash='x' WHERE chain='default/m'",
                       "default/m#11", "not what the head"),
    "an edited project record": ("UPDATE events SET actor='eve' WHERE chain='lab' AND seq=1",
                                 "lab#1", "was edited"),
    "an edited metric": ("UPDATE versions SET document=replace(document,'0.1','0.9') WHERE id=1", "m:1", "its sealed record does not have its hash"),
    "an edited stage": ("UPDATE versions SET stage='production' WHERE number=2 AND model_id=1",
                        "m:2", "does not stand as its events say"),
    "an edited tag": ("UPDATE versions SET tags='{}' WHERE number=1 AND model_id=1",
                      "m:1", "does not stand as its events say"),
    "an edited change": ("UPDATE versions SET changed=changed + 1 WHERE number=2 AND model_id=1",
                         "m:2", "did not change when its events say"),
    "an undeleted version": ("UPDATE versions SET deleted=NULL WHERE number=3 AND model_id=1",
                             "m:3", "does not stand as its events say"),
    "a moved pointer": ("UPDATE pointers SET number=2 WHERE name='production'",
                        "m@production", "does not point where its events say"),
    "a removed pointer": ("DELETE FROM pointers WHERE name='champion'",
                          "m@champion", "does not point where its events say"),
    "an edited model": ("UPDATE registered_models SET description='x' WHERE name='m'",
                        "m", "is not as its events say"),
    "a reset number": ("UPDATE registered_models SET last_number=1 WHERE name='m'",
                       "m", "is not as its events say"),
    "a removed version": ("DELETE FROM versions WHERE number=2 AND model_id=1",
                          "m:2", "was registered and is gone"),
    "a removed model": ("DELETE FROM registered_models WHERE name='x'",
                        "lab/x", "has records and no model"),
    "an edited environment": ("UPDATE environments SET body='{}'",
                              "m:1", "environment is gone or was edited"),
    "an edited birth": ("UPDATE registered_models SET created=1 WHERE name='empty'",
                        "empty", "is not as its events say"),
}  # fmt: skip


@pytest.mark.parametrize("what", EDITS)
def test_row_70_an_audit_names_what_was_changed(lived: Registry, home: Path, what: str) -> None:
    statement, where, why = EDITS[what]
    edit(home, statement)
    problems = lived.audit().problems
    assert any(each.where == where and why in each.what for each in problems), problems


def test_row_70_two_records_in_each_others_place_are_found(lived: Registry, home: Path) -> None:
    edit(
        home,
        "UPDATE events SET seq=100 WHERE chain='default/m' AND seq=4",
        "UPDATE events SET seq=4 WHERE chain='default/m' AND seq=5",
        "UPDATE events SET seq=5 WHERE chain='default/m' AND seq=100",
    )
    assert {each.where for each in lived.audit().problems} >= {"default/m#4", "default/m#5"}


def test_row_70_versions_and_models_without_a_record_are_found(lived: Registry, home: Path) -> None:
    edit(
        home,
        "INSERT INTO versions SELECT 99, model_id, 9, 'x', 'x', stage, 0, digest, author, created, "
        "size, format, framework, run_id, base, tags, description, "
        "replace(document,'\"number\":2','\"number\":9'), NULL, NULL, 'u9', created FROM versions WHERE number=2",
        "INSERT INTO registered_models SELECT 99, project, 'stray', 'stray', '', '{}', 0, 'eve', 1, 1, NULL, 'u99' "
        "FROM registered_models WHERE name='m'",
    )
    found = {each.where: each.what for each in lived.audit().problems}
    assert found == {
        "m:9": "has no event that registered it",
        "stray": "has no record of how it came to be",
    }


def test_row_70_a_cut_log_is_found_by_a_checkpoint_kept_elsewhere(
    lived: Registry, home: Path
) -> None:
    seen = checkpoint_from_text(checkpoint_to_text(lived.checkpoint()).encode())
    assert not lived.audit(checkpoint=seen).problems
    lived.tag("m:1", {"later": "x"})
    assert not lived.audit(checkpoint=seen).problems
    cut = [
        "DELETE FROM events WHERE chain='default/m' AND seq>=11",
        "UPDATE heads SET seq=10, hash=(SELECT max(hash) FROM events WHERE seq=10) WHERE seq>10",
        "DELETE FROM events WHERE chain='lab'",
        "DELETE FROM heads WHERE chain='lab'",
    ]
    edit(home, *cut)
    found = {each.where: each.what for each in lived.audit(checkpoint=seen).problems}
    assert found["default/m#11"] == "was there at the checkpoint and is gone"
    assert found["lab"] == "was there at the checkpoint and is gone"


def test_row_70_a_rewritten_log_is_found_by_a_checkpoint(lived: Registry) -> None:
    seen = lived.checkpoint()
    heads = tuple(replace(head, hash="0" * 64) for head in seen.heads)
    found = lived.audit(checkpoint=Checkpoint(seen.at, heads)).problems
    assert {each.what for each in found} == {"is not what the checkpoint saw"}
    assert len(found) == len(heads)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format":"modelry.checkpoint.v1","at":1}',
     '{"format":"modelry.checkpoint.v1","at":"x","heads":[]}',
     '{"format":"modelry.checkpoint.v1","at":1,"heads":[1]}',
     '{"format":"modelry.checkpoint.v1","at":1,"heads":[["a","b","c","d"]]}'],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        checkpoint_from_text(text.encode())


def chain_of(count: int) -> list[Event]:
    events: list[Event] = []
    head: Head | None = None
    for now in range(count):
        event = follow(head, "c", EventKind.TAGGED, actor="ada", now=now, number=1, body={})
        events.append(event)
        head = Head("c", event.seq, event.hash, event.at)
    return events


def head_of(events: list[Event]) -> Head:
    last = events[-1]
    return Head("c", last.seq, last.hash, last.at)


def test_a_chain_verifies_and_each_break_in_it_is_named() -> None:
    events = chain_of(4)
    head = head_of(events)
    assert list(verify_chain(events, head)) == []
    assert list(verify_chain([], None)) == []
    shorter = head_of(events[:3])
    assert list(verify_chain(events, shorter)) == [
        Problem("c#4", "is not what the head of its chain says")
    ]
    assert list(verify_chain(events, None)) == [
        Problem("c#4", "is not what the head of its chain says")
    ]
    rehashed = chain_of(2) + chain_of(4)[2:]
    other = [replace(rehashed[0], prev="f" * 64), *rehashed[1:]]
    assert "does not follow the record before it" in {
        each.what for each in verify_chain(other, head)
    }


def test_an_event_shows_its_time_and_comment() -> None:
    event = replace(chain_of(1)[0], body={"comment": "why"}, at=1_750_000_000_000_000)
    assert (event.comment, event.happened_at.year) == ("why", 2025)
    assert chain_of(1)[0].comment == ""


def test_a_registration_records_the_seal_of_its_document(lived: Registry, home: Path) -> None:
    with closing(sqlite3.connect(home)) as connection:
        body = connection.execute("SELECT body FROM events WHERE seq=1").fetchone()[0]
    assert len(json.loads(body)["sealed"]) == 64
    assert lived.resolve("m:1").digest == json.loads(body)["digest"]
