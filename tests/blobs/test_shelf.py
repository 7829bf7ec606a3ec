"""Folders of versions: verified, whole, and their users' own."""

import errno
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from modelry.blobs import building
from modelry.blobs.local import LocalBlobs
from modelry.blobs.shelf import LocalShelf
from modelry.core.errors import Conflict, Corrupt, Invalid, Unavailable
from modelry.core.model import File, Version
from modelry.testing.blobs import Given, keep, some_bytes

MIB = 1024 * 1024


class Counting:
    """The blobs of a store, and how often one was opened."""

    def __init__(self, blobs: LocalBlobs) -> None:
        self._blobs = blobs
        self.opened = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a store has
        return getattr(self._blobs, name)

    def open(self, sha256: str) -> BinaryIO:
        self.opened += 1
        return self._blobs.open(sha256)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.fixture
def blobs(tmp_path: Path) -> Counting:
    return Counting(LocalBlobs(tmp_path / "blobs"))


@pytest.fixture
def shelf(root: Path, blobs: Counting) -> LocalShelf:
    return LocalShelf(root, blobs)


def version_of(*files: File, kind: str = "folder") -> Version:
    digest = hashlib.sha256(repr(files).encode()).hexdigest()
    return Version(
        id=1, project="default", name="credit", number=3, version="1.2.0", stage="none",
        aliases=(), digest=f"sha256:{digest}", kind=kind, files=files,  # type: ignore[arg-type]
        size=sum(file.size for file in files), metrics={}, params={}, tags={}, datasets=(),
        description="", findings=None, source="", run_id=None, base=None, commit=None,
        environment="", author="ada", created=0,
    )  # fmt: skip


@pytest.fixture
def version(blobs: Counting) -> Version:
    given = [
        Given("config.json", b"{}"),
        Given("sub/empty", b""),
        Given("sub/twin", b"{}"),
        Given("weights.bin", some_bytes(3 * MIB + 1)),
    ]
    return version_of(*keep(blobs, *given))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def folders(root: Path) -> list[str]:
    """Name the folders that users see, and those that are being made."""
    return sorted(path.name for path in root.glob("??/*/*") if path.is_dir())


def test_a_version_becomes_a_folder_of_its_files(shelf: LocalShelf, version: Version) -> None:
    assert tree(shelf.place(version)) == {
        "config.json": b"{}",
        "sub/empty": b"",
        "sub/twin": b"{}",
        "weights.bin": some_bytes(3 * MIB + 1),
    }


def test_a_version_of_one_file_answers_the_path_of_that_file(
    shelf: LocalShelf, blobs: Counting, tmp_path: Path
) -> None:
    version = version_of(*keep(blobs, Given("model.onnx", b"onnx")), kind="file")
    path = shelf.place(version)
    assert (path.name, path.read_bytes()) == ("model.onnx", b"onnx")
    assert shelf.place(version, tmp_path / "out") == tmp_path / "out" / "model.onnx"


