"""How uploads reach a local disk: what is read again, what a kill leaves, what a full disk does."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from modelry.blobs import uploads as module
from modelry.blobs.local import LocalBlobs
from modelry.blobs.locks import Lock
from modelry.core.errors import Conflict, Invalid, NotFound, RegistryError, Unavailable
from modelry.testing.blobs import Given, content, digests, keep, some_bytes
from modelry.testing.uploads import NAME, OTHER, digest, send, upload

MIB = 1024 * 1024

_SENDS = """
import sys
from pathlib import Path
from modelry.blobs.local import LocalBlobs
from modelry.testing.blobs import some_bytes
from modelry.testing.uploads import NAME, digest, send

uploads, data = LocalBlobs(Path(sys.argv[1])).uploads, some_bytes(24 * 1024 * 1024)
print("begin", flush=True)
send(uploads, data, 700_000)
uploads.finish(NAME, digest(data), len(data))
print("done", flush=True)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs(root)


def blob_path(root: Path, sha256: str) -> Path:
    return root / "sha256" / sha256[:2] / sha256


def refuse_to_read(*_: object) -> tuple[str, int]:
    pytest.fail("the bytes were read again")


@pytest.mark.parametrize("piece", [100_000, MIB])
def test_what_one_process_received_is_not_read_again_at_the_end(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(module, "hash_bytes", refuse_to_read)
    data = some_bytes(3 * MIB)
    blobs.uploads.begin(NAME)
    send(blobs.uploads, data, piece)
    blobs.uploads.finish(NAME, digest(data), len(data))
    assert content(blobs, digest(data)) == data


def test_bytes_that_changed_on_the_disk_meanwhile_are_read_again(
    blobs: LocalBlobs, root: Path
) -> None:
    blobs.uploads.begin(NAME)
    blobs.uploads.append(NAME, 0, b"bytes")
    (root / "uploads" / NAME).write_bytes(b"other")
    os.utime(root / "uploads" / NAME, ns=(1, 1))
    with pytest.raises(Invalid, match=digest(b"other")):
        blobs.uploads.finish(NAME, digest(b"bytes"), 5)
    assert digests(blobs) == []


def test_a_marker_without_bytes_and_without_a_blob_is_no_finished_upload(
    blobs: LocalBlobs, root: Path
) -> None:
    upload(blobs.uploads, b"bytes")
    blob_path(root, digest(b"bytes")).unlink()
    with pytest.raises(NotFound):
        blobs.uploads.finish(NAME, digest(b"bytes"), 5)
    with pytest.raises(NotFound):
        blobs.uploads.received(NAME)


def test_of_many_uploads_at_once_the_oldest_are_read_again_and_all_are_right(
    blobs: LocalBlobs,
) -> None:
    names = [f"{at:032x}" for at in range(300)]
    for name in names:
        blobs.uploads.begin(name)
        blobs.uploads.append(name, 0, b"a")
    for at, name in enumerate(names):
        blobs.uploads.append(name, 1, b"%d" % at)
    for at, name in enumerate(names):
        blobs.uploads.finish(name, digest(b"a%d" % at), 1 + len(b"%d" % at))
    assert len(digests(blobs)) == 300


def test_a_finished_upload_is_the_blob_and_no_second_copy(blobs: LocalBlobs, root: Path) -> None:
    blobs.uploads.begin(NAME)
    blobs.uploads.append(NAME, 0, b"bytes")
    before = (root / "uploads" / NAME).stat().st_ino
    blobs.uploads.finish(NAME, digest(b"bytes"), 5)
    path = blob_path(root, digest(b"bytes"))
    assert path.stat().st_ino == before
    assert path.stat().st_mode & 0o777 == 0o444
    assert [each.stat().st_size for each in (root / "uploads").iterdir()] == [0]


def test_a_piece_that_comes_too_late_is_never_written_to_the_blob(
    blobs: LocalBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.uploads.begin(NAME)
    blobs.uploads.append(NAME, 0, b"bytes")
    attempt = Lock.attempt

    def late(_path: Path, *, create: bool = False) -> Lock | None:
        monkeypatch.setattr(Lock, "attempt", attempt)
        LocalBlobs(root).uploads.finish(NAME, digest(b"bytes"), 5)
        return attempt(blob_path(root, digest(b"bytes")), create=create)

    monkeypatch.setattr(Lock, "attempt", late)
    with pytest.raises(Conflict, match="finished"):
        blobs.uploads.append(NAME, 5, b"more")
    assert content(blobs, digest(b"bytes")) == b"bytes"


def test_a_piece_beside_another_one_is_refused_at_once(blobs: LocalBlobs, root: Path) -> None:
    blobs.uploads.begin(NAME)
    blobs.uploads.append(NAME, 0, b"bytes")
    lock = Lock.attempt(root / "uploads" / NAME)
    assert lock is not None
    with pytest.raises(Conflict, match="another piece") as refusal:
        blobs.uploads.append(NAME, 5, b"more")
    assert refusal.value.facts["received"] == 5
    with pytest.raises(Conflict):
        blobs.uploads.finish(NAME, digest(b"bytes"), 5)
    assert blobs.uploads.sweep(0) == 0
    lock.release()
    blobs.uploads.finish(NAME, digest(b"bytes"), 5)


def test_rows_41_and_42_an_upload_survives_kills_at_any_moment(
    blobs: LocalBlobs, root: Path
) -> None:
    data, chance = some_bytes(24 * MIB), random.Random(41)
    blobs.uploads.begin(NAME)
    for _ in range(12):
        command = [sys.executable, "-c", _SENDS, str(root)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.06))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        received = blobs.uploads.received(NAME)
        part = root / "uploads" / NAME
        assert not part.exists() or part.read_bytes() == data[:received]
        for info in blobs.scan():
            blobs.verify(info.sha256, info.size)
    if digests(blobs) == []:
        send(blobs.uploads, data)
    blobs.uploads.finish(NAME, digest(data), len(data))
    assert content(blobs, digest(data)) == data
    assert not blobs.remove(digest(data))


class Failing:
    """Lets the n-th call of a function of `os` fail."""

    def __init__(self, real: Callable[..., object], at: int, number: int) -> None:
        self._real, self._left, self._number = real, at, number

    def __call__(self, *args: object, **keywords: object) -> object:
        self._left -= 1
        if self._left == 0:
            raise OSError(self._number, os.strerror(self._number))
        return self._real(*args, **keywords)

    @property
    def met(self) -> bool:
        return self._left <= 0


@pytest.mark.parametrize(
    ("call", "number", "reason"),
    [
        ("write", errno.ENOSPC, "storage_full"),
        ("write", errno.EIO, "storage_failed"),
        ("fsync", errno.EIO, "storage_failed"),
        ("open", errno.ENOSPC, "storage_full"),
        ("replace", errno.EIO, "storage_failed"),
        ("mkdir", errno.ENOSPC, "storage_full"),
    ],
)
def test_rows_44_and_45_after_a_disk_refused_at_any_point_the_upload_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, reason: str
) -> None:
    data = some_bytes(300_000)
    real = getattr(os, call)
    for point in count(1):
        blobs = LocalBlobs(tmp_path / f"{point}")
        failing = Failing(real, point, number)
        monkeypatch.setattr(os, call, failing)
        refused = attempt(lambda: upload(blobs.uploads, data))  # noqa: B023 - run at once
        monkeypatch.setattr(os, call, real)
        for info in blobs.scan():
            blobs.verify(info.sha256, info.size)
        assert not refused or refused.facts["reason"] == reason
        blobs.uploads.drop(OTHER)
        if attempt(lambda: blobs.uploads.received(NAME)):  # noqa: B023 - run at once
            blobs.uploads.begin(NAME)
        send(blobs.uploads, data, 100_000)
        blobs.uploads.finish(NAME, digest(data), len(data))
        assert content(blobs, digest(data)) == data
        if not failing.met:
            break
    assert point > 1, "no point was reached"


