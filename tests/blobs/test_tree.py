"""Looking at local files and folders."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelry.blobs import tree
from modelry.blobs.tree import LocalSource, LocalSources
from modelry.core.errors import Conflict, Invalid, NotFound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    return made


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def look(path: Path) -> LocalSource:
    return LocalSources().open(path)


def paths(path: Path) -> list[str]:
    return [file.path for file in look(path).files]


def contents(path: Path) -> dict[str, str]:
    found = {}
    for file in look(path).files:
        with file.open() as handle:
            found[file.path] = handle.read().decode()
    return found


def test_a_file_is_one_file_under_its_own_name(folder: Path) -> None:
    put(folder, "model.onnx")
    source = look(folder / "model.onnx")
    assert (source.kind, source.name) == ("file", "model.onnx")
    assert [(file.path, file.size) for file in source.files] == [("model.onnx", 10)]
    assert contents(folder / "model.onnx") == {"model.onnx": "model.onnx"}


def test_a_folder_keeps_relative_paths_in_the_order_of_their_bytes(folder: Path) -> None:
    put(folder, "b/c.bin", "b.bin", "a.bin", "ä.bin", "Z.bin", "b/a/x.bin")
    source = look(folder)
    assert (source.kind, source.name) == ("folder", "model")
    assert paths(folder) == ["Z.bin", "a.bin", "b.bin", "b/a/x.bin", "b/c.bin", "ä.bin"]


def test_hidden_files_are_kept_and_empty_folders_are_not(folder: Path) -> None:
    put(folder, ".config", ".hidden/x")
    (folder / "empty/inner").mkdir(parents=True)
    assert paths(folder) == [".config", ".hidden/x"]


@pytest.mark.parametrize("name", sorted(tree.LEFT_OUT))
def test_what_tools_leave_behind_is_left_out(folder: Path, name: str) -> None:
    put(folder, "model.bin", f"sub/{name}/x", f"{name}/y")
    assert paths(folder) == ["model.bin"]


def test_the_folder_one_is_in_has_its_real_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "sub/model.bin")
    monkeypatch.chdir(folder / "sub")
    assert look(Path()).name == "sub"
    assert look(Path("..")).name == "model"


def test_nothing_there_is_not_found(folder: Path) -> None:
    with pytest.raises(NotFound, match="absent"):
        look(folder / "absent")


def test_a_folder_without_a_file_is_refused(folder: Path) -> None:
    (folder / "empty").mkdir()
    put(folder, ".git/config")
    with pytest.raises(Invalid, match="holds no file"):
        look(folder)


def test_the_named_path_itself_may_be_a_link(folder: Path) -> None:
    put(folder, "model.bin")
    (folder.parent / "link").symlink_to(folder)
    (folder.parent / "file").symlink_to(folder / "model.bin")
    assert look(folder.parent / "link").name == "link"
    assert contents(folder.parent / "link") == {"model.bin": "model.bin"}
    assert contents(folder.parent / "file") == {"file": "model.bin"}


def test_links_inside_stand_for_what_they_point_at(folder: Path) -> None:
    put(folder, "data/model.bin")
    (folder / "file").symlink_to("data/model.bin")
    (folder / "sub").symlink_to(folder / "data")
    (folder / "chain").symlink_to("sub")
    assert contents(folder) == dict.fromkeys(
        ["chain/model.bin", "data/model.bin", "file", "sub/model.bin"], "data/model.bin"
    )


@pytest.mark.parametrize(
    "target",
    ["../secret", "../other", "..", "/etc/passwd", "/", "../model-2/x", "sub/../../secret"],
)
def test_a_link_that_leaves_the_folder_is_refused(folder: Path, target: str) -> None:
    put(folder, "model.bin", "sub/x", "../secret", "../other/x", "../model-2/x")
    (folder / "link").symlink_to(target)
    with pytest.raises(Invalid, match=r"'link' leaves the folder"):
        look(folder)


def test_a_link_to_a_link_that_leaves_the_folder_is_refused(folder: Path) -> None:
    put(folder, "model.bin", "../secret")
    (folder.parent / "way").symlink_to(folder / "model.bin")
    (folder / "in").symlink_to(folder.parent / "way")  # comes back, so it stays inside
    assert contents(folder)["in"] == "model.bin"
    (folder / "out").symlink_to("out-2")
    (folder / "out-2").symlink_to("../secret")
    with pytest.raises(Invalid, match="leaves the folder"):
        look(folder)


def test_a_dangling_link_is_refused(folder: Path) -> None:
    put(folder, "model.bin")
    (folder / "link").symlink_to("absent")
    with pytest.raises(Invalid, match=r"'link' points at nothing"):
        look(folder)


@pytest.mark.parametrize("target", ["link", ".", "..", "../../model"])
def test_a_link_that_leads_into_itself_is_refused(folder: Path, target: str) -> None:
    put(folder, "sub/model.bin")
    (folder / "sub/link").symlink_to(target)
    with pytest.raises(Invalid, match=r"sub/link"):
        look(folder)


@pytest.fixture
def odd(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = folder / "odd"
    if request.param == "pipe":
        os.mkfifo(path)
        yield path
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            yield path
    else:
        yield Path("/dev/null")


@pytest.mark.parametrize("odd", ["pipe", "socket", "device"], indirect=True)
def test_pipes_sockets_and_devices_are_refused(odd: Path) -> None:
    with pytest.raises(Invalid, match="holds no bytes to keep"):
        look(odd)


@pytest.mark.parametrize("odd", ["pipe", "socket"], indirect=True)
def test_pipes_and_sockets_in_a_folder_are_refused_by_name(odd: Path) -> None:
    put(odd.parent, "model.bin")
    with pytest.raises(Invalid, match="'odd' is a"):
        look(odd.parent)


def test_row_1_names_that_other_machines_misread_are_refused(folder: Path) -> None:
    put(folder, "a\\..\\b")
    with pytest.raises(Invalid, match="not a path inside a version"):
        look(folder)


def test_names_that_are_not_unicode_are_refused(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.bin")).touch()
    with pytest.raises(Invalid, match="not valid Unicode"):
        look(folder)


def test_names_that_differ_in_case_alone_are_refused(folder: Path) -> None:
    put(folder, "Model.bin", "model.bin")
    with pytest.raises(Invalid, match="one file on some systems"):
        look(folder)


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "a", "b", "c")
    monkeypatch.setattr(tree, "MAX_FILES", 2)
    with pytest.raises(Invalid, match="more than 2 files"):
        look(folder)


@pytest.mark.parametrize("change", ["append", "touch", "replace", "link", "pipe", "remove"])
def test_a_file_that_changed_since_it_was_looked_at_is_not_opened(
    folder: Path, change: str
) -> None:
    put(folder, "model.bin", "other")
    path = folder / "model.bin"
    (file,) = look(path).files
    if change == "append":
        path.write_text("model.bin and more")
    elif change == "touch":
        os.utime(path, ns=(1, 1))
    else:
        path.unlink()
    if change == "replace":
        put(folder, "model.bin")
        os.utime(path, ns=(1, 1))
    elif change == "link":
        path.symlink_to("other")
    elif change == "pipe":
        os.mkfifo(path)
    with pytest.raises(Conflict, match=r"'model\.bin' changed"):
        file.open()


_UNPRIVILEGED = """
import os, sys
from pathlib import Path
from modelry.blobs.tree import LocalSources
from modelry.core.errors import Invalid
if os.getuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    LocalSources().open(Path(sys.argv[1]))
except Invalid as error:
    print(error)
"""


@pytest.mark.parametrize("locked", ["model.bin", "sub"])
def test_what_the_user_may_not_read_is_refused_by_name(locked: str) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to other users
        folder = Path(name)
        put(folder, "model.bin", "sub/x")
        folder.chmod(0o755)
        (folder / locked).chmod(0)
        command = [sys.executable, "-c", _UNPRIVILEGED, name]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        (folder / locked).chmod(0o700)
    assert f"{locked}" in run.stdout
    assert "may not be read" in run.stdout
