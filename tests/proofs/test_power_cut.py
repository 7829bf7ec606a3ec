"""Row 43 and promises 3 to 5: whenever the power is cut, nothing acknowledged is lost or half there.

One change is recorded as system calls. After each call the power is cut: what
was not fsynced is lost, kept or torn, in several ways. On each disk that this
can leave the registry is opened again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import deed
import pytest
import strace_log
import wholeness
from counts import SEED, STATES
from disk import Disk, write_tree
from disk_states import Replay, State, states
from wholeness import world_of

from modelry.core.errors import Corrupt
from modelry.core.repository import RegistryRepository
from modelry.wiring import connect

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(sys.platform != "linux", reason="strace watches Linux only"),
]
NAMES = ["the first registration of all", "a second version", "a promotion", "a rollback",
         "a tombstone and its purge"]  # fmt: skip
DEEDS: Mapping[str, list[str]] = {
    NAMES[0]: ["register"], NAMES[1]: ["register"], NAMES[2]: ["promote"], NAMES[3]: ["rollback"],
    NAMES[4]: ["delete", "purge"],
}  # fmt: skip


def tell(registry: RegistryRepository) -> Sequence[object]:
    """Answer what the registry holds, so that two can be compared."""
    with world_of(registry).store.read() as view:
        return [
            (head.chain, head.seq, head.hash, model and [
                (each.number, each.version, each.stage, each.digest, each.deleted, each.purged)
                for each in view.every_version(model)
            ], model and view.pointers(model))
            for head in view.heads()
            for model in [view.model("default", head.chain.rpartition("/")[2])]
        ]  # fmt: skip


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder that is fast, where there is one: what lies in it is rebuilt a thousand times."""
    fast = Path("/dev/shm")  # noqa: S108 - only for speed
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    ("name", "sqlite", "most"),
    [*((name, "standard", STATES) for name in NAMES),
     *((name, "newest", STATES // 4) for name in (NAMES[0], NAMES[1], NAMES[3]))],
)  # fmt: skip
def test_row_43_whenever_the_power_is_cut_promises_3_4_and_5_hold(
    tmp_path: Path, memory: Path, name: str, sqlite: str, most: int
) -> None:
    disk, words, deeds = tmp_path / "disk", tmp_path / "words", DEEDS[name]
    disk.mkdir()
    if name != NAMES[0]:
        deed.prepare(disk / "home")
    if name == NAMES[4]:
        with connect(home=disk / "home") as registry:
            registry.promote("m:2", "production")
    outcomes = [_told(disk)]
    replay = Replay(Disk(disk), str(words))
    log = tmp_path / "log"
    for count in range(1, len(deeds) + 1):
        # The last of these is the run that is recorded: the others tell what lies between.
        where = disk if count == len(deeds) else memory / "between" / "disk"
        if count < len(deeds):
            shutil.copytree(disk, where)
        command = [sys.executable, deed.__file__, str(where / "home"), str(words), *deeds[:count]]
        done = strace_log.run(log, command, "-e", f"trace={strace_log.CHANGING}",
                              MODELRY_SQLITE=sqlite)  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
        outcomes.append(_told(where))
    found = list(states(replay, strace_log.read(log), SEED))
    assert replay.said == " ".join(deeds)
    assert len({state.cut for state in found}) > 20, "too little was recorded"
    chosen = found[:: -(-len(found) // most)] + found[-1:]
    for state in chosen:
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            _check(Path(folder), state, outcomes)


def _told(disk: Path) -> Sequence[object]:
    if not (disk / "home").exists():
        return []
    with connect(home=disk / "home") as registry:
        return tell(registry)


def _check(folder: Path, state: State, outcomes: Sequence[Sequence[object]]) -> None:
    """Open what the cut left: a whole registry, as it was after one of the deeds, none lost."""
    where = f"seed {SEED}: cut after call {state.cut} ({state.way}), it had said {state.said!r}"
    home = folder / "disk" / "home"
    home.parent.mkdir()
    write_tree(state.tree, home.parent)
    acknowledged = len(state.said.replace("begin", "").split())
    with connect(home=home) as registry:
        told = tell(registry)
        assert _like(told, outcomes[acknowledged:]), f"{where}: {told}"
        assert wholeness.problems(registry) == [], where
        assert wholeness.verify(registry) == [], where
        registry.gc(grace=0)
        assert wholeness.leftovers(registry, home) == [], where
        if state.cut % 5 == 0:
            deed.register(registry, home, "4")
            registry.promote("m@latest", "production")
            assert wholeness.problems(registry) == [], where
            assert wholeness.verify(registry) == [], where


def _like(told: Sequence[object], outcomes: Sequence[Sequence[object]]) -> bool:
    return any(told == outcome or _shape(told) == _shape(outcome) for outcome in outcomes)


def _shape(told: Sequence[object]) -> object:
    """Answer what does not depend on the moment: chain and length, numbers, stages."""
    return [row[:2] for row in told if isinstance(row, tuple)]


@pytest.mark.parametrize("damage", ["empty", "short", "changed", "missing"])
def test_row_43_a_blob_that_lost_its_bytes_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    home = tmp_path / "disk" / "home"
    deed.prepare(home)
    with connect(home=home) as registry:
        file = next(f for f in registry.resolve("m:1").files if f.path == "large.bin")
        blob = home / "blobs" / "sha256" / file.sha256[:2] / file.sha256
        data = blob.read_bytes()
        blob.unlink()
        left = {"empty": b"", "short": data[:512], "changed": data[:-1] + b"!"}
        if damage != "missing":
            blob.write_bytes(left[damage])
        with pytest.raises(Corrupt, match=r"large\.bin"):
            registry.use("m:1")
        assert not list((home / "use").glob("*/*/1/*"))
        assert len(registry.verify("m:1").problems) == 1
        assert registry.use("m:2").is_dir()
        deed.register(registry, home, "1")
