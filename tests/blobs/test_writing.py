"""How local blobs reach the disk, and what happens where the disk refuses."""

import errno
import hashlib
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from modelry.blobs.local import LocalBlobs, open_local
from modelry.blobs.tree import LocalSources
from modelry.core.errors import Conflict, Corrupt, Invalid, Unavailable
from modelry.testing.blobs import Given, content, digests, keep, some_bytes

MIB = 1024 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store" / "blobs"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs(root)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


class Faults:
    """Counts the calls of a function of `os` and lets one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self._real: Callable[..., object] = getattr(os, name)
        self._lock = threading.Lock()
        self._failing: dict[int, int] = {}
        self.calls = 0
        monkeypatch.setattr(os, name, self)

    @contextmanager
    def at(self, call: int, number: int) -> Iterator[None]:
        """Let one call, counted from now, fail with the error of that number."""
        self.calls, self._failing = 0, {call: number}
        try:
            yield
        finally:
            self._failing = {}

    def __call__(self, *args: object, **keywords: object) -> object:
        with self._lock:
            self.calls += 1
            number = self._failing.get(self.calls)
        if number is not None:
            raise OSError(number, os.strerror(number))
        return self._real(*args, **keywords)


@pytest.mark.parametrize("uri", ["{}", "file:{}", "file://{}", "file://localhost{}"])
def test_a_store_is_opened_by_path_or_uri(tmp_path: Path, uri: str) -> None:
    root = tmp_path / "my blobs"
    keep(
        open_local(uri.format(str(root).replace(" ", "%20" if ":" in uri else " "))),
        Given("a", b"x"),
    )
    assert (root / "sha256").is_dir()


@pytest.mark.parametrize("uri", ["file://other/blobs", "file:///blobs?x=1", "file:///blobs#x"])
def test_a_uri_of_another_machine_is_refused(uri: str) -> None:
    with pytest.raises(Invalid, match="file:///path"):
        open_local(uri)


def test_opening_and_reading_makes_nothing(root: Path) -> None:
    store = LocalBlobs(root)
    assert (list(store.scan()), store.size("0" * 64), store.sweep(0)) == ([], None, 0)
    assert not root.exists()


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_a_blob_is_a_read_only_file_named_by_its_digest(
    blobs: LocalBlobs, root: Path, size: int
) -> None:
    (file,) = keep(blobs, Given("../../name", some_bytes(size)))
    path = root / "sha256" / file.sha256[:2] / file.sha256
    assert path.read_bytes() == some_bytes(size)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert files_in(root / "sha256") == [file.sha256]


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_bytes_are_written_fsynced_renamed_and_their_folder_fsynced(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    given = Given("model", some_bytes(size))
    keep(blobs, given)
    blobs.remove(given.sha256)
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor: int) -> None:
        steps.append(f"fsync {path_of(descriptor).parent.name}")
        fsync(descriptor)

    def record_replace(source: str, target: str) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    keep(blobs, given)
    assert steps == ["fsync incoming", "rename", "fsync sha256"]


def test_a_new_store_fsyncs_every_folder_that_it_makes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(str(path_of(descriptor)))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    keep(LocalBlobs(root), Given("model", b"x"))
    assert {str(root.parent.parent), str(root.parent), str(root), str(root / "sha256")} <= set(
        synced
    )


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_bytes_that_are_here_are_not_written_again(
    blobs: LocalBlobs, root: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    (file,) = keep(blobs, Given("model", some_bytes(size)))
    path = root / "sha256" / file.sha256[:2] / file.sha256
    before = path.stat()
    written = Faults(monkeypatch, "write")
    keep(blobs, Given("model", some_bytes(size)), known=True)
    assert (path.stat().st_ino, path.stat().st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert written.calls == 2, "the lease alone: what it holds, and that it ends"


@pytest.mark.parametrize("same", [True, False])
def test_large_files_of_one_size_are_read_twice_only_where_their_ends_agree(
    blobs: LocalBlobs, *, same: bool
) -> None:
    data = [some_bytes(2 * MIB, 0), some_bytes(2 * MIB, 0 if same else 1)]
    opened: list[str] = []

    class Counted(Given):
        def open(self):  # type: ignore[no-untyped-def] # noqa: ANN202 - as its parent's
            opened.append(self.path)
            return super().open()

    keep(blobs, *(Counted(f"{at}", each) for at, each in enumerate(data)))
    assert len(digests(blobs)) == (1 if same else 2)
    assert len(opened) == (5 if same else 4)


def test_row_35_bytes_that_changed_on_the_disk_are_found(blobs: LocalBlobs, root: Path) -> None:
    (file,) = keep(blobs, Given("model", some_bytes(5000)))
    path = root / "sha256" / file.sha256[:2] / file.sha256
    path.chmod(0o644)
    path.write_bytes(b"y" + path.read_bytes()[1:])
    with pytest.raises(Corrupt, match=file.sha256):
        blobs.verify(file.sha256, file.size)


def test_row_36_a_truncated_blob_is_found_and_registering_again_repairs_it(
    blobs: LocalBlobs, root: Path
) -> None:
    given = Given("model", some_bytes(5000))
    (file,) = keep(blobs, given)
    path = root / "sha256" / file.sha256[:2] / file.sha256
    path.chmod(0o644)
    os.truncate(path, 100)
    with pytest.raises(Corrupt, match="100 bytes instead of 5000"):
        blobs.verify(file.sha256, file.size)
    keep(blobs, given, known=True)
    blobs.verify(file.sha256, file.size)


def test_a_link_in_place_of_a_blob_is_not_followed(blobs: LocalBlobs, root: Path) -> None:
    (file,) = keep(blobs, Given("model", b"x"))
    path = root / "sha256" / file.sha256[:2] / file.sha256
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(Corrupt, match=file.sha256):
        blobs.open(file.sha256)
    assert digests(blobs) == []


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("change", ["append", "touch", "replace"])
@pytest.mark.parametrize("size", [100, 3 * MIB])
def test_a_file_that_changes_while_it_is_read_is_a_conflict(
    blobs: LocalBlobs, tmp_path: Path, size: int, change: str, *, known: bool
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(some_bytes(size))

    class Restless:
        def __init__(self) -> None:
            (self._file,) = LocalSources().open(path).files
            self.path, self.size = self._file.path, self._file.size

        def open(self):  # type: ignore[no-untyped-def] # noqa: ANN202 - as the port's
            handle = self._file.open()
            if change == "append":
                with path.open("ab") as more:
                    more.write(b"more")
            elif change == "touch":
                os.utime(path, ns=(1, 1))
            else:
                other = tmp_path / "other"
                other.write_bytes(some_bytes(size, 1))
                other.replace(path)
            return handle

    with (
        pytest.raises(Conflict, match="changed while it was read"),
        blobs.stage([Restless()], lambda _size: known),
    ):
        pass
    assert files_in(tmp_path / "store" / "blobs" / "incoming") == digests(blobs) == []


FILES = [Given("big", some_bytes(2 * MIB)), Given("small", b"small"), Given("other", b"other")]


@pytest.mark.parametrize(
    ("call", "number", "reason"),
    [
        ("write", errno.ENOSPC, "storage_full"),
        ("write", errno.EDQUOT, "storage_full"),
        ("write", errno.EIO, "storage_failed"),
        ("fsync", errno.EIO, "storage_failed"),
        ("fsync", errno.ENOSPC, "storage_full"),
        ("open", errno.ENOSPC, "storage_full"),
        ("replace", errno.EIO, "storage_failed"),
        ("mkdir", errno.ENOSPC, "storage_full"),
    ],
)
def test_rows_44_and_45_a_disk_that_refuses_at_any_point_leaves_nothing_half_done(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, reason: str
) -> None:
    old = Given("old", b"was here before")
    if call != "mkdir":
        keep(LocalBlobs(root), old)
    faults = Faults(monkeypatch, call)
    for point in count(1):
        blobs = LocalBlobs(root)
        with faults.at(point, number):
            refusal = try_to_keep(blobs)
        assert refusal in {None, reason}
        assert not (root / "incoming").exists() or files_in(root / "incoming") == []
        if call != "mkdir":
            assert content(blobs, old.sha256) == old.data
        if refusal is None:
            assert {file.sha256 for file in FILES} <= set(digests(blobs))
        for sha256 in digests(blobs):
            blobs.verify(sha256, blobs.size(sha256) or 0)
            assert blobs.remove(sha256), "no lease may stay behind"
        if call != "mkdir":
            keep(blobs, old)
        if faults.calls < point:
            break
    assert point > 2, "no point was reached"


def try_to_keep(blobs: LocalBlobs) -> str | None:
    """Answer why the files could not be kept, None where they are."""
    try:
        keep(blobs, *FILES)
    except Unavailable as error:
        return str(error.facts["reason"])
    return None


def test_row_45_a_failed_fsync_is_not_tried_again(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(blobs, Given("first", b"makes the folders"))
    faults = Faults(monkeypatch, "fsync")
    with faults.at(1, errno.EIO), pytest.raises(Unavailable, match="look after the disk"):
        keep(blobs, Given("model", some_bytes(2 * MIB)))
    assert faults.calls == 1


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 3 MiB."""
    path = tmp_path / "tiny"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small disk")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True, capture_output=True)


