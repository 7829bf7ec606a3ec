"""Past the page cache: the same bytes, whatever the disk, the memory and the place allow."""

from __future__ import annotations

import errno
import io
import os
from mmap import mmap
from pathlib import Path

import pytest

from modelry.blobs import direct
from modelry.blobs.direct import BLOCK, LARGE, LEAST, DirectWriter, ReadLately
from modelry.durable import write_all

MIB = 1024 * 1024


def aligned(size: int) -> memoryview:
    memory = mmap(-1, size)
    memory.write(os.urandom(size))
    return memoryview(memory)


def written(writer: DirectWriter, path: Path, parts: list[memoryview]) -> list[int]:
    """Write parts one after another as an upload does; answer what went directly of each."""
    path.touch()
    found, at = [], 0
    for part in parts:
        done = writer.write(path, at, part)
        with path.open("r+b") as out:
            out.seek(at + done)
            out.write(part[done:])
        found.append(done)
        at += len(part)
    return found


needs_direct = pytest.mark.skipif(
    not hasattr(os, "O_DIRECT"), reason="this system does not write past its cache"
)


def test_whatever_goes_directly_the_bytes_are_the_same(tmp_path: Path) -> None:
    parts = [aligned(MIB), aligned(MIB), aligned(300 * 1024 + 17), aligned(MIB), aligned(5)]
    path = tmp_path / "file"
    found = written(DirectWriter(), path, parts)
    assert path.read_bytes() == b"".join(parts)
    assert all(done % BLOCK == 0 for done in found)
    assert found[3:] == [0, 0]  # after an end within a block


@needs_direct
def test_what_is_small_goes_by_way_of_the_cache(tmp_path: Path) -> None:
    assert written(DirectWriter(), tmp_path / "file", [aligned(LEAST - BLOCK)]) == [0]


@needs_direct
def test_a_file_system_that_cannot_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    opened = os.open

    def refusing(path: Path, flags: int, *more: int) -> int:
        if flags & os.O_DIRECT:
            asked.append(path)
            raise OSError(errno.EINVAL, "cannot")
        return opened(path, flags, *more)

    monkeypatch.setattr(os, "open", refusing)
    parts = [aligned(MIB), aligned(MIB)]
    assert written(DirectWriter(), tmp_path / "file", parts) == [0, 0]
    assert len(asked) == 1
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


@needs_direct
def test_memory_that_a_disk_cannot_take_says_nothing_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = iter([True] * 17 + [False])

    def sometimes(out: int, data: memoryview) -> None:
        if next(refused, False):
            os.write(out, data[:BLOCK])
            raise OSError(errno.EINVAL, "cannot")
        write_all(out, data)

    monkeypatch.setattr(direct, "write_all", sometimes)
    parts = [aligned(MIB) for _ in range(20)]
    found = written(DirectWriter(), tmp_path / "file", parts)
    assert set(found) in ({0}, {0, MIB})
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


@needs_direct
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_is_told_and_nothing_half_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(out: int, data: memoryview) -> None:
        os.write(out, data[:BLOCK])
        raise OSError(number, "fails")

    path = tmp_path / "file"
    path.write_bytes(b"x" * BLOCK)
    writer = DirectWriter()
    monkeypatch.setattr(direct, "write_all", fails)
    with pytest.raises(OSError, match="fails"):
        writer.write(path, BLOCK, aligned(MIB))
    assert path.read_bytes() == b"x" * BLOCK


def large(path: Path, size: int) -> bytes:
    data = os.urandom(MIB) * (size // MIB) + os.urandom(size % MIB)
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    return data


@pytest.mark.parametrize("start", [0, BLOCK, 3 * MIB])
def test_what_is_read_directly_is_the_file(tmp_path: Path, start: int) -> None:
    path, size = tmp_path / "file", LARGE + 3 * MIB + 1234
    data = large(path, size)
    with path.open("rb") as blob:
        reader = ReadLately().direct(blob, start, size - start)
        if reader is None:  # the disk of this test cannot, or keeps it in the cache
            assert blob.read() == data
            return
        found, left, memory = [], size - start, memoryview(mmap(-1, MIB))
        while left:
            found.append(bytes(memory[: reader.read_into(memory)]))
            left -= len(found[-1])
        assert reader.read_into(memory) == 0
        reader.close()
    assert b"".join(found) == data[start:]


@pytest.mark.parametrize("what", ["little", "within a block", "in the cache", "a second time"])
def test_other_reads_go_by_way_of_the_cache(tmp_path: Path, what: str) -> None:
    path, lately = tmp_path / "file", ReadLately()
    large(path, LARGE)
    start, size = (17, LARGE) if what == "within a block" else (0, LARGE)
    with path.open("rb") as blob:
        if what == "in the cache":
            path.read_bytes()
        elif what == "a second time":
            first = lately.direct(blob, 0, LARGE)
            if first is not None:
                first.close()
        assert lately.direct(blob, start, size - (what == "little")) is None


def test_what_is_no_file_is_read_as_it_is() -> None:
    assert ReadLately().direct(io.BytesIO(b"x" * 10), 0, LARGE) is None