def attempt(run: Callable[[], object]) -> RegistryError | None:
    try:
        run()
    except RegistryError as error:
        return error
    return None


def test_row_45_after_a_failed_fsync_the_bytes_have_to_be_sent_again(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.uploads.begin(NAME)
    blobs.uploads.append(NAME, 0, b"bytes")
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", Failing(fsync, 3, errno.EIO))  # of two folders, then of these
    with pytest.raises(Unavailable, match="look after the disk"):
        blobs.uploads.finish(NAME, digest(b"bytes"), 5)
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(NotFound):
        blobs.uploads.finish(NAME, digest(b"bytes"), 5)
    assert digests(blobs) == []


def test_row_44_a_piece_that_the_disk_has_no_room_for_leaves_none_of_itself(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.uploads.begin(NAME)
    blobs.uploads.append(NAME, 0, b"bytes")
    write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) < 600_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(Unavailable, match="is full"):
        blobs.uploads.append(NAME, 5, some_bytes(MIB))
    monkeypatch.setattr(os, "write", write)
    assert blobs.uploads.received(NAME) == 5
    blobs.uploads.append(NAME, 5, b" more")
    blobs.uploads.finish(NAME, digest(b"bytes more"), 10)


@pytest.mark.parametrize("by_upload", [False, True])
def test_row_35_a_small_blob_with_damaged_bytes_is_repaired_by_the_same_bytes(
    blobs: LocalBlobs, root: Path, *, by_upload: bool
) -> None:
    given = Given("model", some_bytes(5000))
    keep(blobs, given)
    path = blob_path(root, given.sha256)
    path.chmod(0o644)
    path.write_bytes(b"y" + given.data[1:])
    if by_upload:
        upload(blobs.uploads, given.data)
    else:
        keep(blobs, given, known=True)
    blobs.verify(given.sha256, given.size)
