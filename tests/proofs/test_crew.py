"""Rows 48, 51 and 52: collecting, backing up and promoting while others work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import crew
import pytest
import wholeness
from counts import count

from modelry.core.errors import Conflict
from modelry.core.events import EventKind
from modelry.wiring import connect

pytestmark = pytest.mark.proof
SECONDS = float(count("SECONDS", 4))
ROUNDS = count("ROUNDS", 40)


class Worker:
    """A process of the crew."""

    def __init__(self, kind: str, home: Path, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, crew.__file__, kind, str(home), str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._line() == "ready"

    def begin(self, word: str) -> None:
        """Let it work."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def answer(self) -> object:
        """Wait for what it answers."""
        return json.loads(self._line())

    def end(self) -> None:
        """End it; it must not have complained."""
        _, errors = self._process.communicate(timeout=60)
        assert errors == ""

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            assert self._process.stderr is not None
            pytest.fail(self._process.stderr.read())
        return line


Hire = Callable[[str, float], Worker]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    with connect(home=home) as registry:
        for number in (1, 2, 3):
            (tmp_path / "model.bin").write_bytes(b"%d" % number)
            registry.register("m", tmp_path / "model.bin")
    return home


@pytest.fixture
def hire(home: Path) -> Iterator[Hire]:
    workers: list[Worker] = []

    def one(kind: str, seconds: float) -> Worker:
        workers.append(Worker(kind, home, seconds))
        return workers[-1]

    yield one
    for worker in workers:
        worker.end()


def test_row_48_collecting_never_takes_bytes_from_registrations(home: Path, hire: Hire) -> None:
    uploads = [hire("upload", SECONDS) for _ in range(3)]
    collectors = [hire("collect", SECONDS) for _ in range(2)]
    for at, worker in enumerate(uploads + collectors):
        worker.begin(f"u{at}")
    done = [worker.answer() for worker in uploads + collectors]
    assert all(isinstance(each, int) and each > 0 for each in done), done
    with connect(home=home) as registry:
        assert wholeness.problems(registry) == []
        assert wholeness.verify(registry) == []
        registry.gc(grace=0)
        assert wholeness.leftovers(registry, home) == []


def test_row_51_and_promise_12_a_backup_under_load_restores_whole(
    home: Path, hire: Hire, tmp_path: Path
) -> None:
    writers = [hire("change", SECONDS) for _ in range(4)]
    for at, worker in enumerate(writers):
        worker.begin(f"w{at}")
    backups = []
    with connect(home=home) as registry:
        for at in range(3):
            before = registry.checkpoint()
            backups.append(tmp_path / f"{at}.backup")
            with backups[-1].open("wb") as stream:
                registry.export(stream)
            _restored_whole(tmp_path / f"restored-{at}", backups[-1], before)
    assert all(worker.answer() for worker in writers)
    with connect(home=home) as registry:
        now = registry.checkpoint()
        with connect(home=tmp_path / "late") as late, backups[-1].open("rb") as stream:
            with pytest.raises(Conflict, match="checkpoint"):
                late.restore(stream, checkpoint=now)
            assert late.checkpoint().heads == ()
            assert late.models().items == ()


def _restored_whole(home: Path, backup: Path, before: object) -> None:
    with connect(home=home) as registry, backup.open("rb") as stream:
        registry.restore(stream, checkpoint=before)  # type: ignore[arg-type]  # a checkpoint
        assert wholeness.problems(registry) == []
        assert wholeness.verify(registry) == []
        for summary in registry.models():
            live = {each.name: each.number for each in summary.pointers}.get("production")
            if live:
                assert registry.resolve(f"{summary.model.name}@production").number == live
                assert registry.use(f"{summary.model.name}@production").exists()
        model = registry.models().items[-1].model.name
        number = registry.resolve(f"{model}@latest").number
        registry.promote(f"{model}:1", "production")
        (home.parent / "new.bin").write_bytes(home.name.encode())
        assert registry.register(model, home.parent / "new.bin").number == number + 1
        assert wholeness.problems(registry) == []


def test_row_52_of_two_promotions_that_expect_the_same_one_wins(home: Path, hire: Hire) -> None:
    racers = [hire("race", 0), hire("race", 0)]
    with connect(home=home) as registry:
        registry.promote("m:3", "production")
        for _ in range(ROUNDS):
            now = registry.resolve("m@production").number
            numbers = [number for number in (1, 2, 3) if number != now]
            for worker, number in zip(racers, numbers, strict=True):
                worker.begin(f"{number},{now}")
            answers = [worker.answer() for worker in racers]
            assert "conflict" in answers
            (won,) = [each for each in answers if each != "conflict"]
            assert registry.resolve("m@production").number == won
        told = [each for each in registry.history("m", limit=1000)
                if each.kind is EventKind.PROMOTED]  # fmt: skip
        assert len(told) == ROUNDS + 1
        assert wholeness.problems(registry) == []


def test_row_52_promotions_without_expectation_follow_one_another(home: Path, hire: Hire) -> None:
    racers = [hire("race", 0), hire("race", 0)]
    with connect(home=home) as registry:
        for at in range(ROUNDS):
            numbers = ((1, 2), (2, 3), (3, 1))[at % 3]
            for worker, number in zip(racers, numbers, strict=True):
                worker.begin(f"{number},")
            assert [worker.answer() for worker in racers] == list(numbers)
            assert registry.resolve("m@production").number in numbers
            assert len(registry.versions("m", stage="production").items) == 1
        assert wholeness.problems(registry) == []
