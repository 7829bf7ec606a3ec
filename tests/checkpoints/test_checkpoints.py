"""Signed checkpoints: they show a cut log, cannot be forged, and are written once."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from modelry.core.errors import Corrupt, Invalid, Unavailable
from modelry.core.registry import Registry
from modelry.core.verbs.audit import checkpoint_from_text, checkpoint_to_text
from modelry.core.verbs.world import World
from modelry.server.checkpoints import CheckpointSettings, Keeper, is_signed, read_signed, start
from modelry.server.checkpoints.keys import key_at
from modelry.server.checkpoints.places import Folder, Place, open_place
from modelry.stores.sql import SqliteStore
from modelry.testing.fakes import TickingClock, world_on

HOUR = 3600 * 1_000_000
MakeFile = Callable[..., Path]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def settings(tmp_path: Path, kept: Path) -> CheckpointSettings:
    return CheckpointSettings(kept.as_uri(), tmp_path / "keys")


def later(world: World, micros: int = HOUR) -> None:
    clock = world.clock
    assert isinstance(clock, TickingClock)
    clock.set(clock.now() + micros)


def files(kept: Path) -> list[str]:
    return sorted(each.name for each in kept.iterdir())


def public(settings: CheckpointSettings) -> bytes:
    return (settings.home / "checkpoints.pub").read_bytes()


def test_a_checkpoint_names_the_last_record_of_every_chain(
    world: World, settings: CheckpointSettings, kept: Path, model_file: MakeFile
) -> None:
    registry = Registry(world)
    registry.register("m", model_file())
    assert Keeper(world, settings).look()
    seen = read_signed((kept / "000000000001.json").read_bytes(), public(settings))
    assert seen.heads == registry.checkpoint().heads
    assert registry.audit(checkpoint=seen).problems == ()


def test_the_next_one_is_taken_after_an_hour_and_names_the_one_before(
    world: World, settings: CheckpointSettings, kept: Path
) -> None:
    import hashlib

    keeper = Keeper(world, settings)
    assert [keeper.look(), keeper.look()] == [True, False]
    later(world, HOUR // 2)
    assert not keeper.look()
    later(world, HOUR // 2)
    assert keeper.look()
    assert files(kept) == ["000000000001.json", "000000000002.json"]
    first = (kept / "000000000001.json").read_bytes()
    second = json.loads((kept / "000000000002.json").read_bytes())
    assert second["previous"] == hashlib.sha256(first).hexdigest()
    assert (json.loads(first)["previous"], second["sequence"]) == (None, 2)


def test_two_leaders_write_one_file(world: World, settings: CheckpointSettings, kept: Path) -> None:
    keepers = [Keeper(world, settings) for _ in range(2)]
    assert [each.look() for each in keepers] == [True, False]
    assert keepers[1].newest_at == keepers[0].newest_at
    later(world)
    assert [each.look() for each in reversed(keepers)] == [True, False]
    assert files(kept) == ["000000000001.json", "000000000002.json"]


def test_of_many_processes_that_look_at_once_one_writes(
    world: World, settings: CheckpointSettings, kept: Path
) -> None:
    keepers = [Keeper(world, settings) for _ in range(8)]
    for _ in range(3):
        wrote: list[bool] = []
        together(keepers, wrote)
        assert sum(wrote) == 1
        later(world)
    assert len(files(kept)) == 3


def together(keepers: list[Keeper], wrote: list[bool]) -> None:
    barrier = threading.Barrier(len(keepers))

    def look(keeper: Keeper) -> None:
        barrier.wait(60)
        wrote.append(keeper.look())

    threads = [threading.Thread(target=look, args=(each,)) for each in keepers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def test_two_that_both_have_the_turn_still_write_one_file(
    world: World, settings: CheckpointSettings, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelry.server.checkpoints.turns.Turns.take", lambda *_: True)
    keepers = [Keeper(world, settings) for _ in range(6)]
    for count in (1, 2):
        wrote: list[bool] = []
        together(keepers, wrote)
        assert sum(wrote) == 1
        assert len(files(kept)) == count
        later(world)


def test_another_goes_on_where_one_died_at_its_turn(
    world: World, settings: CheckpointSettings, kept: Path
) -> None:
    class Dying:
        def newest(self) -> None:
            raise SystemExit

        def put_new(self, sequence: int, data: bytes) -> bool:
            raise AssertionError(sequence, data)  # it dies before it puts anything

    with pytest.raises(SystemExit):
        Keeper(world, settings, Dying()).look()
    other = Keeper(world, settings)
    assert not other.look()
    later(world, 301 * 1_000_000)
    assert other.look()
    assert len(files(kept)) == 1


def test_a_clock_that_was_far_ahead_does_not_stop_checkpoints(
    world: World, settings: CheckpointSettings, kept: Path
) -> None:
    clock = world.clock
    assert isinstance(clock, TickingClock)
    now = clock.now()
    clock.set(now + 1000 * HOUR)
    assert Keeper(world, settings).look()
    clock.set(now)
    assert Keeper(world, settings).look()
    assert len(files(kept)) == 2


@pytest.fixture
def lived(tmp_path: Path, model_file: MakeFile) -> Iterator[tuple[World, Path]]:
    """A registry in SQLite with two models, and its database file."""
    database = tmp_path / "home" / "registry.db"
    world = world_on(SqliteStore(database), tmp_path / "home")
    registry = Registry(world)
    registry.register("m", model_file("one"))
    registry.register("m", model_file("two"))
    registry.register("n", model_file("three"))
    yield world, database
    world.store.close()


def cut(database: Path) -> None:
    """Take the last record of a chain away, as somebody would who can write the database."""
    with closing(sqlite3.connect(database)) as connection:
        (top,) = connection.execute(
            "select max(seq) from events where chain = 'default/m'"
        ).fetchone()
        connection.execute("delete from events where chain = 'default/m' and seq = ?", (top,))
        digest, at = connection.execute(
            "select hash, at from events where chain = 'default/m' and seq = ?", (top - 1,)
        ).fetchone()
        connection.execute(
            "update heads set seq = ?, hash = ?, at = ? where chain = 'default/m'",
            (top - 1, digest, at),
        )
        connection.commit()


def test_a_truncated_log_is_noticed_by_an_audit_with_the_checkpoint(
    lived: tuple[World, Path], settings: CheckpointSettings, kept: Path
) -> None:
    world, database = lived
    Keeper(world, settings).look()
    cut(database)
    seen = read_signed((kept / "000000000001.json").read_bytes(), public(settings))
    problems = Registry(world).audit(checkpoint=seen).problems
    assert any(each.what == "was there at the checkpoint and is gone" for each in problems)


def test_a_truncated_log_is_noticed_before_the_next_checkpoint_which_is_not_taken(
    lived: tuple[World, Path], settings: CheckpointSettings, kept: Path
) -> None:
    world, database = lived
    keeper = Keeper(world, settings)
    keeper.look()
    cut(database)
    later(world)
    with pytest.raises(Corrupt, match="records of default/m are not those that checkpoint 1 saw"):
        keeper.look()
    assert files(kept) == ["000000000001.json"]


@pytest.fixture
def written(world: World, settings: CheckpointSettings, kept: Path, model_file: MakeFile) -> Path:
    Registry(world).register("m", model_file())
    Keeper(world, settings).look()
    return kept / "000000000001.json"


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("sequence",), 7),
        (("previous",), "0" * 64),
        (("checkpoint", "at"), 1),
        (("checkpoint", "heads"), []),
        (("checkpoint", "heads", 0, 2), "0" * 64),
        (("signature",), base64.b64encode(b"x" * 64).decode()),
        (("signature",), "not base64"),
        (("signature",), None),
    ],
)
def test_a_forged_checkpoint_is_refused(
    written: Path, settings: CheckpointSettings, where: tuple[str | int, ...], value: object
) -> None:
    document = json.loads(written.read_bytes())
    inner = document
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    with pytest.raises(Corrupt, match="changed or forged"):
        read_signed(json.dumps(document).encode(), public(settings))


def test_a_checkpoint_that_a_forger_signed_with_a_key_of_their_own_is_refused(
    written: Path, settings: CheckpointSettings, tmp_path: Path, world: World
) -> None:
    other = replace(settings, place=(tmp_path / "b").as_uri(), home=tmp_path / "forger")
    later(world)
    Keeper(world, other).look()
    forged = (tmp_path / "b" / "000000000001.json").read_bytes()
    assert read_signed(forged, public(other))
    with pytest.raises(Corrupt, match="not of this key"):
        read_signed(forged, public(settings))
    assert is_signed(written.read_bytes())


def test_a_keeper_goes_on_after_no_checkpoint_that_is_not_its_own(
    written: Path, settings: CheckpointSettings, tmp_path: Path, world: World
) -> None:
    later(world)
    with pytest.raises(Corrupt, match="another server wrote it"):
        Keeper(world, replace(settings, home=tmp_path / "other")).look()
    later(world)
    written.with_name("000000000009.json").write_bytes(written.read_bytes())
    with pytest.raises(Corrupt, match="it was moved"):
        Keeper(world, settings).look()


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format": "x"}', b"not json"])
def test_what_is_no_signed_checkpoint_is_refused(
    data: bytes, written: Path, settings: CheckpointSettings
) -> None:
    del written
    with pytest.raises(Invalid):
        read_signed(data, public(settings))


def test_a_plain_checkpoint_is_told_from_a_signed_one(
    world: World, written: Path, settings: CheckpointSettings
) -> None:
    plain = checkpoint_to_text(Registry(world).checkpoint()).encode()
    assert (is_signed(plain), is_signed(written.read_bytes())) == (False, True)
    with pytest.raises(Invalid, match="not a signed checkpoint"):
        read_signed(plain, public(settings))
    with pytest.raises(Invalid, match="not a checkpoint"):
        checkpoint_from_text(written.read_bytes())


@pytest.mark.parametrize("pem", [b"", b"nonsense"])
def test_what_is_no_public_key_is_refused(pem: bytes, written: Path) -> None:
    with pytest.raises(Invalid, match="not the public key of checkpoints"):
        read_signed(written.read_bytes(), pem)


def test_the_key_is_made_once_and_for_its_owner_alone(
    world: World, settings: CheckpointSettings
) -> None:
    Keeper(world, settings)
    path = settings.home / "checkpoints.key"
    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    Keeper(world, settings)
    assert path.read_bytes() == made
    assert b"PRIVATE" not in public(settings)
    assert sorted(each.name for each in settings.home.iterdir()) == [
        "checkpoints.key",
        "checkpoints.pub",
    ]


def test_of_many_that_make_the_key_at_once_all_get_the_same(tmp_path: Path) -> None:
    barrier, got = threading.Barrier(8), set()

    def make() -> None:
        barrier.wait(60)
        got.add(key_at(tmp_path / "checkpoints.key").private_bytes_raw())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(got) == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_key_that_is_open_to_others_is_refused(
    world: World, settings: CheckpointSettings, tmp_path: Path
) -> None:
    key_at(tmp_path / "own.key")
    (tmp_path / "own.key").chmod(0o644)
    with pytest.raises(Invalid, match="chmod 600"):
        Keeper(world, replace(settings, key=tmp_path / "own.key"))


def test_a_key_that_is_named_is_never_made(
    world: World, settings: CheckpointSettings, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        Keeper(world, replace(settings, key=tmp_path / "absent.key"))
    (tmp_path / "wrong.key").write_bytes(b"nonsense")
    (tmp_path / "wrong.key").chmod(0o600)
    with pytest.raises(Invalid, match="openssl genpkey"):
        Keeper(world, replace(settings, key=tmp_path / "wrong.key"))


def test_a_file_that_is_there_is_never_replaced(kept: Path) -> None:
    place: Place = Folder(kept)
    assert place.newest() is None
    assert place.put_new(1, b"one")
    assert not place.put_new(1, b"two")
    (kept / "notes.txt").write_text("not ours")
    assert place.newest() == (1, b"one")
    assert files(kept) == ["000000000001.json", "notes.txt"]


@pytest.mark.parametrize("uri", ["", "folder", "http://x", "ftp://x"])
def test_what_is_no_place_is_refused(uri: str) -> None:
    with pytest.raises(Invalid, match="no place for checkpoints"):
        open_place(uri)


def test_the_thread_of_a_server_writes_and_stops(
    world: World, settings: CheckpointSettings, kept: Path
) -> None:
    before = threading.active_count()
    running = start(world, settings)
    until = threading.Event()
    for _ in range(600):
        if kept.is_dir() and list(kept.glob("0*.json")):
            break
        until.wait(0.05)
    running.stop()
    assert threading.active_count() == before
    assert read_signed((kept / "000000000001.json").read_bytes(), public(settings))


def test_a_failure_is_logged_and_counted_and_the_thread_goes_on(
    lived: tuple[World, Path], settings: CheckpointSettings, caplog: pytest.LogCaptureFixture
) -> None:
    from modelry.telemetry.metrics import metrics

    world, database = lived
    Keeper(world, settings).look()
    cut(database)
    later(world)
    before = metrics().registry.get_sample_value("modelry_checkpoint_failures_total") or 0
    running = start(world, settings)
    until = threading.Event()
    for _ in range(600):
        if metrics().registry.get_sample_value("modelry_checkpoint_failures_total") != before:
            break
        until.wait(0.05)
    running.stop()
    assert "records were removed or replaced" in caplog.text
    assert metrics().registry.get_sample_value("modelry_checkpoint_failures_total") == before + 1
