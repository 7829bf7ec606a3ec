"""Many processes on one store: killed in the middle, and removing what others need."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelry.blobs.leases import Leases
from modelry.blobs.local import LocalBlobs
from modelry.testing.blobs import Given, content, digests, keep, some_bytes

MIB = 1024 * 1024

_STAGES_HALF = """
import sys, time
from pathlib import Path
from modelry.blobs.local import LocalBlobs
from modelry.testing.blobs import Given, some_bytes

def halfway(_what, done, _total):
    print("half", flush=True)
    time.sleep(60)

given = [Given("model", some_bytes(8 * 1024 * 1024))]
with LocalBlobs(Path(sys.argv[1])).stage(given, lambda size: False, halfway):
    pass
"""

_HOLDS = """
import sys, time
from pathlib import Path
from modelry.blobs.local import LocalBlobs

with LocalBlobs(Path(sys.argv[1])).hold(sys.argv[2].split(",") if sys.argv[2] else None):
    print("held", flush=True)
    time.sleep(60)
"""

_PUBLISHES = """
import sys
from pathlib import Path
from modelry.blobs.local import LocalBlobs
from modelry.testing.blobs import Given, keep, some_bytes

blobs = LocalBlobs(Path(sys.argv[1]))
print("begin", flush=True)
for seed in range(10**6):
    keep(blobs, *(Given(f"{size}", some_bytes(size, seed)) for size in (1, 5000, 1500000)))
"""

_RELIES = """
import sys
from pathlib import Path
from modelry.blobs.local import LocalBlobs
from modelry.testing.blobs import Given, content, some_bytes

blobs = LocalBlobs(Path(sys.argv[1]))
given = [Given("small", b"small"), Given("large", some_bytes(1500000))]
print("begin", flush=True)
for turn in range(int(sys.argv[2])):
    with blobs.stage(given, lambda size: True) as staged:
        staged.publish()
        for file in given:
            assert content(blobs, file.sha256) == file.data
print("done", flush=True)
"""

_REMOVES = """
import sys
from pathlib import Path
from modelry.blobs.local import LocalBlobs

blobs = LocalBlobs(Path(sys.argv[1]))
print("begin", flush=True)
while True:
    for info in blobs.scan():
        blobs.remove(info.sha256)
    blobs.sweep(0)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs(root)


@pytest.fixture
def start(root: Path) -> Iterator[Start]:
    """Start a script on the store and wait until it says its first word."""
    children: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", script, str(root), *arguments]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline()
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


def kill(child: "subprocess.Popen[str]") -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()


def incoming(root: Path) -> list[Path]:
    return list((root / "incoming").iterdir())


def test_row_42_what_a_killed_process_left_is_swept(
    blobs: LocalBlobs, root: Path, start: Start
) -> None:
    child = start(_STAGES_HALF)
    assert len(incoming(root)) == 1
    assert blobs.sweep(0) == 0, "its owner lives"
    kill(child)
    assert blobs.sweep(3600) == 0, "it is younger than the grace"
    assert len(incoming(root)) == 1
    assert digests(blobs) == []
    assert blobs.sweep(0) >= 0
    assert incoming(root) == []
    assert [path.name for path in (root / "leases").iterdir()] == ["gate"]


def test_row_42_processes_killed_at_any_moment_leave_whole_blobs_and_temporary_files(
    blobs: LocalBlobs, root: Path, start: Start
) -> None:
    chance = random.Random(42)
    for _ in range(8):
        child = start(_PUBLISHES)
        time.sleep(chance.uniform(0.0, 0.08))
        kill(child)
        for info in blobs.scan():
            blobs.verify(info.sha256, info.size)
    blobs.sweep(0)
    assert incoming(root) == []
    assert all(blobs.remove(sha256) for sha256 in digests(blobs))
    assert digests(blobs) == []


def test_the_lease_of_a_killed_process_counts_for_nothing(blobs: LocalBlobs, start: Start) -> None:
    (file,) = keep(blobs, Given("model", b"bytes"))
    child = start(_HOLDS, file.sha256)
    assert not blobs.remove(file.sha256)
    kill(child)
    assert blobs.remove(file.sha256)


def test_a_lease_on_everything_covers_every_blob(blobs: LocalBlobs, start: Start) -> None:
    (file,) = keep(blobs, Given("model", b"bytes"))
    child = start(_HOLDS, "")
    (later,) = keep(blobs, Given("model", b"later"))
    assert not blobs.remove(file.sha256)
    assert not blobs.remove(later.sha256)
    kill(child)
    assert blobs.remove(file.sha256)
    with blobs.hold():
        assert not blobs.remove(later.sha256)


def test_row_48_removing_never_takes_a_blob_from_processes_that_rely_on_it(start: Start) -> None:
    start(_REMOVES)
    relying = [start(_RELIES, "60") for _ in range(2)]
    start(_REMOVES)
    for child in relying:
        out, _ = child.communicate(timeout=60)
        assert out.endswith("done\n")


def test_row_48_removing_never_takes_a_blob_from_threads_that_rely_on_it(
    blobs: LocalBlobs,
) -> None:
    given = [Given("small", b"small"), Given("large", some_bytes(MIB + 1))]
    failures: list[BaseException] = []

    def rely() -> None:
        try:
            for _ in range(25):
                with blobs.stage(given, lambda _size: True) as staged:
                    staged.publish()
                    assert [content(blobs, file.sha256) for file in given] == [
                        file.data for file in given
                    ]
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=rely) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for file in given:
            blobs.remove(file.sha256)
        blobs.sweep(0)
    assert failures == []


def test_row_48_nobody_comes_to_rely_on_a_blob_between_the_look_at_leases_and_its_removal(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Given("model", b"bytes")
    keep(blobs, given)
    other = threading.Thread(target=lambda: keep(blobs, given, known=True))

    def covers(_leases: Leases, _sha256: str) -> bool:
        other.start()
        other.join(0.3)  # it would be done by then, if nothing held it up
        return False

    monkeypatch.setattr(Leases, "covers", covers)
    assert blobs.remove(given.sha256)
    other.join()
    assert content(blobs, given.sha256) == given.data


def test_many_processes_may_make_one_store_at_once(root: Path, start: Start) -> None:
    children = [start(_RELIES, "1") for _ in range(4)]
    assert all(child.communicate(timeout=30)[0].endswith("done\n") for child in children)
    assert len(digests(LocalBlobs(root))) == 2


def test_released_leases_leave_no_file_behind(root: Path) -> None:
    blobs = LocalBlobs(root)
    for seed in range(3):
        keep(blobs, Given("model", some_bytes(10, seed)))
    with blobs.hold(["0" * 64]), blobs.hold(["1" * 64]):
        assert len(list((root / "leases").glob("*.lease"))) == 2
    del blobs
    assert [path.name for path in (root / "leases").iterdir()] == ["gate"]
