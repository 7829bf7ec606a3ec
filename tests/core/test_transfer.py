"""Export, import, backup and restore, and archives made by an enemy."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelry.core.errors import Conflict, Corrupt, Invalid, NotFound, RegistryError
from modelry.core.events import GENESIS, Event, EventKind, hash_of
from modelry.core.registry import Registry
from modelry.core.strict_json import dumps
from modelry.core.verbs.audit import Checkpoint
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import registry_on

MakeFile = Callable[..., Path]
Member = tuple[str, bytes]


def live(registry: Registry, folder: Path) -> Registry:
    """Let a little of everything happen."""

    def model_file(text: str) -> Path:
        path = folder / text / "model.bin"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    registry.register("m", model_file("w1"), version="1.0", metrics={"auc": 0.5}, tags={"a": "b"})
    registry.register("m", model_file("w2"), description="second")
    registry.register("m", model_file("w3"))
    registry.promote("m:1", "production", comment="go")
    registry.promote("m:2", "production")
    registry.rollback("m")
    registry.alias("m", "champion", "2")
    registry.delete("m:3")
    registry.purge("m:3")
    registry.describe("m", "words")
    registry.create_project("lab")
    registry.configure_stages(["new", "good"], "lab")
    registry.register("lab/x", model_file("x"))
    registry.promote("lab/x:1", "good")
    registry.create_model("empty", tags=["soon"])
    registry.register("gone", model_file("g"))
    registry.delete("gone")
    return registry


@pytest.fixture
def lived(registry: Registry, tmp_path: Path) -> Registry:
    return live(registry, tmp_path / "sources")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("archive")
    return packed(live(registry_on(MemoryStore(), folder / "home"), folder)).getvalue()


@pytest.fixture
def other(tmp_path: Path) -> Registry:
    return registry_on(SqliteStore(tmp_path / "other" / "registry.db"), tmp_path / "other")


def packed(registry: Registry, name: str | None = None) -> io.BytesIO:
    stream = io.BytesIO()
    registry.export(stream, name)
    stream.seek(0)
    return stream


def members(stream: io.BytesIO) -> list[Member]:
    with tarfile.open(fileobj=stream) as tar:
        return [(each.name, tar.extractfile(each).read()) for each in tar]  # type: ignore[union-attr]  # plain files


def repacked(
    parts: list[Member], change: Callable[[tarfile.TarInfo], None] | None = None
) -> io.BytesIO:
    """Write an archive again, its end made right for what it holds now."""
    records = dict(parts).get("records.jsonl", b"")
    end = {
        "records": records.count(b"\n"),
        "blobs": sum(name.startswith("blobs/") for name, _ in parts),
        "sha256": hashlib.sha256(records).hexdigest(),
    }
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in parts:
            text = json.dumps(end).encode() if (name, data[:1]) == ("end.json", b"{") else data
            member = tarfile.TarInfo(name)
            member.size = len(text)
            if change is not None:
                change(member)
            tar.addfile(member, io.BytesIO(text))
    stream.seek(0)
    return stream


def everything(registry: Registry) -> list[object]:
    """Answer all that a caller can see, without the ids that a store gives out."""
    facts: list[object] = [registry.projects()]
    for summary in registry.models():
        name = summary.model.full_name
        versions = [(v.ref, v.version, v.stage, v.aliases, v.digest, v.metrics, v.tags, v.author,
                     v.description, v.created, v.environment) for v in registry.versions(name)]  # fmt: skip
        history = registry.history(name)
        facts += [name, summary.pointers, versions, history.events, history.pointers]
    return facts


def test_row_51_a_restored_backup_is_the_same_registry(lived: Registry, other: Registry) -> None:
    seen: list[str] = []
    with io.BytesIO() as stream:
        carried = lived.export(stream, progress=lambda what, done, total: seen.append(what))  # noqa: ARG005 - the port's signature
        stream.seek(0)
        restored = other.restore(stream, progress=lambda what, done, total: seen.append(what))  # noqa: ARG005 - the port's signature
    assert carried.models == 4
    assert (restored.versions, restored.blobs) == (5, 4)
    assert everything(other) == everything(lived)
    assert other.checkpoint().heads == lived.checkpoint().heads
    assert not other.audit().problems
    assert not other.verify().problems
    assert other.use("m@production").read_text() == "w1"
    assert set(seen) == {"writing blobs", "taking blobs in"}
    assert other.history("gone").events[0].kind == "model.deleted"


def test_row_51_a_backup_is_restored_into_an_empty_registry_only(
    lived: Registry, other: Registry, model_file: MakeFile
) -> None:
    other.register("here", model_file("h"))
    with pytest.raises(Conflict, match="empty registry"):
        other.restore(packed(lived))


def test_row_51_a_backup_behind_a_checkpoint_is_refused(lived: Registry, other: Registry) -> None:
    stale = packed(lived)
    lived.tag("m:1", {"later": "x"})
    with pytest.raises(Conflict, match=r"cannot be restored: default/m#11 was there"):
        other.restore(stale, checkpoint=lived.checkpoint())
    assert not other.models()
    assert not other.checkpoint().heads
    other.restore(packed(lived), checkpoint=Checkpoint(0, lived.checkpoint().heads))


def test_one_model_is_not_a_backup(lived: Registry, other: Registry) -> None:
    with pytest.raises(Invalid, match="use modelry import"):
        other.restore(packed(lived, "m"))
    with pytest.raises(NotFound):
        packed(lived, "absent")


def test_an_import_brings_models_with_history_and_records_itself(
    lived: Registry, other: Registry, model_file: MakeFile
) -> None:
    other.register("here", model_file("h"))
    carried = other.import_(packed(lived))
    assert (carried.models, carried.versions, carried.blobs) == (4, 5, 4)
    assert other.history("m").pointers == lived.history("m").pointers
    assert str(other.history("m").events[0].kind) == "model.imported"
    assert other.history("m").events[1:] == lived.history("m").events
    assert other.stages("lab") == lived.stages("lab")
    assert other.resolve("lab/x@good").number == 1
    assert not other.audit().problems
    assert other.register("m", model_file("w4")).number == 4


def test_an_import_can_be_run_again(lived: Registry, other: Registry) -> None:
    other.import_(packed(lived, "m"))
    assert other.import_(packed(lived, "m")).models == 0
    assert other.import_(packed(lived)).models == 3
    assert not other.audit().problems


def test_a_model_with_another_history_is_a_conflict(
    lived: Registry, other: Registry, model_file: MakeFile
) -> None:
    other.register("m", model_file("mine"))
    before = everything(other)
    with pytest.raises(Conflict, match="m is here already with another history"):
        other.import_(packed(lived))
    assert everything(other) == before


def test_an_import_needs_the_stages_that_its_versions_are_in(
    lived: Registry, other: Registry
) -> None:
    other.create_project("lab")
    with pytest.raises(Conflict, match=r"is in new|is in good"):
        other.import_(packed(lived, "lab/x"))
    assert not other.models()


def test_a_damaged_blob_is_not_exported(lived: Registry, tmp_path: Path) -> None:
    sha256 = lived.resolve("m:1").files[0].sha256
    path = next(path for path in tmp_path.rglob("*") if path.name.endswith(sha256[2:]))
    path.chmod(0o600)
    path.write_bytes(b"wX")
    with pytest.raises(Corrupt, match="run modelry verify"):
        packed(lived)


def of_lived(name: str, change: Callable[[bytes], bytes]) -> Callable[[list[Member]], list[Member]]:
    return lambda parts: [(each, change(data) if each == name else data) for each, data in parts]


def without(start: str) -> Callable[[list[Member]], list[Member]]:
    return lambda parts: [part for part in parts if not part[0].startswith(start)]


def lines(keep: Callable[[bytes], bytes]) -> Callable[[list[Member]], list[Member]]:
    return of_lived(
        "records.jsonl", lambda data: b"".join(map(keep, data.splitlines(keepends=True)))
    )


def last_blob_twice(parts: list[Member]) -> list[Member]:
    return [*parts[:-1], parts[-2], parts[-1]]


def a_foreign_blob(parts: list[Member]) -> list[Member]:
    data = b"foreign"
    return [*parts[:-1], (f"blobs/sha256/{hashlib.sha256(data).hexdigest()}", data), parts[-1]]


def a_changed_blob(parts: list[Member]) -> list[Member]:
    return [(name, b"XX" if data == b"w1" else data) for name, data in parts]


def first_event_gone(parts: list[Member]) -> list[Member]:
    return lines(lambda line: b"" if b'"seq":1}' in line and b"default/m" in line else line)(parts)


ENEMIES: dict[str, Callable[[list[Member]], list[Member]]] = {
    "nothing": lambda parts: parts[:0],
    "no about": without("modelry.json"),
    "another format": of_lived("modelry.json", lambda data: data.replace(b".v1", b".v9")),
    "about that is a list": of_lived("modelry.json", lambda _: b"[]"),
    "no records": without("records"),
    "no end": without("end"),
    "no blobs": without("blobs"),
    "an end that lies": lambda parts: [*parts[:-1], ("end.json", b' {"records":1}')],
    "more after the end": lambda parts: [*parts, ("more", b"x")],
    "a member of another name": lambda parts: [*parts[:-1], ("../../etc/passwd", b"x"), parts[-1]],
    "a blob twice": last_blob_twice,
    "a foreign blob": a_foreign_blob,
    "a changed blob": a_changed_blob,
    "a cut record": of_lived("records.jsonl", lambda data: data[:-5]),
    "a record that is no JSON": of_lived("records.jsonl", lambda data: data + b"{\n"),
    "a record of an unknown kind": of_lived("records.jsonl", lambda data: data + b'{"record":1}\n'),
    "a record without fields": of_lived("records.jsonl", lambda d: d + b'{"record":"event"}\n'),
    "an event without a body": lines(
        lambda line: line.replace(b'"body":{', b'"body":[],"x":{', 1)),
    "an edited event": lines(lambda line: line.replace(b'"actor":"ada"', b'"actor":"eve"')),
    "a removed event": first_event_gone,
    "versions without events": lines(lambda line: b"" if b'"record":"event"' in line else line),
    "events without versions": lines(lambda line: b"" if b'"record":"version"' in line else line),
    "an edited metric": lines(lambda line: line.replace(rb'\"auc\":0.5', rb'\"auc\":0.9')),
    "an edited file": lines(lambda line: line.replace(rb'\"model.bin\"', rb'\"../model\"')),
    "an edited project name": lines(lambda line: line.replace(b'"name":"lab"', b'"name":"../x"')),
    "stages that are none": lines(lambda line: line.replace(b'"stages":[', b'"stages":7,"x":[')),
    "a duplicate key": lines(lambda line: line.replace(b'"seq":1}', b'"seq":1,"seq":1}')),
}  # fmt: skip


@pytest.mark.parametrize("enemy", ENEMIES)
@pytest.mark.parametrize("how", ["import", "restore"])
def test_row_17_18_19_20_36_a_changed_archive_is_refused_and_nothing_is_kept(
    archive: bytes, other: Registry, enemy: str, how: str
) -> None:
    stream = repacked(ENEMIES[enemy](members(io.BytesIO(archive))))
    with pytest.raises(RegistryError):
        (other.import_ if how == "import" else other.restore)(stream)
    assert not other.models()
    assert not other.checkpoint().heads


def forged(archive: bytes, change: Callable[[dict[str, Any]], None]) -> io.BytesIO:
    """Change the records of an archive and give every chain hashes that fit again."""
    records = [json.loads(line) for line in dict(members(io.BytesIO(archive)))["records.jsonl"]
               .splitlines()]  # fmt: skip
    last: dict[str, str] = {}
    for record in records:
        change(record)
        if record["record"] == "event":
            facts = {key: value for key, value in record.items() if key not in {"record", "hash"}}
            facts |= {"prev": last.get(record["chain"], GENESIS), "kind": EventKind(record["kind"])}
            record["prev"] = facts["prev"]
            record["hash"] = last[record["chain"]] = hash_of(Event(**facts, hash=""))
    text = b"".join(dumps(record).encode() + b"\n" for record in records)
    return repacked([(name, text if name == "records.jsonl" else data)
                     for name, data in members(io.BytesIO(archive))])  # fmt: skip


def nothing(record: dict[str, Any]) -> None:
    del record


def body(key: str, value: object, *, seq: int = 4) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        if record.get("chain") == "default/m" and record["seq"] == seq:
            record["body"][key] = value

    return change


def fact(key: str, value: object, *, seq: int = 1) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        if record.get("chain") == "default/m" and record["seq"] == seq:
            record[key] = value

    return change


def born(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        if record.get("chain") == "default/m" and record["seq"] == 1:
            record["body"]["model"][key] = value

    return change


FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "versions that are none": body("versions", 7),
    "a maker that is none": born("author", 7),
    "a beginning that is no time": born("created", "now"),
    "an actor that clears the screen": fact("actor", "\x1b[2J"),
    "a comment that reads backwards": body("comment", "a\u202eb"),
    "a key that hides": body("\x07", 1),
    "stages that are none": body("stages", 7, seq=6),
    "a stage that is unknown": body("stages", [[1, "none", "moon"]], seq=6),
    "a pointer to nothing": body("moves", [["production", "stage", 99, 4, None]], seq=6),
    "a pointer to a deleted version": body("moves", [["production", "stage", 3, 4, None]], seq=6),
    "moves that are none": body("moves", [[1]]),
    "no beginning": body("model", None, seq=1),
    "the beginning of another": body("model", {"name": "x", "description": "", "tags": {}}, seq=1),
    "tags that are none": body("tags", {"\t": "x"}, seq=1),
    "tags that are a list": body("tags", 3, seq=10),
    "a number of a version that is not there": fact("number", 77),
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("how", ["import", "restore"])
def test_a_forged_history_with_true_hashes_is_refused_where_it_makes_no_sense(
    archive: bytes, other: Registry, forgery: str, how: str
) -> None:
    stream = forged(archive, FORGERIES[forgery])
    with pytest.raises(RegistryError):
        (other.import_ if how == "import" else other.restore)(stream)
    assert not other.models()
    assert not other.checkpoint().heads


def test_a_forgery_that_changes_nothing_is_taken(archive: bytes, other: Registry) -> None:
    assert other.import_(forged(archive, nothing)).models == 4
    assert not other.audit().problems


def test_a_document_with_the_digest_of_other_files_is_refused(
    archive: bytes, other: Registry
) -> None:
    def change(record: dict[str, Any]) -> None:
        if record["record"] == "version":
            record["document"] = record["document"].replace('["model.bin"', '["renamed"')

    with pytest.raises(Invalid, match="does not have the digest of its files"):
        other.import_(forged(archive, change))


def test_a_repacked_archive_is_taken_when_nothing_was_changed(
    lived: Registry, other: Registry
) -> None:
    other.restore(repacked(members(packed(lived))))
    assert everything(other) == everything(lived)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE,
             tarfile.GNUTYPE_SPARSE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME],
)  # fmt: skip
def test_row_18_links_devices_and_sparse_members_are_refused(
    archive: bytes, other: Registry, kind: bytes
) -> None:
    parts = members(io.BytesIO(archive))
    stream = repacked(parts)
    data = bytearray(stream.getvalue())
    at = data.index(b"records.jsonl")
    data[at + 156 : at + 157] = kind
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    with pytest.raises(Invalid, match="no plain file"):
        other.import_(io.BytesIO(bytes(data)))
    assert not other.models()


def test_row_36_an_archive_that_is_cut_anywhere_is_refused(
    lived: Registry, other: Registry
) -> None:
    whole = packed(lived, "m").getvalue()
    end = len(whole.rstrip(b"\0"))
    for length in (*range(0, end, 1024), end - 1):
        with pytest.raises(Invalid):
            other.import_(io.BytesIO(whole[:length]))
    assert not other.models()


def test_row_16_a_member_that_claims_to_be_huge_is_refused(archive: bytes, other: Registry) -> None:
    stream = io.BytesIO(archive)
    data = bytearray(stream.getvalue())
    at = data.index(b"records.jsonl")
    data[at + 124 : at + 136] = b"77777777777\0"
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    with pytest.raises(Invalid, match="is cut inside"):
        other.import_(io.BytesIO(bytes(data)))


def test_rubbish_is_no_archive(other: Registry) -> None:
    for data in (b"", b"x" * 5000, bytes(10240)):
        with pytest.raises(Invalid):
            other.import_(io.BytesIO(data))


def test_a_memory_registry_can_be_carried_into_a_file(
    tmp_path: Path, model_file: MakeFile, other: Registry, world: World
) -> None:
    del world
    source = registry_on(MemoryStore(), tmp_path / "memory")
    source.register("m", model_file("w"))
    other.import_(packed(source))
    assert other.use("m").read_text() == "w"