def test_asking_again_answers_the_same_place_without_reading(
    shelf: LocalShelf, blobs: Counting, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shelf.place(version)
    opened = blobs.opened
    monkeypatch.setattr(building, "hash_file", lambda *_: pytest.fail("a file was read"))
    assert shelf.place(version) == first
    assert blobs.opened == opened


def test_writing_there_does_not_reach_the_registry(
    shelf: LocalShelf, blobs: Counting, version: Version
) -> None:
    folder = shelf.place(version)
    for file in version.files:
        assert (folder / file.path).stat().st_nlink == 1
        with (folder / file.path).open("r+b") as handle:
            handle.write(b"changed")
        blobs.verify(file.sha256, file.size)


def write(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"[]")


def remove(folder: Path) -> None:
    (folder / "sub/twin").unlink()


def add(folder: Path) -> None:
    (folder / "sub/more").write_bytes(b"mine")


def add_folder(folder: Path) -> None:
    (folder / "mine").mkdir()


def link(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("sub/twin")


def file_for_folder(folder: Path) -> None:
    shutil.rmtree(folder / "sub")
    (folder / "sub").touch()


CHANGES = [write, remove, add, add_folder, link, file_for_folder]


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_that_its_user_changed_is_left_alone_and_a_fresh_one_is_made(
    shelf: LocalShelf, version: Version, change: Callable[[Path], None]
) -> None:
    first = shelf.place(version)
    whole = tree(first)
    change(first)
    changed = tree(first)
    second = shelf.place(version)
    assert second != first
    assert tree(second) == whole
    assert tree(first) == changed
    assert shelf.place(version) == second


def test_a_change_that_keeps_size_and_time_is_seen(shelf: LocalShelf, version: Version) -> None:
    first = shelf.place(version)
    state = (first / "config.json").stat()
    write(first)
    os.utime(first / "config.json", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert shelf.place(version) != first


def test_a_folder_that_was_removed_is_made_again(shelf: LocalShelf, version: Version) -> None:
    first = shelf.place(version)
    whole = tree(first)
    shutil.rmtree(first)
    assert tree(shelf.place(version)) == whole


def test_a_file_that_was_only_touched_is_read_once_and_accepted(
    shelf: LocalShelf, blobs: Counting, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shelf.place(version)
    opened = blobs.opened
    os.utime(first / "config.json", ns=(1, 1))
    time.sleep(0.05)  # what was changed just now would be read twice
    assert shelf.place(version) == first
    assert blobs.opened == opened
    monkeypatch.setattr(building, "hash_file", lambda *_: pytest.fail("a file was read"))
    assert shelf.place(version) == first


def test_what_loading_leaves_behind_is_no_change(shelf: LocalShelf, version: Version) -> None:
    first = shelf.place(version)
    (first / "__pycache__").mkdir()
    (first / "__pycache__/model.pyc").touch()
    assert shelf.place(version) == first


@pytest.mark.parametrize("text", ["", "{", "[]", '{"config.json": 1}', '{"x": ["a", 1, 2, 3]}'])
def test_without_a_readable_record_a_fresh_folder_is_made(
    shelf: LocalShelf, version: Version, text: str
) -> None:
    first = shelf.place(version)
    (first.parent / "1.json").write_text(text)
    second = shelf.place(version)
    assert second != first
    assert tree(second) == tree(first)


@pytest.mark.parametrize("path", ["config.json", "weights.bin"])
@pytest.mark.parametrize("damage", ["missing", "changed", "truncated"])
def test_row_35_a_missing_or_changed_blob_names_the_file_and_leaves_no_folder(
    shelf: LocalShelf, version: Version, tmp_path: Path, damage: str, path: str
) -> None:
    sha256 = next(file.sha256 for file in version.files if file.path == path)
    blob = tmp_path / "blobs" / "sha256" / sha256[:2] / sha256
    blob.chmod(0o644)
    if damage == "missing":
        blob.unlink()
    elif damage == "changed":
        blob.write_bytes(b"x" + blob.read_bytes()[1:])
    else:
        os.truncate(blob, 1)
    for to in (None, tmp_path / "out"):
        with pytest.raises(Corrupt, match=rf"'{path}' of credit:3|'sub/twin' of credit:3"):
            shelf.place(version, to)
    assert folders(tmp_path / "shelf") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "shelf"]


@pytest.mark.parametrize("call", ["write", "fsync", "open", "mkdir", "rename"])
def test_row_44_a_disk_that_refuses_at_any_point_leaves_no_folder(
    shelf: LocalShelf, version: Version, root: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real, calls, failing = getattr(os, call), count(1), 1

    def refuse(*args: object, **keywords: object) -> object:
        if next(calls) == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **keywords)

    monkeypatch.setattr(os, call, refuse)
    while (refusal := try_to_place(shelf, version)) is not None:
        assert refusal == "storage_full"
        assert folders(root) == []
        calls, failing = count(1), failing + 1
    assert failing > 1, "no point was reached"
    assert folders(root) == ["1"]


def try_to_place(shelf: LocalShelf, version: Version) -> object:
    """Answer why the version could not be placed, None where it is."""
    try:
        shelf.place(version)
    except Unavailable as error:
        return error.facts["reason"]
    return None


def test_a_shared_copy_is_verified_too(
    shelf: LocalShelf, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clone(blob: BinaryIO, out: int) -> bool:
        os.write(out, blob.read())
        return True

    monkeypatch.setattr(building, "_clone", clone)
    assert tree(shelf.place(version))["sub/twin"] == b"{}"
    monkeypatch.setattr(building, "_clone", lambda _blob, out: bool(os.write(out, b"lies")))
    shutil.rmtree(shelf.place(version))
    with pytest.raises(Corrupt, match=r"credit:3"):
        shelf.place(version)


def test_progress_ends_with_everything(shelf: LocalShelf, version: Version) -> None:
    calls: list[tuple[str, int, int]] = []
    shelf.place(version, None, lambda *call: calls.append(call))
    assert calls[-1] == ("placing", version.size, version.size)


def test_row_1_a_path_that_leaves_the_folder_is_refused(
    shelf: LocalShelf, blobs: Counting, root: Path
) -> None:
    (file,) = keep(blobs, Given("x", b"x"))
    for path in ("../x", "/x", "a/../../x", "a\\x", "C:x"):
        with pytest.raises(Invalid):
            shelf.place(version_of(File(path, file.sha256, file.size)))
    with pytest.raises(Invalid):
        shelf.place(replace(version_of(file), digest="sha256:../../x"))
    assert folders(root) == []


def test_to_a_folder_of_ones_own(shelf: LocalShelf, version: Version, tmp_path: Path) -> None:
    empty, fresh = tmp_path / "empty", tmp_path / "a" / "fresh"
    empty.mkdir()
    (tmp_path / "link").symlink_to(empty)
    for to in (fresh, tmp_path / "link"):
        assert shelf.place(version, to) == to
        assert tree(to)["config.json"] == b"{}"
        assert shelf.place(version, to) == to, "it holds this version already"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "blobs", "empty", "link"]


@pytest.mark.parametrize("change", [*CHANGES, "file", "dangling"])
def test_a_folder_that_holds_something_else_is_a_conflict(
    shelf: LocalShelf, version: Version, tmp_path: Path, change: Callable[[Path], None] | str
) -> None:
    to = tmp_path / "out"
    if change == "file":
        to.write_text("mine")
    elif change == "dangling":
        to.symlink_to("absent")
    elif callable(change):
        shelf.place(version, to)
        change(to)
    before = tree(to)
    with pytest.raises(Conflict, match="holds something else"):
        shelf.place(version, to)
    assert tree(to) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "out"]


def test_many_threads_and_places_at_once_give_one_whole_folder(
    shelf: LocalShelf, version: Version, root: Path, tmp_path: Path
) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda to=to: found.append(shelf.place(version, to)))
        for to in [None, tmp_path / "out"] * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 2
    assert folders(root) == ["1"]
    assert tree(found[0]) == tree(found[1])


_PLACES = """
import pickle, sys
from pathlib import Path
from modelry.blobs.local import LocalBlobs
from modelry.blobs.shelf import LocalShelf
home = Path(sys.argv[1])
version = pickle.loads((home / "version").read_bytes())
print(LocalShelf(home / "shelf", LocalBlobs(home / "blobs")).place(version))
"""


def test_many_processes_at_once_give_one_whole_folder(
    version: Version, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "version").write_bytes(pickle.dumps(version))
    command = [sys.executable, "-c", _PLACES, str(tmp_path)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {child.communicate()[0] for child in children}
    assert len(answers) == 1
    assert folders(root) == ["1"]
    assert tree(Path(answers.pop().strip()))["sub/twin"] == b"{}"


def test_what_a_killed_process_left_half_made_goes_with_the_next(
    shelf: LocalShelf, version: Version, root: Path
) -> None:
    first = shelf.place(version)
    first.rename(first.parent / "1.part")
    assert shelf.place(version).name == "2"
    assert folders(root) == ["2"]


def test_tidy_keeps_the_current_folder_of_a_living_version(
    shelf: LocalShelf, version: Version
) -> None:
    folder = shelf.place(version)
    assert shelf.tidy(lambda digest: digest == version.digest) == 0
    assert shelf.place(version) == folder


def test_tidy_removes_an_unchanged_folder_of_a_version_that_is_gone(
    shelf: LocalShelf, version: Version, root: Path
) -> None:
    shelf.place(version)
    assert shelf.tidy(lambda _digest: False) == version.size
    assert list(root.glob("??/*")) == []


@pytest.mark.parametrize("change", [write, add, add_folder, link, file_for_folder])
def test_tidy_leaves_a_folder_alone_that_its_user_changed(
    shelf: LocalShelf, version: Version, change: Callable[[Path], None]
) -> None:
    first = shelf.place(version)
    change(first)
    before = tree(first)
    second = shelf.place(version)
    assert shelf.tidy(lambda _digest: False) == version.size
    assert tree(first) == before
    assert not second.exists()


def test_tidy_removes_a_superseded_folder_in_which_nothing_is_its_users(
    shelf: LocalShelf, version: Version
) -> None:
    first = shelf.place(version)
    remove(first)
    second = shelf.place(version)
    assert shelf.tidy(lambda _digest: True) == version.size - 2
    assert not first.exists()
    assert shelf.place(version) == second


def test_a_thousand_files_are_checked_in_a_moment(shelf: LocalShelf, blobs: Counting) -> None:
    given = [Given(f"{at % 10}/{at}.bin", b"%d" % at) for at in range(1000)]
    version = version_of(*keep(blobs, *given))
    first = shelf.place(version)
    opened = blobs.opened
    assert shelf.place(version) == first
    assert blobs.opened == opened
