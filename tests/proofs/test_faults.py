"""Rows 44 and 45: a disk that is full or fails, at every point that writes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import deed
import faults
import pytest
import strace_log
import wholeness
from counts import FAULTS
from faults import Point
from test_power_cut import tell

from modelry.core.errors import RegistryError
from modelry.wiring import connect

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(sys.platform != "linux", reason="strace injects on Linux only"),
]
DEEDS = ["register-file", "promote"]  # one file needs one thread: failures hit where they should


@pytest.mark.parametrize("call", faults.CALLS)
def test_row_44_and_45_a_failure_at_any_point_refuses_and_leaves_nothing_half_done(
    tmp_path: Path, call: str
) -> None:
    start = tmp_path / "start" / "disk"
    deed.prepare(start / "home")
    every, outcomes = record(tmp_path, start, DEEDS)
    chosen = [point for point in every if point.call == call]
    assert chosen or call not in faults.SURE
    found = [try_point(tmp_path, start, point, DEEDS, outcomes)
             for point in chosen[:: -(-len(chosen) // FAULTS) or 1]]  # fmt: skip
    assert "\n".join(filter(None, found)) == ""


@pytest.mark.parametrize("call", ["fsync", "fdatasync", "mkdir", "openat"])
def test_row_44_and_45_a_failure_while_a_registry_is_made_leaves_one_that_can_be_used(
    tmp_path: Path, call: str
) -> None:
    start = tmp_path / "start" / "disk"
    start.mkdir(parents=True)
    every, outcomes = record(tmp_path, start, DEEDS[:1])
    found = [try_point(tmp_path, start, point, DEEDS[:1], outcomes)
             for point in every if point.call == call]  # fmt: skip
    assert "\n".join(filter(None, found)) == ""


def record(folder: Path, start: Path, deeds: list[str]) -> tuple[list[Point], list[list[object]]]:
    """Do the deeds undisturbed; answer where they write, and what is told after each."""
    outcomes: list[list[object]] = [[] if not (start / "home").exists() else told(start)]
    for count in range(1, len(deeds) + 1):
        disk = fresh(folder, start)
        done = strace_log.run(folder / "log", command(folder, disk, deeds[:count]),
                              "-e", f"trace={strace_log.CHANGING}")  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
        outcomes.append(told(disk))
    return faults.points(folder / "log", disk), outcomes


def fresh(folder: Path, start: Path) -> Path:
    """Answer a copy of the disk as it was at the start, always at the same path."""
    disk = folder / "now" / "disk"
    shutil.rmtree(disk.parent, ignore_errors=True)
    shutil.copytree(start, disk)
    return disk


def told(disk: Path) -> list[object]:
    """Answer the chains with their lengths, and where each version and pointer stands."""
    with connect(home=disk / "home") as registry:
        return [(chain, length, [each[:5] for each in versions or ()], [
            (each.name, each.number) for each in pointers or ()])
            for chain, length, _, versions, pointers in cast("Sequence[Any]", tell(registry))]  # fmt: skip


def command(folder: Path, disk: Path, deeds: Sequence[str]) -> list[str]:
    """Answer the command that does the deeds."""
    return [sys.executable, deed.__file__, str(disk / "home"), str(folder / "words"), *deeds]


def try_point(
    folder: Path, start: Path, point: Point, deeds: list[str], outcomes: Sequence[object]
) -> str:
    """Let one call fail, look at what is left with healthy eyes, and do the deeds again.

    Answers what is wrong with the outcome.
    """
    disk = fresh(folder, start)
    words = folder / "words"
    words.unlink(missing_ok=True)
    done, injected = faults.run(folder / "log", command(folder, disk, deeds), point)
    if point.shape not in [faults.shape(call) for call in injected]:
        return f"{point}: another call was hit: {injected}"
    if done.returncode or done.stderr or not done.stdout.startswith(("unavailable ", "done")):
        return f"{point}: it ended with {done.returncode}: {(done.stdout + done.stderr)[-600:]}"
    acknowledged = len(words.read_text().removeprefix("begin").split())
    if done.stdout.startswith("done") and acknowledged != len(deeds):
        return f"{point}: it went unnoticed after {acknowledged} deeds"
    try:
        left = told(disk)
        at = outcomes.index(left) if left in outcomes else -1
        if at not in {acknowledged, acknowledged + 1}:
            return f"{point}: {acknowledged} were done, and left is {left}"
        return f"{point}: {found}" if (found := _mend(disk, deeds[acknowledged:])) else ""
    except RegistryError as error:
        return f"{point}: healthy eyes see {error!r}"


def _mend(disk: Path, deeds: Sequence[str]) -> list[str]:
    """Do again what was refused, on a healthy disk."""
    home = disk / "home"
    with connect(home=home) as registry:
        found = wholeness.problems(registry) + wholeness.verify(registry)
        for each in deeds:
            deed.do(registry, home, each)
        registry.gc(grace=0)
        found += wholeness.leftovers(registry, home)
        found += wholeness.problems(registry) + wholeness.verify(registry)
        if registry.resolve("m@latest").version != "v3.0":
            found.append("the version is not there at the end")
    return found
