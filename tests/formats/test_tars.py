"""Tar files: read through, never unpacked; what could do harm is refused."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from format_files import found, inspect

from modelry.core.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

END = bytes(1024)


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    """Describe a member for the real writer."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def tarred(
    members: Sequence[tuple[tarfile.TarInfo, bytes]], layout: int = tarfile.PAX_FORMAT
) -> bytes:
    """Write a tar with Python's own writer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def refused(data: bytes) -> str:
    """Answer the reason why this file is refused."""
    with pytest.raises(Invalid) as refusal:
        inspect(data)
    return refusal.value.message


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_of_every_layout_pass(layout: int) -> None:
    long = "/".join(["deep" * 10] * 3)
    if layout != tarfile.USTAR_FORMAT:
        long = f"{long}/{'ü' * 200}"
    members = [
        member("folder", tarfile.DIRTYPE),
        member(long, data=b"abc"),
        member("folder/link", tarfile.SYMTYPE, "../folder/x"),
        member("hard", tarfile.LNKTYPE, "folder/x"),
        member("late", tarfile.SYMTYPE, "l" * 90),
        member("folder/x", data=b"x" * 1000),
    ]
    assert found(tarred(members, layout)).details == {"files": 2, "bytes": 1003}


def test_a_tar_older_than_any_magic_is_known_by_its_checksum() -> None:
    data = bytearray(tarred([member("a", data=b"abc")], tarfile.USTAR_FORMAT))
    data[257:265] = bytes(8)
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 256 + sum(data[156:512]))
    assert found(bytes(data)).format == "tar"


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"S", b"Q"])
def test_row_18_devices_pipes_and_sparse_files_are_refused(kind: bytes) -> None:
    assert "the member 'a' of the tar is " in refused(tarred([member("a", kind)]))


def test_row_18_sparse_files_in_extended_headers_are_refused() -> None:
    info, data = member("a", data=b"abc")
    info.pax_headers = {"GNU.sparse.realsize": "999999999999"}
    assert "sparse" in refused(tarred([(info, data)]))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a", "/etc/passwd"),
        ("a", "../x"),
        ("a/b", "../../x"),
        ("a/b", "c/../../x"),
    ],
)
def test_row_18_symbolic_links_that_leave_are_refused(name: str, target: str) -> None:
    assert "leaves the folder" in refused(tarred([member(name, tarfile.SYMTYPE, target)]))


def test_row_18_hard_links_that_leave_are_refused() -> None:
    for target in ("/etc/passwd", "../x"):
        assert "leaves the folder" in refused(tarred([member("a", tarfile.LNKTYPE, target)]))


def test_row_18_nothing_may_lie_behind_a_link() -> None:
    link = member("a", tarfile.SYMTYPE, "b")
    for behind in (
        member("a/x"),
        member("a"),
        member("c", tarfile.LNKTYPE, "a/x"),
        member("a/c", tarfile.SYMTYPE, "d"),
    ):
        message = refused(tarred([link, behind]))
        assert "behind a link" in message or "leaves the folder" in message


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../b", "c:/x", "a\\b"])
def test_row_19_names_that_leave_the_folder_are_refused(name: str) -> None:
    assert "leaves the folder" in refused(tarred([member(name)]))


def test_row_18_wrong_checksums_and_broken_headers_are_refused() -> None:
    data = bytearray(tarred([member("a", data=b"abc")]))
    data[0] = ord("b")
    assert "wrong checksum" in refused(bytes(data))
    data[148] = ord("z")
    assert "wrong checksum" in refused(bytes(data))
    info, content = member("a", data=b"abc")
    info.pax_headers = {"size": "-1"}
    assert "gives the size" in refused(tarred([(info, content)]))
    info.pax_headers = {"comment": "hello"}
    broken = tarred([(info, content)]).replace(b"17 comment", b"99 comment")
    assert "extended header of the tar is broken" in refused(broken)


def test_large_numbers_are_read_in_base_256_and_compared_with_the_file() -> None:
    info, _ = member("a")
    info.size = 2**40
    header = info.tobuf(tarfile.GNU_FORMAT)
    assert "claims 1,099,511,627,776 bytes" in refused(header + END)


def test_a_size_that_is_no_number_is_refused() -> None:
    data = bytearray(tarred([member("a")], tarfile.USTAR_FORMAT))
    data[124:127] = b"xyz"
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 256 + sum(data[156:512]))
    assert "not an octal number" in refused(bytes(data))


def test_row_20_bytes_behind_the_end_are_refused() -> None:
    assert "follow the end of the tar" in refused(tarred([member("a")]) + b"x" * 512)


def test_folders_of_old_tars_end_in_a_slash() -> None:
    info, _ = member("folder/", b"\0")
    assert found(info.tobuf(tarfile.USTAR_FORMAT) + END).details == {"files": 0, "bytes": 0}


def test_global_headers_say_nothing_of_a_member() -> None:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x"}
    ) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    assert found(buffer.getvalue()).details == {"files": 1, "bytes": 0}


def test_a_tar_of_too_many_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelry.formats.tars._MAX_MEMBERS", 2)
    assert "more than 2" in refused(tarred([member(str(at)) for at in range(3)]))


def test_row_36_a_tar_cut_short_before_its_end_is_refused() -> None:
    whole = tarred([member("a", data=b"abc" * 300)], tarfile.USTAR_FORMAT)
    for length in range(512, 2048, 64):
        refused(whole[:length])
