"""S3.5: nothing is lost to the weak points of a file: locking, size, half a write."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import json_crew
import pytest
import strace_log
from counts import SEED, count
from disk import Disk, write_tree
from disk_states import Replay, states

from modelry.core.registry import Registry
from modelry.stores.jsonfile import JsonStore
from modelry.testing.fakes import registry_on

pytestmark = pytest.mark.proof
WRITERS = 8
EACH = count("JSON_WRITES", 250)
KILLS = count("JSON_KILLS", 200)
STATES = count("STATES", 60)
ON_ONE = 20
"""How many kills add up on one registry."""
SECONDS = 300


class Crew:
    """A warm process that forks others."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, json_crew.__file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def order(self, **what: object) -> list[int]:
        """Let something be done, and answer how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        found: list[int] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=SECONDS)


@pytest.fixture
def crew() -> Iterator[Crew]:
    made = Crew()
    yield made
    made.close()


def opened(file: Path) -> Registry:
    """Open a registry anew."""
    return registry_on(JsonStore(file), file.parent)


def entries(file: Path) -> list[dict[str, Any]]:
    """Read the file as anybody would."""
    found: list[dict[str, Any]] = json.loads(file.read_bytes())["models"]
    return found


class Reader(threading.Thread):
    """Reads the file all the while: it is whole JSON at every moment, and loses no entry."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._over = threading.Event()
        self.looks, self.wrong = 0, ""

    def run(self) -> None:
        seen = 0
        while not self._over.wait(0.002 * (1 + seen / 100)):
            try:
                found = len(entries(self._file))
            except FileNotFoundError:
                continue
            except ValueError as error:
                self.wrong = f"look {self.looks}: {error}"
                return
            if found < seen:
                self.wrong = f"look {self.looks}: {seen} entries became {found}"
                return
            seen, self.looks = found, self.looks + 1

    def end(self) -> None:
        self._over.set()
        self.join()


def test_8_processes_lose_no_entry_and_the_file_is_valid_at_every_moment(
    tmp_path: Path, crew: Crew
) -> None:
    file = tmp_path / "registry.json"
    reader = Reader(file)
    reader.start()
    ended = crew.order(do="crowd", file=str(file), writers=WRITERS, each=EACH)
    reader.end()
    broken = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*.broken")]
    assert (broken, ended) == ([], [0] * WRITERS)
    assert reader.wrong == ""
    assert reader.looks > EACH // 10
    wanted = {(f"m{at}", number) for at in range(WRITERS) for number in range(1, EACH + 1)}
    found = entries(file)
    assert {(each["model_name"], each["version"]) for each in found} == wanted
    assert len(found) == WRITERS * EACH
    assert opened(file).audit().problems == ()


def told(journal: Path) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Answer what was begun and what was acknowledged, in order."""
    text = journal.read_text(encoding="ascii") if journal.exists() else ""
    rows = [line.split() for line in text.splitlines()]
    return tuple(  # type: ignore[return-value]  # two of them
        [(verb, int(number)) for kind, verb, number in rows if kind == mark] for mark in "?!"
    )


@pytest.mark.parametrize("part", range(max(1, KILLS // ON_ONE)))
def test_whenever_a_process_is_killed_nothing_acknowledged_is_lost_and_the_file_is_whole(
    tmp_path: Path, crew: Crew, part: int
) -> None:
    chance = random.Random(SEED * 1000 + part)
    file, journal = tmp_path / "registry.json", tmp_path / "told.txt"
    acknowledged = 0
    for turn in range(ON_ONE):
        crew.order(do="kill", file=str(file), journal=str(journal),
                   seconds=chance.uniform(0.0, 0.08))  # fmt: skip
        where = f"part {part}, kill {turn}"
        assert not file.with_suffix(".broken").exists(), where
        if not file.exists():
            continue
        entries(file)  # whole JSON, before anybody of ours looks
        begun, done = told(journal)
        acknowledged = len(done)
        registry = opened(file)
        assert registry.audit().problems == (), where
        found = {each["version"]: each["status"] for each in entries(file)}
        registered = {number for verb, number in done if verb == "register"}
        assert registered <= found.keys(), where
        assert found.keys() <= {number for verb, number in begun if verb == "register"}, where
        _production_is_explained(found, begun, done, where)
        actors = {event.actor for event in registry.log()}
        assert actors <= {"ada"}, f"{where}: a hand edited nothing"
    assert acknowledged > 0


def _production_is_explained(
    found: dict[int, str],
    begun: list[tuple[str, int]],
    done: list[tuple[str, int]],
    where: str,
) -> None:
    """In production is what was activated last: acknowledged, or begun right after."""
    last = max((number for verb, number in done if verb == "activate"), default=None)
    tried = {number for verb, number in begun if verb == "activate" and number >= (last or 0)}
    live = [number for number, status in found.items() if status == "production"]
    assert len(live) <= 1, where
    assert set(live) <= tried, where
    assert live or last is None, where


@pytest.mark.skipif(sys.platform != "linux", reason="strace watches Linux only")
@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("register", {}, {3: "none"}),
        ("register", {1: "production", 2: "none"}, {1: "production", 2: "none", 3: "none"}),
        ("activate", {1: "production", 2: "none"}, {1: "staging", 2: "production"}),
    ],
)
def test_whenever_the_power_is_cut_the_file_is_as_it_was_or_as_it_was_acknowledged(
    tmp_path: Path, verb: str, before: dict[int, str], after: dict[int, str]
) -> None:
    disk, words, log = tmp_path / "disk", tmp_path / "words", tmp_path / "log"
    home = disk / "models"
    home.mkdir(parents=True)
    if before:
        book = json_crew.book_of(home / "registry.json")
        for number in before:
            book.register(json_crew.MODEL, number, "p", {}, None)
        book.activate(json_crew.MODEL, 1)
    replay = Replay(Disk(disk), str(words))
    command = [sys.executable, json_crew.__file__, str(home / "registry.json"), str(words), verb]
    done = strace_log.run(log, command, "-e", f"trace={strace_log.CHANGING}")
    assert done.returncode == 0, done.stderr
    found = list(states(replay, strace_log.read(log), SEED))
    assert replay.said == verb
    assert len({state.cut for state in found}) > 5, "too little was recorded"
    for state in found[:: -(-len(found) // STATES)] + found[-1:]:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            write_tree(state.tree, Path(folder))
            file = Path(folder) / "models" / "registry.json"
            where = f"cut after call {state.cut} ({state.way}), it had said {state.said!r}"
            registry = opened(file)
            assert registry.audit().problems == (), where
            assert {event.actor for event in registry.log()} <= {"ada"}, where
            stands = {each["version"]: each["status"] for each in entries(file)}
            wanted = [after] if state.said == verb else [before, after]
            assert stands in wanted, f"{where}: {stands}"
            json_crew.book_of(file).register("more", 1, "p", {}, None)
            assert opened(file).audit().problems == (), where