@pytest.mark.parametrize("size", [MIB, 4 * MIB])
def test_row_44_on_a_full_disk_nothing_is_kept_and_reads_go_on(tiny: Path, size: int) -> None:
    blobs = LocalBlobs(tiny / "blobs")
    (old,) = keep(blobs, Given("old", some_bytes(1000)))
    given = [Given(f"{at}", some_bytes(size, at)) for at in range(4)]
    with pytest.raises(Unavailable, match="is full") as refusal:
        keep(blobs, *given)
    assert refusal.value.facts["reason"] == "storage_full"
    assert files_in(tiny / "blobs" / "incoming") == []
    assert digests(blobs) == [old.sha256]
    blobs.verify(old.sha256, old.size)
    keep(blobs, Given("new", some_bytes(1000, 1)))


def test_row_43_an_empty_blob_after_a_power_cut_is_never_passed_off_as_whole(
    blobs: LocalBlobs, root: Path
) -> None:
    sha256 = hashlib.sha256(b"model").hexdigest()
    keep(blobs, Given("other", b"other"))
    (root / "sha256" / sha256[:2]).mkdir(exist_ok=True)
    (root / "sha256" / sha256[:2] / sha256).touch()
    with pytest.raises(Corrupt, match="0 bytes instead of 5"):
        blobs.verify(sha256, 5)
    keep(blobs, Given("model", b"model"), known=True)
    blobs.verify(sha256, 5)
